"""The options that say which hardware a network is to run on, and the constraints that they stand for."""

from statistics import mean, stdev
from typing import Annotated, Any

import typer
from torch import Tensor

from isospike.constraints import Constraint, Latency, SlopeMismatch, SpikeJitter, TimeSteps, WeightBits, WeightNoise, constrain, reseeded
from isospike.engine import SpikingNetwork

TimeStepsOption = Annotated[int | None, typer.Option("--time-steps", help="Spikes fall on so many ticks a layer.")]
Bits = Annotated[int | None, typer.Option("--weight-bits", help="Weights are integers of so many bits.")]
Jitter = Annotated[float | None, typer.Option("--jitter", help="Standard deviation of spike times [time].")]
LatencyOption = Annotated[float | None, typer.Option("--latency", help="Windows hold this share of the activations: 0.95.")]
Mismatch = Annotated[float | None, typer.Option("--mismatch", help="Standard deviation of the ramps' slopes.")]
NoiseOption = Annotated[float | None, typer.Option("--weight-noise", help="Standard deviation of weights, of the largest of a layer.")]


def constraints(
    time_steps: int | None,
    weight_bits: int | None,
    jitter: float | None,
    latency: float | None,
    mismatch: float | None,
    weight_noise: float | None,
) -> list[Constraint]:
    """The hardware that the options ask for."""
    made: dict[type[Constraint], Any] = {
        WeightBits: weight_bits, WeightNoise: weight_noise, SlopeMismatch: mismatch, Latency: latency, TimeSteps: time_steps, SpikeJitter: jitter,
    }  # fmt: skip
    return [kind(value) for kind, value in made.items() if value is not None]  # type: ignore[call-arg]


def on_hardware(network: SpikingNetwork, hardware: list[Constraint], calibration: list[Tensor], trials: int, seed: int) -> list[SpikingNetwork]:
    """The network as it is on such hardware, with another draw of what is random each time."""
    return [constrain(network, reseeded(hardware, seed + trial), calibration) for trial in range(trials)]


def averaged(found: list[dict[str, object]]) -> dict[str, object]:
    """Means over trials of every figure, and the accuracy's standard deviation."""
    if len(found) == 1:
        return found[0]
    figures: dict[str, object] = {key: values[0] if len(set(values)) == 1 else mean(values) for key, values in _columns(found).items()}
    accuracies = [float(one["accuracy"]) for one in found if isinstance(one["accuracy"], float)]
    return figures | {"trials": len(found), "accuracy_sd": stdev(accuracies) if accuracies else None}


def _columns(rows: list[dict[str, object]]) -> dict[str, list[Any]]:
    return {key: [row[key] for row in rows] for key in rows[0]}
