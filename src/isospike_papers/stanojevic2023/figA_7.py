"""Fewer spikes in the segments that neighbouring values share mean fewer additions, and at last fewer right answers.

Fashion-MNIST, extended correlative time encoding, 784-800-50, without multiplications.  Source: Stanojevic 2023,
Fig. A.7."""

from typing import TYPE_CHECKING

from isospike.plot import tidy
from isospike.report.claim import Claim, Found, Row, Setup, at_least, at_most, number
from isospike_papers.shared.recipe import TRAINS
from isospike_papers.stanojevic2023.parts.compared import ADDITIONS, FREE, LOOKED_UP, figures
from isospike_papers.stanojevic2023.parts.patterns import FEWER, SHALLOW, answering, parts, plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class FigA7(Claim):
    """Fig. A.7: accuracy against additions, as the segments have fewer spikes."""

    source = "Stanojevic 2023, Fig. A.7"
    options = {"samples": (64, None, None)} | TRAINS | {"training": (512, 54_000, 54_000), "epochs": (1, 5, 1000)}

    def measure(self, setup: Setup) -> Found:
        """Train or fetch a network for each number of spikes, and run it with shifts and additions."""
        train, held_out, test = parts("fashion_mnist", setup)
        rows = []
        for spikes, code in FEWER.items():
            network = answering(plan("fashion_mnist", code, SHALLOW, train, setup), train, held_out, setup.device)
            rows.append(Row(f"η = {spikes}", figures(network, test)))
        right = [number(row.measured[FREE]) for row in rows]
        added = [number(row.measured[ADDITIONS]) for row in rows]
        # How much accuracy each million of additions costs, at the beginning and at the end of the way down
        first, last = (1e6 * (right[i] - right[i + 1]) / (added[i] - added[i + 1]) for i in (0, len(rows) - 2))
        return Found(
            rows=rows,
            held=(
                at_most("additions fall with the spikes", added[-1] / added[0], 0.5, "of those of η = 6"),
                at_least("and accuracy with them", right[0] - right[-1], 0, "points"),
                at_least("not in proportion: the last additions are worth more", last - first, 0, "points a million"),
            ),
            notes=(
                f"{len(train):,} training images, {setup.epochs} epochs, the best by {len(held_out):,} others, one "
                f"trial; {len(test):,} test images.  Other settings are those of Fig. A.6; the source's figures are "
                "in the picture only.",
                LOOKED_UP,
            ),
            draw=lambda: _figure(added, right, [row.case for row in rows]),
        )


def _figure(added: list[float], right: list[float], cases: list[str]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 3.8), layout="constrained")
    ax = figure.subplots()
    ax.plot([value / 1e6 for value in added], right, "o-", color="#1f4e79")
    for x, y, case in zip(added, right, cases, strict=True):
        ax.annotate(case, (x / 1e6, y), xytext=(7, 5), textcoords="offset points", fontsize=8)
    tidy(ax, "Fashion-MNIST, without multiplications", xlabel="million additions, first layer", ylabel="accuracy [%]")
    return figure
