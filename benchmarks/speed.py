"""Speed and memory as one table: each row is a process of its own on one thread, its time is CPU time, and what is
compared is run in turn.

python benchmarks/speed.py [--only TEXT] [--data-dir DIR] [--models FOLDER] [--out FILE.md]

DIR: where MNIST and CIFAR-10 are, for the rate codes of trained networks; FOLDER: where resnet20_cifar10.onnx is.  The
table names the rows that were not run because their files are not named."""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

STEPS = 64
TORCHVISION, PIXELS = ("resnet18", "resnet50", "mobilenet_v2", "densenet121", "inception_v3", "vgg16"), 96
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMBA")}


class Figure(NamedTuple):
    """value: what the goal is held against, which it should not exceed; told: how it came about."""

    value: float
    unit: str
    goal: float
    told: str


class Place(NamedTuple):
    """Where data and models are, for the rows that need them."""

    data: Path | None
    models: Path | None


def spent(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def paired(ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 11) -> tuple[float, float, float]:
    """Median times [s], and the median ratio of neighbouring measurements: the machine's noise cancels."""
    ours(), theirs()
    pairs = [(spent(ours), spent(theirs)) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def ratio(ours: Callable[[], object], theirs: Callable[[], object], goal: float, of: str, times: int = 1) -> Figure:
    a, b, found = paired(ours, theirs)
    return Figure(found / times, of, goal, f"{1e3 * a:.3g} ms against {1e3 * b:.3g} ms")


def peak() -> float:
    """[GB] of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def closed_form(place: Place, name: str) -> Figure:
    import isospike as iso
    from isospike.importers import original, read
    from isospike.simulate import ClosedForm

    model, x, ends = subject(place, name)
    network = iso.convert(model, x, input_range=ends)
    run, forward = ClosedForm().prepare(network), original(model, read(model, x), x, network.dtype)
    of = "PyTorch's" if name == "LeNet-5" else "ONNX Runtime's"
    return ratio(lambda: run(x[:256]), lambda: forward(x[:256]), 1.15 if name == "LeNet-5" else 1.10, f"× {of}")


def subject(place: Place, name: str):  # type: ignore[no-untyped-def]  # a model of any kind
    """A model, 1,000 samples, and the ends of their range."""
    import torch

    from isospike.data import open_data
    from isospike.zoo import lenet5

    if name == "LeNet-5":
        data = open_data("mnist-sample")
        return lenet5(), next(data.first(1000).batches(1000))[0], data.input_range()
    assert place.models is not None
    x = (torch.rand(1000, 3, 32, 32, generator=torch.Generator().manual_seed(0)) - 0.45) / 0.225
    return place.models / "resnet20_cifar10.onnx", x, (float(x.min()), float(x.max()))


def conversion(place: Place, name: str) -> Figure:
    import torch

    import isospike as iso
    from isospike.importers import original, read

    model, x, ends = subject(place, name)
    forward = original(model, read(model, x), x, torch.float32)
    once = statistics.median(spent(lambda: [forward(part) for part in x.split(256)]) for _ in range(5))
    took = statistics.median(spent(lambda: iso.convert(model, x, input_range=ends)) for _ in range(3))
    return Figure(took, "s", 3 * once + 2, f"1,000 samples; a forward pass over them {once:.2f} s")


def one_image(place: Place) -> Figure:
    import isospike as iso
    from isospike.simulate import EventDriven

    model, x, ends = subject(place, "LeNet-5")
    run = EventDriven().prepare(iso.convert(model, x, input_range=ends))
    run(x[:1])
    return Figure(1e3 * statistics.median(spent(lambda: run(x[:1])) for _ in range(30)), "ms", 50, "LeNet-5")


def rate(place: Place, name: str, goal: float, bits: int | None = None) -> Figure:
    """T = 64 beside 64 passes of the original; bits: of the weights."""
    import torch
    from peers import weights
    from safetensors.torch import load_file

    import isospike as iso
    from isospike.constraints import WeightBits
    from isospike.importers import original, read
    from isospike.neurons import SignedIF
    from isospike.zoo import NETWORKS, initial

    if name in NETWORKS:
        model, x, ends = initial(NETWORKS[name], (3, 32, 32), 10), torch.rand(500, 3, 32, 32), (0.0, 1.0)
    else:
        assert place.data is not None
        file = weights(name, place.data, place.models or Path())
        samples = load_file(file.with_suffix(".samples.safetensors"))
        model, x, ends = file.with_suffix(".pt2"), samples["images"], tuple(samples["range"])
    network = iso.convert(model, x[:500], iso.Rate(STEPS, SignedIF()), input_range=ends)
    if bits is not None:
        network = iso.constrain(network, WeightBits(bits))
    forward, x = original(model, read(model, x[:2]), x, network.dtype), x[: 100 if name.startswith("lenet") else 20]
    return ratio(lambda: network(x), lambda: forward(x), goal, "× T × original", STEPS)


def training(_: Place) -> Figure:
    import torch
    import torch.nn.functional as F
    from training import stepper

    from isospike import convert
    from isospike.train import prepare
    from isospike.zoo import NETWORKS, initial

    x, y = torch.rand(8, 1, 28, 28), torch.randint(0, 10, (8,))
    relu = initial(NETWORKS["fc16"], x.shape[1:], 10).train()
    spiking = prepare(convert(initial(NETWORKS["fc16"], x.shape[1:], 10), x, input_range=(0.0, 1.0)))
    with torch.enable_grad():
        ours = stepper(lambda: spiking.loss(x, y), list(spiking.parameters()))
        theirs = stepper(lambda: F.cross_entropy(relu(x), y), list(relu.parameters()))
        a, b, found = paired(ours, theirs, 400)
    return Figure(found, "× the ReLU network's", 1.08, f"{1e3 * a:.3g} ms against {1e3 * b:.3g} ms")


def large(_: Place, of: str) -> Figure:
    """Conversion of torchvision's VGG16 at 224 × 224 pixels."""
    import torch
    import torchvision

    import isospike as iso

    model, x = torchvision.models.vgg16().eval(), torch.rand(2, 3, 224, 224)
    took = spent(lambda: iso.convert(model, x, input_range=(0.0, 1.0)))
    return Figure(took, "s", 6, "") if of == "time" else Figure(peak(), "GB", 3.2, "peak")


def event_by_event(_: Place, name: str) -> Figure:
    """Conversion, and `check` in both simulators, of one sample."""
    import torch
    import torchvision

    import isospike as iso

    torch.manual_seed(0)
    x = torch.rand(2, 3, PIXELS, PIXELS)
    options = {"aux_logits": False} if name == "inception_v3" else {}
    model = torchvision.models.get_model(name, **options).train()
    for norm in (module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.momentum = 1.0
    model(torch.rand(8, 3, PIXELS, PIXELS))  # batch norm finds its scales: without them activations grow and grow
    model.eval()
    network = iso.convert(model, x, input_range=(0.0, 1.0))
    start = time.process_time()
    report = iso.check(model, network, x[:1])
    took = time.process_time() - start
    size = float(model(x[:1]).abs().max())
    return Figure(peak(), "GB", 4, f"{took:.0f} s, largest error {report.max_abs_error:.0e} of {size:.2g}")


def many_images(_: Place) -> Figure:
    """Peak memory over 10,000 images beside the original's, each in a process of its own."""
    ours, theirs = (float(child(f"--images={which}")) for which in ("spiking", "plain"))
    return Figure(ours / theirs, "× the original's", 1.3, f"{ours:.2f} GB against {theirs:.2f} GB")


def images(which: str) -> float:
    import torch

    import isospike as iso
    from isospike.data import Data, open_data
    from isospike.zoo import lenet5

    sample, model = open_data("mnist-sample"), lenet5()
    data = Data("mnist", sample.images[:1000].repeat(10, 1, 1, 1), sample.labels[:1000].repeat(10))
    network = iso.convert(model, data.first(256), input_range=data.input_range())
    if which == "spiking":
        iso.measure(network, data.batches(256))
    else:
        with torch.no_grad():
            for x, _ in data.batches(256):
                model(x)
    return peak()


def start(_: Place) -> Figure:
    """`isospike --help` beside `import torch`."""

    def cpu(*command: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    script = str(Path(sys.executable).with_name("isospike"))
    found = statistics.median(cpu(script, "--help") for _ in range(5))
    torch = statistics.median(cpu(sys.executable, "-c", "import torch") for _ in range(5))
    return Figure(found, "s", 0.7, f"`import torch` takes {torch:.2f} s")


ROWS: dict[str, Callable[[Place], Figure]] = {
    "closed form, LeNet-5, batch 256": partial(closed_form, name="LeNet-5"),
    "closed form, ResNet-20, batch 256": partial(closed_form, name="ResNet-20"),
    "rate code, T = 64, LeNet with average pools": partial(rate, name="lenet-average", goal=0.25),
    "rate code, T = 64, LeNet with average pools, weights of 8 bits": partial(
        rate, name="lenet-average", goal=0.20, bits=8
    ),
    "rate code, T = 64, LeNet with max pools": partial(rate, name="lenet-max", goal=0.30),
    "rate code, T = 64, ResNet-20 on CIFAR-10": partial(rate, name="resnet20", goal=0.35),
    "rate code, T = 64, narrow VGG16, random weights": partial(rate, name="vgg16-narrow", goal=0.35),
    "event by event, one image": one_image,
    "conversion, LeNet-5": partial(conversion, name="LeNet-5"),
    "conversion, ResNet-20": partial(conversion, name="ResNet-20"),
    "conversion, VGG16 at 224 pixels, time": partial(large, of="time"),
    "conversion, VGG16 at 224 pixels, memory": partial(large, of="memory"),
    "training step in spike times, 16 dense layers, batch 8": training,
    "memory over 10,000 images, LeNet-5": many_images,
    "`isospike --help`": start,
} | {
    f"`check` in both simulators, {name} at {PIXELS} pixels": partial(event_by_event, name=name)
    for name in TORCHVISION
}
NEEDS = {"LeNet with": "--data-dir", "CIFAR-10": "--data-dir", "ResNet-20": "--models"}


def child(*options: str) -> str:
    command = [sys.executable, __file__, *options]
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(options)}\n{done.stderr}")
    return done.stdout.splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose name holds it")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/speed.md"))
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--images", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    place = Place(arguments.data_dir, arguments.models)
    if arguments.images:
        print(images(arguments.images))
        return
    if arguments.row:
        import torch

        torch.set_num_threads(1)
        torch.set_grad_enabled(False)
        print(json.dumps(ROWS[arguments.row](place)))
        return
    given = {"--data-dir": place.data, "--models": place.models}
    lines = ["| what | measured | goal | reached | how |", "|---|---|---|---|---|"]
    print("\n".join(lines))
    for name in (name for name in ROWS if arguments.only in name):
        lacking = [option for text, option in NEEDS.items() if text in name and given[option] is None]
        if lacking:
            lines.append(f"| {name} | not run | | | needs {lacking[0]} |")
        else:
            options = [f"{option}={path}" for option, path in given.items() if path is not None]
            found = Figure(*json.loads(child(f"--row={name}", *options)))
            reached = "yes" if found.value <= found.goal else "no"
            lines.append(f"| {name} | {found.value:.3g} {found.unit} | {found.goal:.3g} | {reached} | {found.told} |")
        print(lines[-1], flush=True)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
