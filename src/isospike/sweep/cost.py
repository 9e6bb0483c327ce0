"""What a study will take, before anything starts: each network and method is made and run on a few samples here, and
the rest is worked out.

    seconds of a shard = a + images · (r + b · Σ synapses · T · min(d / d₀, 1) + c · Σ neurons · T)
    GB of a worker     = peak of these runs + k · (images of a batch − FEW) · neurons of the largest layer

b, c and d₀: `sweep.speed`.  r: reading a sample.  a: what the run took beyond that.  d: from the run, for any T.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from math import prod
from time import process_time
from typing import TypeVar

import torch

from isospike.codings import METHODS
from isospike.convert import Conversion
from isospike.data import Data
from isospike.importers import model_of
from isospike.network import Body
from isospike.sweep.content import network_hash, samples_hash
from isospike.sweep.shard import Shard, Subject, figures, one_thread, timed
from isospike.sweep.speed import Density, density, speed, work

Made = TypeVar("Made")
FEW = 2  # samples that a network is run on
REPEATS = 2  # the first run after the compiler's is slower
HELD = 16  # k [bytes]: four numbers in single precision


@dataclass(frozen=True)
class Cost:
    """
    | field     | meaning                                                                            |
    |-----------|------------------------------------------------------------------------------------|
    | `shards`  | that are to be computed                                                            |
    | `images`  | of all of them                                                                     |
    | `seconds` | on one core like this machine's, when networks are read and calibrated             |
    | `begin`   | seconds that each worker takes to read and calibrate all networks, at most         |
    | `memory`  | GB that a worker holds at its peak; None on systems that do not tell               |
    """

    shards: int
    images: int
    seconds: float
    begin: float
    memory: float | None


@one_thread()
def estimate(shards: Iterable[Shard]) -> Cost:
    """What shards will take.  Constraints are left out of what is run: they change parameters once a network, and no
    operation of a sample.  Raises what converting a network raises."""
    given = list(shards)
    images, total, more = 0, 0.0, 0
    begin = sum(speed(stepwise).begin for stepwise in {shard.steps is not None for shard in given})
    for subject, own in groupby(given, lambda shard: shard.subject):
        reading, conversion = _timed(partial(_read, subject))
        begin += reading
        for _, alike in groupby(own, lambda shard: shard.method):
            same = list(alike)
            one = _try(conversion, min(same, key=lambda shard: shard.steps or 0))
            networks = {(shard.steps, shard.constraints, shard.seed if shard.constraints else 0) for shard in same}
            begin += one.calibrating + one.making * len(networks)
            sample = {steps: one.of_a_sample(steps) for steps in {shard.steps or 0 for shard in same}}
            for shard in same:
                count = shard.end - shard.begin
                images, total = images + count, total + one.begin + count * sample[shard.steps or 0]
                more = max(more, one.more(max(count, subject.calibration)))
    here = peak()
    return Cost(len(given), images, total, begin, None if here is None else here + more / 1e9)


@dataclass(frozen=True)
class Tried:
    """What a network and method took on FEW samples.

    | field         | unit | meaning                                                        |
    |---------------|------|----------------------------------------------------------------|
    | `body`        |      | the network                                                    |
    | `density`     |      | of its spikes, where it fires step by step                     |
    | `calibrating` | s    | of all calibration samples                                     |
    | `making`      | s    | of a network after that, the first run's compilation included  |
    | `reading`     | s    | r, of a sample                                                 |
    | `begin`       | s    | a, of a shard                                                  |
    | `batch`       |      | samples of a full batch                                        |
    """

    body: Body
    density: Density
    calibrating: float
    making: float
    reading: float
    begin: float
    batch: int

    def of_a_sample(self, steps: int) -> float:
        """Seconds that each sample of a shard adds."""
        return self.reading + speed(bool(steps)).seconds(work(self.body, self.density, steps))

    def more(self, images: int) -> int:
        """Bytes at the peak that the run of FEW samples did not need."""
        largest = max(prod(stage.shape) for stage in self.body.stages)
        return HELD * max(min(images, self.batch) - FEW, 0) * largest


def _read(subject: Subject) -> Conversion:
    network_hash(subject.network)  # as each worker does
    return Conversion(model_of(subject.network), _calibration(subject).first(FEW))


def _calibration(subject: Subject) -> Data:
    return subject.source.calibration(subject.calibration, subject.calibration_hash)


def _try(conversion: Conversion, shard: Shard) -> Tried:
    subject, steps = shard.subject, shard.steps or 0
    coding, graph = timed(shard.method, shard.steps), conversion.exact(METHODS[shard.method].signed)
    train, images = _calibration(subject), subject.source.images(shard.begin, shard.end, shard.images_hash)
    test = images.first(FEW)
    few, ranges = _timed(lambda: conversion.ranges(coding))
    twice, _ = _timed(lambda: coding.ranges(graph, train.first(2 * FEW)))
    making, network = _timed(lambda: conversion.network(coding, torch.float32, ranges))
    (x, _), *_ = test.batches(FEW)
    seen = density(network, x) if steps else {}
    cold, *again = [_timed(partial(figures, network, conversion, test, 0))[0] for _ in range(1 + REPEATS)]
    batch = images.first(images.together)
    hashing, _ = _timed(lambda: samples_hash(batch))
    reading = hashing / len(batch)
    calibrating = few + max(subject.calibration - FEW, 0) * (2 * reading + max(twice - few, 0) / FEW)
    body = network.body
    found = Tried(body, seen, calibrating, making + max(cold - min(again), 0), 2 * reading, 0.0, test.together)
    return replace(found, begin=max(min(again) - len(test) * found.of_a_sample(steps), 0.0))


def _timed(action: Callable[[], Made]) -> tuple[float, Made]:
    """Seconds of the processor, which other programs do not lengthen as they do the clock's; and what came of it."""
    started = process_time()
    made = action()
    return process_time() - started, made


def peak() -> float | None:
    """GB that this process has held at its peak; Linux counts in KiB, macOS in bytes."""
    unit = {"linux": 1024, "darwin": 1}.get(sys.platform)
    if unit is None:
        return None
    from resource import RUSAGE_SELF, getrusage

    return getrusage(RUSAGE_SELF).ru_maxrss * unit / 1e9
