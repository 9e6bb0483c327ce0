"""How the time and the memory of a rate-coded simulation grow with time steps, samples and depth: measured points and
a plot.

python benchmarks/scaling.py [--out DIR]

Every point is a process of its own on one thread; time is that of the simulation, memory the process's peak.  The
network is made here: layers of 16 channels on 28 × 28 pixels, without training."""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

SWEEPS = {"time steps": (16, 64, 256, 1024), "samples": (50, 200, 800, 3200), "layers": (1, 2, 4, 8, 16)}
USUAL = {"time steps": 64, "samples": 200, "layers": 3}
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMBA")}


def point(steps: int, samples: int, layers: int) -> dict[str, float]:
    import torch
    from torch import nn

    import isospike as iso
    from isospike.ir.ops.affine import count

    torch.set_num_threads(1)
    torch.manual_seed(0)
    hidden = [layer for i in range(layers) for layer in (nn.Conv2d(1 if i == 0 else 16, 16, 3, padding=1), nn.ReLU())]
    model = nn.Sequential(*hidden, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    network = iso.convert(model, torch.rand(32, 1, 28, 28), iso.Rate(steps), input_range=(0.0, 1.0))
    network(torch.rand(2, 1, 28, 28))  # compiles
    images = torch.rand(50, 1, 28, 28)
    start = time.process_time()
    for _ in range(samples // 50):
        network(images)
    shapes = network.body.shapes
    return {
        "synapses": sum(
            count(group.chain, shapes[group.source]) for stage in network.stages for group in stage.groups
        ),
        "seconds": time.process_time() - start,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--point", nargs=3, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.point:
        print(json.dumps(point(*arguments.point)))
        return
    rows = []
    for name, sizes in SWEEPS.items():
        for size in sizes:
            settings = [str(value) for value in (USUAL | {name: size}).values()]
            done = subprocess.run(
                [sys.executable, __file__, "--point", *settings],
                env=os.environ | ONE_THREAD,
                capture_output=True,
                text=True,
                check=True,
            )
            rows.append({"sweep": name, "size": size, **json.loads(done.stdout)})
            print(f"{name} {size}: {rows[-1]['seconds']:.2f} s, {rows[-1]['peak_mb']:.0f} MB", flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "scaling.json").write_text(json.dumps(rows, indent=1) + "\n")
    draw(rows, arguments.out / "scaling.png")


def draw(rows: list[dict[str, float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(10, 5.5), layout="constrained")
    for column, name in enumerate(SWEEPS):
        sizes, seconds, peaks = zip(
            *((row["size"], row["seconds"], row["peak_mb"]) for row in rows if row["sweep"] == name), strict=True
        )
        if name == "layers":  # and beyond 10⁷ synapses
            sizes = tuple(row["synapses"] for row in rows if row["sweep"] == name)
        axes[0, column].loglog(sizes, seconds, "o-", label="measured")
        axes[0, column].loglog(
            sizes, [seconds[-1] * size / sizes[-1] for size in sizes], ":", color="grey", label="in proportion"
        )
        axes[1, column].semilogx(sizes, peaks, "o-", color="C1")
        for row in axes[:, column]:
            row.set_xticks(sizes, [f"{size / 1e6:.2g}M" if size > 1e5 else f"{size:g}" for size in sizes])
            row.minorticks_off()
        label = "synapses (1 to 16 layers)" if name == "layers" else name
        axes[1, column].set(xlabel=label, ylim=(0, 1.3 * max(row["peak_mb"] for row in rows)))
    axes[0, 0].set_ylabel("CPU time [s]")
    axes[1, 0].set_ylabel("peak memory [MB]")
    axes[0, 0].legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
