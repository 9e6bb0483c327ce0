"""The case of isospike, measured as the other tools are in `_peers_worker.py`.  Run by `peers.py`."""

from math import prod

from _peers_worker import Case, Task, work
from torch import Tensor

import isospike


def isospike_case(task: Task) -> Case:
    # TODO the conversion: a guess at the interface of rate coding.
    network = isospike.convert(task.weights.with_suffix(".pt2"), task.calibration, isospike.Rate(steps=task.steps), input_range=(0.0, 1.0))
    neurons = sum(prod(stage.shape) for stage in network.stages[:-1] if not stage.neuron.relays)

    def spikes(x: Tensor) -> tuple[int, float]:
        return neurons, neurons * float(isospike.measure(network, [(x, None)])["spikes_per_neuron"])

    return Case(network, spikes)


CASES = {"isospike": isospike_case}

if __name__ == "__main__":
    work(CASES)
