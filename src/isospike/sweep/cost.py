"""What a study will take, from short runs of each of its networks on this machine, before anything starts.

    seconds of a shard = a + b · images

A network, method and T have an a and a b; they come from a run of MOST images and one of a quarter of them.
"""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from isospike.sweep.content import samples_hash
from isospike.sweep.shard import Shard, run

MOST = 64  # images: soon done, and nearly as fast for each as a whole batch


@dataclass(frozen=True)
class Cost:
    """
    | field     | meaning                                                                      |
    |-----------|------------------------------------------------------------------------------|
    | `shards`  | that are to be computed                                                      |
    | `images`  | of all of them                                                               |
    | `seconds` | on one worker like this machine, when networks are read and calibrated       |
    | `begin`   | seconds that each worker takes to read and calibrate all networks, at most   |
    | `memory`  | GB that a worker holds at its peak; None on systems that do not tell         |
    """

    shards: int
    images: int
    seconds: float
    begin: float
    memory: float | None


def estimate(shards: Iterable[Shard], seconds: Callable[[Shard], float] | None = None) -> Cost:
    """What shards will take.  seconds: of computing one; measured here unless given.  Constraints are left out of
    what is run: they change parameters once a network, and no operation of a sample."""
    seconds, kinds = seconds or _timed, {}
    begin = total = 0.0
    given = list(shards)
    for shard in given:
        kind = (shard.subject, shard.method, shard.steps)
        if kind not in kinds:
            large = _first(shard, MOST)
            small = _first(shard, max(large.end // 4, 1))
            cold, few, many = seconds(small), seconds(small), seconds(large)
            begin += max(cold - few, 0.0)
            slope = max(many - few, 0.0) / max(large.end - small.end, 1)
            kinds[kind] = max(few - small.end * slope, 0.0), slope
        a, b = kinds[kind]
        total += a + b * (shard.end - shard.begin)
    return Cost(len(given), sum(shard.end - shard.begin for shard in given), total, begin, _peak())


def _first(shard: Shard, images: int) -> Shard:
    """The same on the first test samples, as many as there are."""
    data = shard.subject.source.open(False).first(images)
    return replace(shard, constraints=(), begin=0, end=len(data), images_hash=samples_hash(data))


def _timed(shard: Shard) -> float:
    started = time.perf_counter()
    run(shard)
    return time.perf_counter() - started


def _peak() -> float | None:
    """GB; Linux counts in KiB, macOS in bytes."""
    unit = {"linux": 1024, "darwin": 1}.get(sys.platform)
    if unit is None:
        return None
    from resource import RUSAGE_SELF, getrusage

    return getrusage(RUSAGE_SELF).ru_maxrss * unit / 1e9
