"""Where the time of a rate code goes, layer by layer, and what it is held against: the additions that spikes ask for,
and how many a dense product does in the same time.

python benchmarks/layers.py [--steps 64]     the shipped LeNet-5 on 100 of its MNIST images, one thread"""

import argparse
import math
import time
from collections import defaultdict
from typing import Any

import numba
import torch

import isospike as iso
from isospike.data import open_data
from isospike.engine import walk
from isospike.measure.operations import fans
from isospike.neurons import SignedIF
from isospike.zoo import lenet5

IMAGES = 100


def dense() -> float:
    """Multiply-accumulates a second of a matrix product that fits the cache [10⁹]."""
    a, b = torch.rand(256, 512), torch.rand(512, 256)
    best = math.inf
    for _ in range(50):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return a.numel() * b.shape[1] / best / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=64)
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    torch.set_grad_enabled(False)
    data = open_data("mnist-sample")
    x = next(data.batches(IMAGES))[0]
    network = iso.convert(lenet5(), data.first(500), iso.Rate(steps, SignedIF()), input_range=data.input_range())
    spent: dict[tuple[str, str], float] = defaultdict(float)
    drive, advance = walk.Walk._drive, walk.Walk._advance

    def timed(self: Any, stage: Any, *rest: Any, what: str, work: Any) -> Any:
        start = time.perf_counter()
        out = work(self, stage, *rest)
        spent[stage.name, what] += time.perf_counter() - start
        return out

    walk.Walk._drive = lambda self, *rest: timed(self, *rest, what="dense", work=drive)  # type: ignore[method-assign]
    walk.Walk._advance = lambda self, *rest: timed(self, *rest, what="all", work=advance)  # type: ignore[method-assign]
    network(x)
    best: dict[tuple[str, str], float] = {}
    for _ in range(9):
        spent.clear()
        network(x)
        best = {key: min(took, best.get(key, math.inf)) for key, took in spent.items()}

    fan, trace = fans(network.body), iso.simulate(network, x)
    assert trace.trains is not None
    sent = {name: train.abs().double().sum((0, 1)) / len(x) for name, train in trace.trains.items()}
    rate = dense()
    print(f"T = {steps}; a dense product does {rate:.0f} GMAC/s here")
    print("| layer | neurons | ms an image | of it dense | neuron-steps a ns | additions for spikes [10⁶] | GMAC/s |")
    print("|---|---|---|---|---|---|---|")
    for stage in network.stages[:-1]:
        if (stage.name, "all") not in best:
            continue  # a pool that is computed beside the neurons before it
        took, neurons = best[stage.name, "all"] / IMAGES, math.prod(stage.shape)
        heard = [group.source for group in stage.groups if group.source != "input"]
        added = sum(float((sent[name] * fan[name].double()).sum()) for name in heard)
        told = f"{added / 1e6:.2f} | {added / took / 1e9:.0f}" if heard else " | "
        print(
            f"| {stage.name} | {neurons:,} | {1e3 * took:.3f} | {1e3 * best[stage.name, 'dense'] / IMAGES:.3f} "
            f"| {neurons * steps / took / 1e9:.2f} | {told} |"
        )


if __name__ == "__main__":
    main()
