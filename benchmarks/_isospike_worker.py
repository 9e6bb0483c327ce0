"""The cases of isospike, measured as the other tools are in `_peers_worker.py`.  Run by `peers.py`."""

import math
from collections.abc import Callable
from functools import partial
from math import prod

from _peers_worker import Case, Task, work
from torch import Tensor

import isospike
from isospike.codings import Calibrate
from isospike.codings.normalise import Percentile
from isospike.neurons import SignedIF

Run = Callable[[isospike.SpikingNetwork, int], Callable[[Tensor], Tensor]]


def converted(task: Task, most: float, run: Run) -> Case:
    few = task.steps <= 32  # later there is little left to correct, and what a percentile clips is what is left
    coding = isospike.Rate(
        task.steps, SignedIF(most=most), Percentile(99.9 if few else 100.0), correction=Calibrate() if few else None
    )
    network = isospike.convert(task.weights.with_suffix(".pt2"), task.calibration, coding, input_range=task.range)
    neurons = sum(prod(stage.shape) for stage in network.stages[:-1] if not stage.neuron.relays)

    def spikes(x: Tensor) -> tuple[int, float]:
        return neurons, neurons * float(isospike.measure(network, [(x, None)])["spikes_per_neuron"])

    return Case(run(network, task.steps), spikes)


CASES = {
    "isospike": partial(converted, most=1, run=lambda network, steps: network),
    "isospike, early exit": partial(
        converted, most=1, run=lambda network, steps: isospike.EarlyExit(margin=50.0).prepare(network)
    ),
    "isospike, 4 a step": partial(converted, most=4, run=lambda network, steps: network),
    "isospike, at once": partial(
        converted, most=math.inf, run=lambda network, steps: isospike.Clocked(steps).prepare(network)
    ),
}

if __name__ == "__main__":
    work(CASES)
