"""Speed, as ratios within one run: simulation and conversion against the original's forward pass, event-driven time
against spikes.

python benchmarks/speed.py [--models FOLDER] [--threads N]     FOLDER: where resnet20_cifar10.onnx is
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

import isospike as iso
from isospike.data import Data, open_data
from isospike.importers import Model, original, read
from isospike.network import Stage
from isospike.neurons import FirstSpikeIF
from isospike.simulate import ClosedForm, EventDriven
from isospike.zoo import lenet5


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def paired(ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 11) -> str:
    """Median times, and the median ratio of neighbouring measurements: the machine's noise cancels."""
    ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    a, b, ratio = (
        statistics.median(values)
        for values in ([x for x, _ in pairs], [y for _, y in pairs], [x / y for x, y in pairs])
    )
    return f"{a * 1e3:.1f} ms against {b * 1e3:.1f} ms, ratio {ratio:.2f}"


def closed_form(name: str, model: Model, data: Data) -> iso.SpikingNetwork:
    calibration = next(data.first(1000).batches(1000))[0]
    x = calibration[:256]
    network = iso.convert(model, calibration, input_range=data.input_range())
    graph = read(model, x)
    run, forward = ClosedForm().prepare(network), original(model, graph, x, torch.float32)
    with torch.no_grad():
        print(
            f"{name}: closed form against the original, 256 images: "
            f"{paired(lambda: run(x), lambda: forward(x))} (goal 1.15)"
        )
        if not isinstance(model, torch.nn.Module):
            plain = graph.to(torch.float32)
            print(
                f"{name}: closed form against the same network in PyTorch: {paired(lambda: run(x), lambda: plain(x))}"
            )
        once = statistics.median(seconds(lambda: [forward(part) for part in calibration.split(256)]) for _ in range(5))
    convert = statistics.median(
        seconds(lambda: iso.convert(model, calibration, input_range=data.input_range())) for _ in range(3)
    )
    print(
        f"{name}: conversion with 1,000 images {convert:.2f} s, forward pass over them {once:.2f} s (goal 3 "
        f"forward passes + 2 s: {3 * once + 2:.2f} s)"
    )
    return network


def events(network: iso.SpikingNetwork, x: Tensor) -> None:
    """One image, and images with fewer and fewer spikes: a share of every layer's neurons never reaches its
    threshold."""
    run = EventDriven().prepare(network)
    run(x[:1])
    print(
        f"event-driven: one image {statistics.median(seconds(lambda: run(x[:1])) for _ in range(30)) * 1e3:.1f} "
        "ms (goal 50 ms)"
    )
    for keep in (1.0, 0.5, 0.25, 0.125):
        sparse = thinned(network, keep)
        operations = float(iso.measure(sparse, [(x, None)])["synaptic_operations"])
        program = EventDriven().prepare(sparse)
        program(x)
        image = min(seconds(lambda p=program: p(x)) for _ in range(7)) / len(x)
        print(
            f"event-driven: {operations:,.0f} synaptic operations an image in {image * 1e3:.3f} ms, "
            f"{image / operations * 1e9:.1f} ns each"
        )


def thinned(network: iso.SpikingNetwork, keep: float) -> iso.SpikingNetwork:
    generator = torch.Generator().manual_seed(0)

    def silence(stage: Stage) -> Stage:
        if not isinstance(stage.neuron, FirstSpikeIF):
            return stage
        silent = torch.rand(stage.shape, generator=generator) >= keep
        return replace(
            stage, neuron=replace(stage.neuron, threshold=torch.where(silent, torch.inf, stage.neuron.threshold))
        )

    body = network.body
    return iso.SpikingNetwork(replace(body, stages=tuple(map(silence, body.stages))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    sample = open_data("mnist-sample")
    network = closed_form("LeNet-5", lenet5(), sample)
    events(network, next(sample.batches(64))[0])
    if arguments.models:
        noise = torch.randint(0, 256, (1000, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        closed_form(
            "ResNet-20",
            arguments.models / "resnet20_cifar10.onnx",
            Data("noise", noise, None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        )


if __name__ == "__main__":
    main()
