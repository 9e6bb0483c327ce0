"""Rate-coded conversion beside other tools: one trained network, the same images, one thread, every case in a process
of its own.

python benchmarks/peers.py --peers PYTHON --data-dir DIR [--models FOLDER] [--networks ...] [--tools ...]
[--steps ...] [--images N] [--out FILE.json]

PYTHON: the interpreter of the other tools' environment (README.md); FOLDER: where resnet20_cifar10.onnx is.  The
original network is run again for every number of steps: the machine's noise is then shared by what stands in one block
of the table."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from networks import ARCHITECTURES
from rich.console import Console
from rich.table import Table

from isospike.store import folder, home

HERE = Path(__file__).parent
CASES = {  # tool: its cases, as the workers name them
    "original": ("ann",),
    "isospike": ("isospike", "isospike, early exit", "isospike, 4 a step", "isospike, at once"),
    "spikingjelly": ("spikingjelly max", "spikingjelly channel-wise max", "spikingjelly channel-wise 99.9%"),
    "sinabs": ("sinabs", "sinabs unbounded"),
}
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
COLUMNS = {
    "accuracy %": lambda row: f"{row['accuracy']:.1%}"[:-1],
    "agreement %": lambda row: f"{row['agreement']:.1%}"[:-1],
    "error %": lambda row: f"{row['error']:.1%}"[:-1],
    "CPU ms/image": lambda row: f"{row['cpu_ms']:.3g}",
    "× original": lambda row: f"{row['times_original']:.1f}",
    "peak MB": lambda row: f"{row['peak_mb']:.0f}",
    "spikes/neuron": lambda row: f"{row['spikes'] / row['neurons']:.2f}" if "spikes" in row else "",
    "spikes/image": lambda row: f"{row['spikes']:,.0f}" if "spikes" in row else "",
}

Row = dict[str, float | int | str]


def weights(network: str, data_dir: Path, models: Path) -> Path:
    path = folder(home()) / f"{network}.pt2"
    options = ["--out", path, "--data-dir", data_dir, "--models", models]
    subprocess.run([sys.executable, HERE / "networks.py", network, *options], check=True)
    return path.with_suffix(".safetensors")


def run(python: str, worker: str, case: str, **settings: object) -> Row:
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    done = subprocess.run(
        [python, HERE / worker, case, *options], env=os.environ | ONE_THREAD, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{case}, {settings}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def table(title: str, rows: list[Row]) -> Table:
    out = Table(title=title)
    out.add_column("case")
    for name in ("T", *COLUMNS):
        out.add_column(name, justify="right")
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        cells = [cell(row) for cell in COLUMNS.values()]
        out.add_row(
            str(row["case"]),
            str(row["steps"]),
            *cells,
            end_section=after is not None and after["steps"] != row["steps"],
        )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", required=True, metavar="PYTHON")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--tools", nargs="+", choices=list(CASES)[1:], default=list(CASES)[1:])
    parser.add_argument("--models", type=Path, default=Path())
    parser.add_argument("--networks", nargs="+", choices=ARCHITECTURES, default=list(ARCHITECTURES))
    parser.add_argument("--steps", nargs="+", type=int, default=[4, 8, 16, 32, 64, 128, 256])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("results/peers.json"))
    arguments = parser.parse_args()

    console, rows = Console(width=150), list[Row]()
    cases = [(tool, case) for tool in CASES if tool in ("original", *arguments.tools) for case in CASES[tool]]
    for network in arguments.networks:
        common = {
            "weights": weights(network, arguments.data_dir, arguments.models),
            "network": network,
            "images": arguments.images,
        }
        for steps in arguments.steps:
            block: list[Row] = []
            for tool, case in cases:
                python, worker = (
                    (sys.executable, "_isospike_worker.py")
                    if tool == "isospike"
                    else (arguments.peers, "_peers_worker.py")
                )
                row = run(python, worker, case, steps=steps, **common)
                times = row["cpu_ms"] / (block[0] if block else row)["cpu_ms"]
                block.append(
                    {
                        "network": network,
                        "steps": steps,
                        "case": case,
                        "images": arguments.images,
                        "times_original": times,
                        **row,
                    }
                )
                console.print(
                    f"{network}, T = {steps}, {case}: {row['agreement']:.1%} agreement, {row['cpu_ms']:.3g} ms",
                    highlight=False,
                )
            rows += block
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(json.dumps(rows, indent=1) + "\n")
    for network in arguments.networks:
        block = [row for row in rows if row["network"] == network]
        console.print(table(f"{network}, {arguments.images} images", block))


if __name__ == "__main__":
    main()
