"""With one hidden layer a spiking network trained from scratch ends with the predictions of the ReLU network trained
from the same seed.

340 hidden neurons, Adam at 5e-4 falling by 0.9 every 5,000 steps.  Source: Stanojevic 2023, Table 3.3.
"""

import torch

from isospike.errors import InvalidData
from isospike.report.claim import Claim, Found, Held, Row, Setup
from isospike_papers.shared.recipe import TRAINS
from isospike_papers.stanojevic2023.parts.twins import MAPPABLE, RELU, REORDERED, Plan, Twins, opened

RELU_ACCURACY, SNN_ACCURACY, AGREEMENT, VALUES = (
    "ReLU accuracy [%]",
    "SNN accuracy [%]",
    "equal predictions [%]",
    "largest difference / largest output",
)
ROUNDING, ROUNDING_VALUES = f"rounding alone: {AGREEMENT}", f"rounding alone: {VALUES}"
NAMES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}


class Table33(Claim):
    """Table 3.3: one hidden layer, ReLU and spiking, from the same seed."""

    source = "Stanojevic 2023, Table 3.3"
    paper = {
        "MNIST": {RELU_ACCURACY: 98.3, SNN_ACCURACY: 98.3},
        "MNIST, Comşa et al. 2021": {SNN_ACCURACY: 97.96},  # as the table quotes them
        "MNIST, Zhang et al. 2021": {SNN_ACCURACY: 98.0},
        "MNIST, Stanojevic et al. 2022": {SNN_ACCURACY: 98.2},
        "Fashion-MNIST": {RELU_ACCURACY: 90.14, SNN_ACCURACY: 90.14},
        "Fashion-MNIST, Zhang et al. 2021": {SNN_ACCURACY: 88.1},
        "Fashion-MNIST, Stanojevic et al. 2022": {SNN_ACCURACY: 88.93},
    }
    options = {"samples": (64, None, None)} | TRAINS | {"epochs": (1, 50, 50)}

    def measure(self, setup: Setup) -> Found:
        """Train or fetch both networks for both data sets, in single and in double precision."""
        rows, measured = list[Row](), dict[bool, list[dict[str, float]]]()
        for data, name in NAMES.items():
            try:
                split = opened(data, setup.data_dir)
            except InvalidData as error:
                rows.append(Row(name, {}, note=f"not run: {error.what}"))
                continue
            for double in (False, True):
                epochs, batch = setup.epochs or 1, 8 if setup.full else 64
                plan = Plan(
                    "fc2", data, epochs, setup.training, setup.samples, batch=batch, double=double, seed=setup.seed
                )
                found = compared(Twins(plan, split.train, split.reported["test set"], setup.device))
                measured.setdefault(double, []).append(found)
                rows.append(Row(f"{name}, {'double' if double else 'single'} precision", found))
        if not measured:
            raise InvalidData(
                "none of the table's data sets is here.", remedy="Name their place: --data-dir, ISOSPIKE_DATA."
            )
        return Found(
            rows=(
                *rows,
                *(Row(name, {}, note="quoted by the paper.") for name in self.paper if "et al." in name),
            ),
            held=_claims(measured),
            notes=(
                *(
                    ()
                    if setup.full
                    else (f"{setup.epochs} epochs with batches of 64; the paper's 50 are with batches of 8.",)
                ),
                "The paper does not say in which precision it trained.  Rounding alone: two ReLU networks of which "
                "one has its hidden neurons in another order, and so takes the same sums in another order.",
            ),
        )


def compared(twins: Twins) -> dict[str, float]:
    """Accuracies, and how far the trained networks' outputs are apart."""
    relu, snn, other = (twins.run(kind) for kind in (RELU, MAPPABLE, REORDERED))
    with torch.no_grad():
        outputs, ours, theirs = (torch.cat([run.outputs(x) for x, _ in twins.held_out]) for run in (relu, snn, other))
    return {
        RELU_ACCURACY: 100 * relu.curve[-1]["accuracy"],
        SNN_ACCURACY: 100 * snn.curve[-1]["accuracy"],
        AGREEMENT: 100 * float((outputs.argmax(1) == ours.argmax(1)).double().mean()),
        VALUES: float((outputs - ours).abs().max() / outputs.abs().max()),
        ROUNDING: 100 * float((outputs.argmax(1) == theirs.argmax(1)).double().mean()),
        ROUNDING_VALUES: float((outputs - theirs).abs().max() / outputs.abs().max()),
    }


def _claims(measured: dict[bool, list[dict[str, float]]]) -> tuple[Held, ...]:
    agreement = min(found[AGREEMENT] for found in measured[True])
    apart = max(found[VALUES] for found in measured[True])
    single = max(abs(found[RELU_ACCURACY] - found[SNN_ACCURACY]) for found in measured[False])
    return (
        Held(
            "predictions are equal on every test image, in double precision",
            agreement,
            "100 % in all rows",
            agreement == 100,
        ),
        Held("so are outputs", apart, "within 1e-6 of the largest", apart <= 1e-6),
        Held(
            "accuracies are equal in single precision",
            single,
            "to 0.1 points, as the paper prints those of MNIST",
            single <= 0.1,
        ),
    )
