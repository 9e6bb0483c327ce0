"""Peak memory of running 10,000 images, spiking against plain, each in a process of its own at the same batch size.

`--check NAME`: of converting and checking a network of torchvision with two samples instead, in the simulators that
take it."""

import argparse
import resource
import subprocess
import sys

import torch


def work(which: str, samples: int, batch: int) -> None:
    import isospike as iso
    from isospike.data import Data, open_data
    from isospike.zoo import lenet5

    sample = open_data("mnist-sample")
    images = sample.images[:1000].repeat(-(-samples // 1000), 1, 1, 1)[:samples]
    data = Data("mnist", images, sample.labels.repeat(-(-samples // 1000))[:samples])
    model = lenet5()
    network = iso.convert(model, data.first(256), input_range=data.input_range())
    if which == "spiking":
        iso.measure(network, data.batches(batch))
    else:
        with torch.no_grad():
            for x, _ in data.batches(batch):
                model(x)
    print(peak())


def check(name: str, pixels: int) -> None:
    import torchvision

    import isospike as iso

    model, x = torchvision.models.get_model(name).eval(), torch.rand(2, 3, pixels, pixels)
    network = iso.convert(model, x, input_range=(0.0, 1.0))
    which = "both simulators"
    try:
        report = iso.check(model, network, x)
    except iso.IsospikeError as refusal:
        report, which = iso.check(model, network, x, simulators=iso.ClosedForm()), f"closed form: {refusal.what}"
    print(f"{name} at {pixels} pixels: {peak():.0f} MB, largest error {report.max_abs_error:.1e} ({which})")


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--which", choices=("spiking", "plain"))
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--check", metavar="NAME")
    parser.add_argument("--pixels", type=int, default=224)
    arguments = parser.parse_args()
    if arguments.check:
        check(arguments.check, arguments.pixels)
        return
    if arguments.which:
        work(arguments.which, arguments.samples, arguments.batch)
        return
    rest = [f"--samples={arguments.samples}", f"--batch={arguments.batch}"]
    found = {}
    for which in ("plain", "spiking"):
        done = subprocess.run(
            [sys.executable, __file__, f"--which={which}", *rest], capture_output=True, text=True, check=True
        )
        found[which] = float(done.stdout)
    ratio = found["spiking"] / found["plain"]
    print(
        f"peak memory over {arguments.samples:,} images in batches of {arguments.batch}: spiking "
        f"{found['spiking']:.0f} MB, plain {found['plain']:.0f} MB: ",
        end="",
    )
    print(f"ratio {ratio:.2f} (goal 1.3)")


if __name__ == "__main__":
    main()
