"""Several draws of what is random, and the means of what was found."""

from statistics import mean, stdev
from typing import Any

from torch import Tensor

from isospike.constraints import Constraint, constrain, reseeded
from isospike.engine import SpikingNetwork


def on_hardware(
    network: SpikingNetwork, hardware: list[Constraint], calibration: list[Tensor], trials: int, seed: int
) -> list[SpikingNetwork]:
    """The network as it is on such hardware, with another draw of what is random each time."""
    return [constrain(network, reseeded(hardware, seed + trial), calibration) for trial in range(trials)]


def averaged(found: list[dict[str, object]]) -> dict[str, object]:
    """Means over trials of every figure, and the accuracy's standard deviation."""
    if len(found) == 1:
        return found[0]
    figures: dict[str, object] = {
        key: values[0] if len(set(values)) == 1 else mean(values) for key, values in _columns(found).items()
    }
    accuracies = [float(one["accuracy"]) for one in found if isinstance(one["accuracy"], float)]
    return figures | {"trials": len(found), "accuracy_sd": stdev(accuracies) if accuracies else None}


def _columns(rows: list[dict[str, object]]) -> dict[str, list[Any]]:
    return {key: [row[key] for row in rows] for key in rows[0]}
