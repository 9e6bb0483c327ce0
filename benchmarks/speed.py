"""Speed, as ratios within one run: simulation and conversion against the original's forward pass, event-driven time against spikes.

python benchmarks/speed.py [--models FOLDER]     FOLDER: where resnet20_cifar10.onnx is
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

import isospike as iso
from isospike.data import Data, open_data
from isospike.data.lenet import lenet5
from isospike.importers import Model, original, read
from isospike.simulate import ClosedForm, EventDriven


def paired(a: Callable[[], object], b: Callable[[], object], rounds: int = 9) -> tuple[float, float, float]:
    """Median seconds of each, and the median ratio a / b of neighbouring measurements: noise of the machine cancels."""
    a(), b()
    pairs = [(_seconds(a), _seconds(b)) for _ in range(rounds)]
    return statistics.median(x for x, _ in pairs), statistics.median(y for _, y in pairs), statistics.median(x / y for x, y in pairs)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(name: str, model: Model, data: Data) -> iso.SpikingNetwork:
    calibration = next(data.first(1000).batches(1000))[0]
    x = calibration[:256]
    network = iso.convert(model, calibration, input_range=data.input_range())
    graph = read(model, x)
    run, plain = ClosedForm().prepare(network), graph.to(torch.float32)
    forward = original(model, graph, torch.float32)
    with torch.no_grad():
        ours, theirs, ratio = paired(lambda: run(x), lambda: forward(x))
        print(f"{name}: closed form {ours * 1e3:.1f} ms, original {theirs * 1e3:.1f} ms for a batch of 256: ratio {ratio:.2f} (goal 1.15)")
        if not isinstance(model, torch.nn.Module):
            ours, theirs, ratio = paired(lambda: run(x), lambda: plain(x))
            print(f"{name}: closed form {ours * 1e3:.1f} ms, the same network in PyTorch {theirs * 1e3:.1f} ms: ratio {ratio:.2f}")
        passes = statistics.median(_seconds(lambda: [forward(part) for part in calibration.split(256)]) for _ in range(5))
    convert = statistics.median(_seconds(lambda: iso.convert(model, calibration, input_range=data.input_range())) for _ in range(3))
    print(
        f"{name}: conversion with 1,000 images {convert:.2f} s, forward pass over them {passes:.2f} s: {convert:.2f} <= 3 x {passes:.2f} + 2 is {convert <= 3 * passes + 2}"
    )
    return network


def events(network: iso.SpikingNetwork, x: Tensor) -> None:
    """One image after another, and images with fewer and fewer spikes."""
    run = EventDriven().prepare(network)
    run(x[:1])
    print(f"event-driven: one image {statistics.median(_seconds(lambda: run(x[:1])) for _ in range(30)) * 1e3:.1f} ms (goal 50 ms)")
    points = []
    for keep in (1.0, 0.5, 0.25, 0.125):
        sparse = iso.SpikingNetwork(network.body)
        with torch.no_grad():  # thin the synapses' spikes by silencing a share of the neurons of every layer
            sparse, share = _thinned(network, keep), keep
        figures = iso.measure(sparse, [(x[:64], None)])
        program = EventDriven().prepare(sparse)
        program(x[:64])
        seconds = min(_seconds(lambda p=program: p(x[:64])) for _ in range(5)) / 64
        points.append((share, figures["synaptic_operations"], seconds))
        print(
            f"event-driven: {figures['synaptic_operations']:,.0f} synaptic operations an image, {seconds * 1e3:.3f} ms, {seconds / figures['synaptic_operations'] * 1e9:.1f} ns each"
        )


def _thinned(network: iso.SpikingNetwork, keep: float) -> iso.SpikingNetwork:
    """The same synapses with a share of the neurons never reaching threshold."""
    from dataclasses import replace

    from isospike.neurons import FirstSpikeIF

    generator = torch.Generator().manual_seed(0)

    def silence(stage):  # type: ignore[no-untyped-def]
        if not isinstance(stage.neuron, FirstSpikeIF):
            return stage
        silent = torch.rand(stage.shape, generator=generator) >= keep
        return replace(stage, neuron=replace(stage.neuron, threshold=torch.where(silent, torch.inf, stage.neuron.threshold)))

    body = network.body
    return iso.SpikingNetwork(replace(body, stages=tuple(map(silence, body.stages))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    sample = open_data("mnist-sample")
    network = compare("LeNet-5", lenet5(), sample)
    events(network, next(sample.batches(64))[0])
    if arguments.models:
        noise = torch.randint(0, 256, (1000, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        compare("ResNet-20", arguments.models / "resnet20_cifar10.onnx", Data("noise", noise, None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


if __name__ == "__main__":
    main()
