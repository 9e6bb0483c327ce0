"""Networks of units on patterns come near the ReLU network of the same widths, far above a linear classifier, and lose
nothing without multiplications.

MNIST, permutation invariant; trained with the shifts that multiplication-free inference takes.  Source: Stanojevic
2023, Fig. A.5 and sec. A.2.4."""

from dataclasses import replace
from typing import ClassVar

import torch

from isospike.report.claim import Claim, Found, Held, Row, Setup, at_least, at_most, number
from isospike.train.units import HEARD
from isospike_papers.shared.recipe import TRAINS
from isospike_papers.stanojevic2023.parts.compared import (
    ACCURACY,
    ADDITIONS,
    FREE,
    LOOKED_UP,
    MACHINE,
    PRODUCTS,
    WHOLE,
    drawn,
    figures,
    right,
)
from isospike_papers.stanojevic2023.parts.patterns import (
    CODES,
    DEEP,
    LAST,
    RATE,
    RATES,
    SHALLOW,
    STEPS,
    WHITE,
    answering,
    machine,
    original,
    parts,
    plan,
)

NETWORKS = {"shallow": SHALLOW, "deep": DEEP}
MOVED = {"mnist": "images moved by up to a pixel", "fashion_mnist": "half of the images mirrored"}
TITLE = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}


class FigA5(Claim):
    """Fig. A.5: patterns of MNIST, units with one hidden layer and with three."""

    source = "Stanojevic 2023, Fig. A.5"
    paper = {  # its accuracies are in the pictures only; counts as they are printed
        "CTE, shallow": {ADDITIONS: 868_000},
        "ECTE, deep": {ADDITIONS: 1_445_760},
        "ReLU, shallow": {PRODUCTS: 125_600},
        "rate code, deep": {ADDITIONS: 4_014_080, PRODUCTS: 76_800},
    }
    options = {"samples": (64, None, None)} | TRAINS | {"training": (512, 54_000, 54_000), "epochs": (1, 10, 1000)}
    data = "mnist"
    longer: ClassVar[dict[str, tuple[str, int]]] = {  # codes, and times the epochs
        "CTE, ten spikes, longer": ("CTE-n10", 2),
        "ECTE, longer": ("ECTE", 6),
    }
    counts: ClassVar[tuple[str, ...]] = (  # what is to be said of the printed ones
        "The printed 868,000 and 125,600 hold for 785 inputs, and 1,445,760 for neither of its layers: 1,282,560 "
        "would be consistent.",
    )

    def measure(self, setup: Setup) -> Found:
        """Train or fetch every network, and run each in three kinds of arithmetic."""
        train, held_out, test = parts(self.data, setup)

        def row(case: str, code: str, hidden: tuple[int, ...], **changes: float) -> Row:
            one = replace(plan(self.data, code, hidden, train, setup), **changes)  # type: ignore[arg-type]
            return Row(case, figures(answering(one, train, held_out, setup.device), test))

        rows = [row(f"{code}, {name}", code, hidden) for code in CODES for name, hidden in NETWORKS.items()]
        rows.append(row("ECTE, shallow, no leak", "ECTE", SHALLOW, leak=1.0))
        rows.append(row("rate code, deep", RATE, DEEP))
        rows += [
            row(case, code, SHALLOW, epochs=times * (setup.epochs or 1)) for case, (code, times) in self.longer.items()
        ]
        shown = answering(plan(self.data, "ECTE", SHALLOW, train, setup), train, held_out)
        share = float(torch.cat([(x > 0).flatten(1).double().mean(1) for x in test]).mean())
        for name, hidden in NETWORKS.items():
            accuracy = right(original(self.data, hidden, train, setup.epochs or 1, setup), test)
            rows.append(Row(f"ReLU, {name}", {ACCURACY: accuracy, PRODUCTS: share * 784 * hidden[0]}))
        rows.append(Row(MACHINE, {ACCURACY: machine(train, test, setup.seed)}))
        images = plan(self.data, "ECTE", SHALLOW, train, setup)
        return Found(
            rows=rows,
            held=self.claims({row.case: {key: number(value) for key, value in row.measured.items()} for row in rows}),
            notes=(
                f"{len(train):,} training images, {setup.epochs} epochs, the best by {len(held_out):,} others, one "
                f"trial; {len(test):,} test images.  The source stops after 100 epochs without progress and gives "
                f"no learning rate, ω, Q, δn nor dropout: here {RATES[self.data]:g}, falling to {LAST:g} of it, "
                f"thresholds from 1 (the source: 0.07), ω = 10, ECTE with Q = 8 and δn = 8, CTE with Q = 1, "
                f"dropout {images.dropout}, {MOVED[self.data]}, the ReLU networks' too; between hidden layers weights "
                f"that begin {HEARD:g} times as large as the first layer's.  The rate code, as in Woźniak 2020, has "
                f"{STEPS} steps and {WHITE} spikes of a white pixel, and a quarter of the epochs.",
                f"{100 * share:.1f} % of the features are not zero.  Additions of the first layer are counted: spikes "
                "of the input times neurons, and three for the leak of each neuron and step.",
                LOOKED_UP,
                *(f"{case}: shallow, {times} times as many epochs." for case, (_, times) in self.longer.items()),
                *self.counts,
            ),
            draw=lambda: drawn(rows, f"{TITLE[self.data]}, {setup.epochs} epochs", shown, test),
        )

    def claims(self, at: dict[str, dict[str, float]]) -> tuple[Held, ...]:
        """What the text says of this data set."""
        codes = [f"{code}, {name}" for code in CODES for name in NETWORKS]
        more = min(at[f"ECTE, {name}"][ACCURACY] - at[f"CTE, {name}"][ACCURACY] for name in NETWORKS)
        deeper = min(at[f"{code}, deep"][ACCURACY] - at[f"{code}, shallow"][ACCURACY] for code in CODES)
        behind = max(at[f"ReLU, {name}"][ACCURACY] - at[f"ECTE, {name}"][ACCURACY] for name in NETWORKS)
        ahead = min(at[case][ACCURACY] for case in codes) - at[MACHINE][ACCURACY]
        lost = max(at[case][ACCURACY] - at[case][FREE] for case in codes)
        whole = max(at[case][ACCURACY] - at[case][WHOLE] for case in codes)
        return (
            at_least("ECTE is no worse than CTE", more, 0, "points"),
            at_least("deep networks are no worse than shallow ones", deeper, 0, "points"),
            at_most("ECTE comes near the ReLU network", behind, 1, "point behind"),
            at_least("all are far above the support vector machine", ahead, 3, "points"),
            at_most("without multiplications nothing is lost", lost, 0.3, "points"),
            at_most("nor in whole numbers", whole, 0.3, "points"),
        )
