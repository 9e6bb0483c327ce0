"""Shares a compiled loop among threads where there is enough to do.

The loops let go of Python's lock.  Numba's own threads wait for each other by spinning, which on a busy machine takes
far longer than a small loop does.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

LEAST = 1 << 20  # additions or so that a thread is worth
Found = TypeVar("Found")


def in_threads(run: Callable[[slice], Found], count: int, work: int) -> list[Found]:
    """Call `run` for parts of `count` things, in as many threads as torch has if there is so much work."""
    threads = min(torch.get_num_threads(), count, max(1, work // LEAST))
    if threads < 2:
        return [run(slice(0, count))]
    ends = [count * i // threads for i in range(threads + 1)]
    return list(_pool(threads).map(run, map(slice, ends, ends[1:])))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "isospike")
