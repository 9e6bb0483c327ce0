"""Kills `isospike train` and `isospike tune` at random moments, resumes them, and compares with runs that were left
alone.

A third of the kills fall anywhere between the start and the first epoch's end, the others up to two epochs after the
first one that was kept. A run that is over before it was killed often enough is begun anew.  Final networks and curves
must be the same, byte for byte."""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def isospike(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "isospike", *map(str, arguments)]


@dataclass
class Command:
    """What is run, without its output's place."""

    name: str
    arguments: tuple[object, ...]

    def start(self, out: Path) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            isospike(*self.arguments, "--out", out, "--resume", "--json"), env=ENVIRONMENT, stdout=subprocess.DEVNULL
        )


def kept(out: Path) -> int:
    """Epochs that the checkpoint has; none if there is none yet."""
    checkpoint = Path(f"{out}.run") / "checkpoint.ckpt"
    return int(torch.load(checkpoint, weights_only=True)["epoch"]) if checkpoint.exists() else 0


def stamp(out: Path) -> int:
    checkpoint = Path(f"{out}.run") / "checkpoint.ckpt"
    return checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0


def undisturbed(command: Command, out: Path) -> tuple[float, float]:
    """Seconds to the first epoch's end, and of an epoch."""
    started, process = time.perf_counter(), command.start(out)
    while not stamp(out) and process.poll() is None:
        time.sleep(0.02)
    first = time.perf_counter() - started
    if process.wait():
        sys.exit(f"{command.name} failed by itself")
    return first, (time.perf_counter() - started - first) / max(1, kept(out) - 1)


def strike(command: Command, out: Path, first: float, epoch: float, chance: random.Random) -> tuple[float, bool]:
    """Start or resume, and kill: seconds that it ran, and whether it was over before."""
    before, started, process = stamp(out), time.perf_counter(), command.start(out)
    if chance.random() < 1 / 3:
        moment = chance.uniform(0, first)
    else:
        while stamp(out) == before and process.poll() is None:
            time.sleep(0.005)
        moment = time.perf_counter() - started + chance.uniform(0, 2 * epoch)
    try:
        code = process.wait(max(0.0, started + moment - time.perf_counter()))
        if code:
            sys.exit(f"{command.name} failed when resumed")
        return time.perf_counter() - started, True
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return moment, False


def differences(one: Path, other: Path) -> list[str]:
    """What is not the same in two runs."""
    a, b = load_file(one), load_file(other)
    found = [
        name for name in a.keys() | b.keys() if name not in a or name not in b or not torch.equal(a[name], b[name])
    ]
    if one.read_bytes() != other.read_bytes():
        found.append("bytes of the file")
    if (Path(f"{one}.run") / "curve.csv").read_text() != (Path(f"{other}.run") / "curve.csv").read_text():
        found.append("curve.csv")
    return found


def tortured(command: Command, folder: Path, kills: int, chance: random.Random) -> int:
    """Number of runs that ended otherwise than the undisturbed one; prints a table."""
    reference = folder / f"{command.name}.safetensors"
    first, epoch = undisturbed(command, reference)
    epochs = kept(reference)
    print(f"\n{command.name}: {epochs} epochs of {epoch:.2f} s, the first kept after {first:.1f} s")
    print("| kill | of run | after [s] | epochs before | epochs kept |\n|---|---|---|---|---|")
    done, bad, run = 0, 0, 1
    while True:
        out = folder / f"{command.name}-{run}.safetensors"
        before = kept(out)
        if done < kills:
            seconds, over = strike(command, out, first, epoch, chance)
        else:
            over = not command.start(out).wait()
            if not over:
                sys.exit(f"{command.name} failed when resumed")
        if over:
            found = differences(reference, out)
            bad += bool(found)
            print(
                f"run {run} is over: {'DIFFERS in ' + ', '.join(found) if found else 'the same, byte for byte'}",
                flush=True,
            )
            run += 1
            if done == kills:
                return bad
        else:
            done += 1
            print(f"| {done} | {run} | {seconds:.2f} | {before} | {kept(out)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", default="mnist")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    common = (
        "--data",
        options.data,
        "--samples",
        options.samples,
        "--epochs",
        options.epochs,
        "--jitter",
        0.01,
        "--shift",
        1,
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        converted = folder / "lenet.safetensors"
        subprocess.run(
            isospike("convert", "isospike.zoo:lenet5", "--data", options.data, "--out", converted),
            env=ENVIRONMENT,
            check=True,
        )
        commands = (
            Command("train", ("train", "lenet", *common, "--spikes", 0.3)),
            Command("tune", ("tune", converted, *common, "--time-steps", 8, "--weight-bits", 4)),
        )
        bad = sum(tortured(command, folder, options.kills, chance) for command in commands)
    print(f"\n{2 * options.kills} kills, {bad} runs that ended otherwise")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
