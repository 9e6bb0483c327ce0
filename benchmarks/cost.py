"""What `isospike sweep --dry-run` predicts, against what is measured: time and peak memory, network by network.

python benchmarks/cost.py [--networks vgg16 resnet50 …] [--images 6]

Each prediction and each measurement is a process of its own, on one thread; seconds are of the processor.  The
networks of the zoo and of torchvision have random weights, batch norms that were settled on a few images.  Event by
event there is no sweep: the same model is fitted to that simulator here."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from isospike.zoo import NETWORKS, initial
from isospike.zoo import lenet5 as lenet5

IMAGENET, CIFAR, MNIST = (3, 224, 224), (3, 32, 32), (1, 28, 28)
SHAPES = {
    "fc2": MNIST,
    "lenet5": MNIST,
    "vgg16_narrow": CIFAR,
    "vgg16_small": CIFAR,
    "efficientnet_lite": IMAGENET,
    "resnet50": IMAGENET,
    "vgg16": IMAGENET,
}
IMAGES = {MNIST: 200, CIFAR: 40, IMAGENET: 6}  # of a shard
CASES = (("ttfs", 0), ("rate", 8), ("rate", 32), ("signed", 8))
LARGE = (("ttfs", 0), ("rate", 4))  # of images of 224 × 224
EVENTS = ("fc2", "lenet5", "vgg16_narrow")
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMBA")}


def fc2() -> nn.Module:
    return initial(NETWORKS["fc2"], MNIST, 10)


def vgg16_narrow() -> nn.Module:
    return initial(NETWORKS["vgg16-narrow"], CIFAR, 10)


def vgg16_small() -> nn.Module:
    return initial(NETWORKS["vgg16"], CIFAR, 10)


def vgg16() -> nn.Module:
    return _torchvision("vgg16").eval()


def resnet50() -> nn.Module:
    return _settled(_torchvision("resnet50"))


def efficientnet_lite() -> nn.Module:
    """As EfficientNet-Lite0: inverted residuals with ReLU6, without squeeze-and-excitation."""
    torch.manual_seed(0)
    layers, inputs = [*_conv(3, 32, 3, 2)], 32
    for expand, outputs, repeats, stride, kernel in (
        (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    ):  # fmt: skip
        for repeat in range(repeats):
            layers.append(Inverted(inputs, outputs, expand, kernel, stride if repeat == 0 else 1))
            inputs = outputs
    layers += [*_conv(inputs, 1280, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000)]
    return _settled(nn.Sequential(*layers))


class Inverted(nn.Module):
    def __init__(self, inputs: int, outputs: int, expand: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = inputs * expand
        first = _conv(inputs, wide, 1) if expand > 1 else []
        last = [nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.body = nn.Sequential(*first, *_conv(wide, wide, kernel, stride, wide), *last)
        self.around = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + x if self.around else self.body(x)


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU6()]


def _torchvision(name: str) -> nn.Module:
    import torchvision

    torch.manual_seed(0)
    return torchvision.models.get_model(name)


def _settled(model: nn.Module) -> nn.Module:
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
    with torch.no_grad():
        model.train()(_smooth(2, (3, 96, 96)))
    return model.eval()


def _smooth(samples: int, shape: tuple[int, ...]) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(samples, shape[0], shape[1] // 4, shape[2] // 4, generator=generator)
    return functional.interpolate(coarse, size=shape[1:], mode="bicubic").clamp(0, 1)


def shards(network: str, method: str, steps: int, folder: Path, images: int):
    from isospike.sweep import Study

    shape = SHAPES[network]
    data = folder / f"{shape[1]}-{images}.npz"
    if not data.exists():
        pixels = (_smooth(2 * images, shape) * 255).to(torch.uint8).numpy()
        np.savez(data, images=pixels, labels=np.zeros(2 * images, np.int64))
    parts = ((0, images), (images, 2 * images))
    times = {"steps": (steps,)} if steps else {}
    name = f"{Path(__file__).resolve()}:{network}"
    return Study((name,), str(data), (method,), parts, calibration=2 * images, **times).shards


def predict(*case) -> dict[str, float]:
    from isospike.sweep import estimate

    both = estimate(shards(*case))
    return {"shard": both.seconds / 2, "begin": both.begin, "memory": both.memory}


def measure(*case) -> dict[str, float]:
    from isospike.sweep import run
    from isospike.sweep.cost import peak

    taken = []
    for shard in shards(*case):
        started = process_time()
        run(shard)
        taken.append(process_time() - started)
    cold, warm = taken
    return {"shard": warm, "begin": cold - warm, "memory": peak()}


def events(network: str, images: int) -> dict[str, float]:
    """Seconds of so many images event by event, predicted and measured."""
    import isospike as iso
    from isospike.simulate import EventDriven
    from isospike.sweep.shard import one_thread
    from isospike.sweep.speed import Work, fit, noise, probe

    def timed(model: nn.Module, x: Tensor, *sizes: int) -> list[tuple[Work, int, float]]:
        spiking = iso.convert(model, x, input_range=(0.0, 1.0))
        neurons = sum(int(np.prod(stage.shape)) for stage in spiking.stages)
        work = Work(iso.measure(spiking, x[:2])["synaptic_operations"], neurons)
        simulation, found = EventDriven().prepare(spiking), []
        simulation(x[:1])  # compiles
        for size in sizes:
            started = process_time()
            simulation(x[:size])
            found.append((work, size, process_time() - started))
        return found

    with one_thread():
        x, probes = noise(8, 4).images, []  # of larger ones the synapses take GB
        for grouped in (False, True):
            probes += timed(probe(grouped), x, 2, 8)
        ((work, _, seconds),) = timed(globals()[network](), _smooth(images, SHAPES[network]), images)
    return {"predicted": images * fit(probes).seconds(work), "measured": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=tuple(SHAPES), default=tuple(SHAPES))
    parser.add_argument("--images", type=int, help="of a shard; by their size unless given")
    parser.add_argument("--one", nargs=6, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        what, network, method, steps, folder, images = arguments.one
        if what == "events":
            print(json.dumps(events(network, int(images))))
        else:
            case = network, method, int(steps), Path(folder), int(images)
            print(json.dumps((predict if what == "predict" else measure)(*case)))
        return
    print("| network | method | images | shard [s] | predicted | begin [s] | predicted | peak [GB] | predicted |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for network in arguments.networks:
            images = str(arguments.images or IMAGES[SHAPES[network]])
            for method, steps in LARGE if SHAPES[network] == IMAGENET else CASES:
                case = network, method, str(steps), folder, images
                found, told = (_process(what, *case) for what in ("measure", "predict"))
                pairs = [f"{found[key]:.3g} | {told[key]:.3g}" for key in ("shard", "begin", "memory")]
                name = f"{method}, T = {steps}" if steps else method
                print(f"| {network} | {name} | {images} | {' | '.join(pairs)} |", flush=True)
            if network in EVENTS:
                one = _process("events", network, "ttfs", "0", folder, "20")
                print(f"| {network} | event by event | 20 | {one['measured']:.3g} | {one['predicted']:.3g} | | | | |")


def _process(*case: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", *case]
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
