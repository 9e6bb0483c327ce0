"""Where the time of a rate code goes, layer by layer, and what it is held against: the additions that spikes ask for,
and how many a dense product does in the same time.

python benchmarks/layers.py [--steps 64] [--network FILE.pt2]     one thread; the shipped LeNet-5 on 100 of its MNIST
images, or a network that benchmarks/networks.py made on as many of its own"""

import argparse
import math
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numba
import torch
from safetensors.torch import load_file
from torch import Tensor

import isospike as iso
from isospike.data import open_data
from isospike.engine import walk
from isospike.importers import Model
from isospike.measure.operations import groups
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


def shipped() -> tuple[Model, Tensor, tuple[float, float]]:
    """Model, images, and the ends of their range."""
    data = open_data("mnist-sample")
    return lenet5(), next(data.batches(500))[0], data.input_range()


def made(path: Path) -> tuple[Model, Tensor, tuple[float, float]]:
    """The same of a network of `networks.py`."""
    samples = load_file(path.with_suffix(".samples.safetensors"))
    return path, samples["images"][:500], tuple(samples["range"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--network", type=Path, metavar="FILE.pt2")
    arguments = parser.parse_args()
    steps = arguments.steps
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    torch.set_grad_enabled(False)
    model, images, ends = shipped() if arguments.network is None else made(arguments.network)
    network, x = iso.convert(model, images, iso.Rate(steps, SignedIF()), input_range=ends), images[:IMAGES]
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

    trace = iso.simulate(network, x)
    assert trace.trains is not None
    sent = {name: train.abs().double().sum((0, 1)) / len(x) for name, train in trace.trains.items()}
    sums: dict[str, float] = defaultdict(float)
    for name, source, fan in groups(network.body):
        if source != "input":
            sums[name] += float((sent[source] * fan.double()).sum())
    rate = dense()
    print(f"T = {steps}; a dense product does {rate:.0f} GMAC/s here")
    print("| layer | neurons | ms an image | of it dense | neuron-steps a ns | additions for spikes [10⁶] | GMAC/s |")
    print("|---|---|---|---|---|---|---|")
    whole, additions, counted = 0.0, 0.0, 0
    for stage in network.stages[:-1]:
        if (stage.name, "all") not in best:
            continue  # a pool that is computed beside the neurons before it
        took, neurons = best[stage.name, "all"] / IMAGES, math.prod(stage.shape)
        added = sums[stage.name]
        whole, additions, counted = whole + took, additions + added, counted + neurons
        told = f"{added / 1e6:.2f} | {added / took / 1e9:.0f}" if added else " | "
        print(
            f"| {stage.name} | {neurons:,} | {1e3 * took:.3f} | {1e3 * best[stage.name, 'dense'] / IMAGES:.3f} "
            f"| {neurons * steps / took / 1e9:.2f} | {told} |"
        )
    print(
        f"in all {1e3 * whole:.2f} ms an image and {counted * steps / 1e6:.1f} million neuron-steps; the additions "
        f"alone, at the speed of a dense product, {additions / rate / 1e6:.2f} ms"
    )


if __name__ == "__main__":
    main()
