"""How much faster two single-thread workers compute a study than one.

python benchmarks/throughput.py [--shards 200]

A study of LeNet-5, so many shards of 100 images at T = 64, by one worker, then by two: seconds of the whole sweep, the
workers' beginning included, and seconds from the first shard to the last."""

import argparse
import tempfile
import time
from pathlib import Path

import isospike as iso
from isospike.sweep import Study, engine

IMAGES, SAMPLES = 100, 1000  # of a shard, and of the data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=200)
    arguments = parser.parse_args()
    parts = tuple((begin, begin + IMAGES) for begin in range(0, SAMPLES, IMAGES))
    seeds = tuple(range(-(-arguments.shards // len(parts))))
    study = Study(("isospike.zoo:lenet5",), "mnist-sample", ("regular",), parts, (64,), seeds=seeds, calibration=200)
    found = {workers: swept(study, workers) for workers in (1, 2)}
    for workers, (whole, between) in found.items():
        print(
            f"{workers} workers, {len(study.shards)} shards: {whole:.1f} s, {between:.1f} s from the first to the last"
        )
    (one, first), (two, second) = found[1], found[2]
    print(f"ratio {one / two:.2f}, without the beginning {first / second:.2f} (goal 1.6)")


def swept(study: Study, workers: int) -> tuple[float, float]:
    done: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        iso.sweep(study, Path(folder), engine(None, workers), progress=lambda _: done.append(time.perf_counter()))
        whole = time.perf_counter() - started
    return whole, done[-1] - done[1]  # the first says what was there before


if __name__ == "__main__":
    main()
