"""What is compared in Figs. A.5 to A.9: accuracies in three kinds of arithmetic, operations of the first layer."""

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from isospike import measure
from isospike.data import Data
from isospike.encoders import PatternEncoder
from isospike.engine import SpikingNetwork
from isospike.export import ShiftAdd, shift_add
from isospike.neurons import SNU
from isospike.plot import tidy
from isospike.report.claim import Row, number
from isospike_papers.stanojevic2023.parts.answer import answer
from isospike_papers.stanojevic2023.parts.patterns import reached

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACCURACY, FREE, WHOLE = "accuracy [%]", "multiplication-free [%]", "whole numbers [%]"
CITY = "multiplication-free, city-block distance [%]"
LOOKED_UP = (
    "Without multiplications: the squares of the distance (A.15) are looked up in a table.  The source takes the "
    "city-block distance (A.19) in their place, which decides otherwise than what the networks are trained with; it "
    "has a column of its own."
)
ADDITIONS, PRODUCTS = "additions, first layer", "multiplications, first layer"
MACHINE = "linear support vector machine"


def figures(network: SpikingNetwork, test: Data) -> dict[str, float]:
    """Accuracies in three kinds of arithmetic, and operations of the first layer."""
    first, steps = network.stages[0], network.body.steps
    neuron, neurons = first.neuron, math.prod(first.shape)
    assert isinstance(neuron, SNU)
    added = reached(network, test)
    if not isinstance(network.body.encoder, PatternEncoder):  # as its source has it, with multiplications
        return {ACCURACY: _accuracy(network, test), ADDITIONS: added, PRODUCTS: neurons * steps}
    kinds = {
        ACCURACY: network,
        FREE: shift_add(network),
        CITY: shift_add(network, order=1),
        WHOLE: ShiftAdd.of(network).network,
    }
    share = {key: _accuracy(one, test) for key, one in kinds.items()}
    terms = 1 if float(neuron.decay) == 1 else 3
    return share | {ADDITIONS: added + terms * neurons * steps, PRODUCTS: 0.0}


def _accuracy(network: SpikingNetwork, test: Data) -> float:
    found = measure(network, test)["accuracy"]
    assert isinstance(found, float)
    return 100 * found


@torch.no_grad()
def right(model: nn.Module, test: Data) -> float:
    """Accuracy of a network of another kind [%]."""
    return 100 * sum(int((model(x).argmax(1) == y).sum()) for x, y in test.batches() if y is not None) / len(test)


def drawn(rows: list[Row], title: str, network: SpikingNetwork, test: Data) -> "Figure":
    """Accuracies as bars, operations beside them; beneath, how one of the networks answers the first sample."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 9.5), layout="constrained")
    above, beneath = figure.subfigures(2, 1, squeeze=False, height_ratios=(3.8, 5.7)).flat
    left, right = above.subplots(1, 2, width_ratios=(1.3, 1))
    looks = {ACCURACY: ("#1f4e79", "float"), FREE: ("#5b9bd5", "shifts and additions"), WHOLE: ("#9db7d5", "whole")}
    for shift, (key, (color, label)) in enumerate(looks.items()):
        shown = [(i, number(row.measured[key])) for i, row in enumerate(rows) if key in row.measured]
        left.bar([i + 0.27 * (shift - 1) for i, _ in shown], [v for _, v in shown], 0.25, color=color, label=label)
    cases = [row.case.replace(MACHINE, "linear SVM").replace(", ", "\n").replace(" ", "\n") for row in rows]
    left.set_xticks(range(len(rows)), cases, fontsize=7)
    low = min(number(row.measured[ACCURACY]) for row in rows)
    tidy(left, f"accuracy on {title}", ylabel="[%]", ylim=(max(0.0, low - 5), 100 + 0.12 * min(100, 105 - low)))
    left.legend(fontsize=7.5, frameon=False, loc="upper left", ncols=3)
    counted = [
        (row.case, key, number(row.measured[key]))
        for row in rows
        for key in (ADDITIONS, PRODUCTS)
        if row.measured.get(key)
    ]
    colors = ["#2e7d32" if key == ADDITIONS else "#c55a11" for _, key, _ in counted]
    right.barh([case for case, _, _ in counted], [value for _, _, value in counted], color=colors)
    right.set_xscale("log")
    right.tick_params(axis="y", labelsize=7.5)
    tidy(right, "additions (green), multiplications (orange)", xlabel="of the first layer, a sample")
    assert test.labels is not None
    answer(beneath, network, next(iter(test.first(1))), int(test.labels[0]))
    return figure
