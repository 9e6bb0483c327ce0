r"""Training by several processes: each takes its part of every batch, and what they measure is agreed on.

    ∇L = Σ_r (n_r / n) ∇L_r,     n_r of the n samples of a batch in the part of process r

Every process goes through the same batches, drawn from the same seed: a batch, its place in the epoch and what is done
to its images are those of one process.  What the model itself draws differs between processes."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isospike.errors import InvalidModel, InvalidSetting, IsospikeError, first_line
from isospike.train.base import Peers
from isospike.train.kept import read_curve
from isospike.train.logs import loggers_of

TIMEOUT = timedelta(minutes=10)  # of waiting for the others, who may be writing a checkpoint meanwhile
STRIDE = 1_000_003  # a prime: the seeds of one epoch's steps are not those of another's
APART = 0x9E3779B97F4A7C15  # between the seeds of processes: 2⁶⁴ over the golden ratio, as SplitMix64 has it
NUMBERS = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")  # by torchrun, Slurm, and Lightning: all 0 in the first
SEEDS = 1 << 63  # PyTorch takes seeds below it


class Lost(IsospikeError):
    """Another process of a training has ended, or does not answer."""


class Processes(Peers):
    """The processes of a training, started and connected.  count: how many.  number: of this one, from 0.  Raises
    `Lost` where some do not come."""

    def __init__(self, fabric: Any) -> None:
        try:
            fabric.launch()
        except RuntimeError as error:
            if not _of_the_others(error):
                raise
            raise Lost(
                f"not all processes came: {_said(error)}",
                f"As many as devices × nodes, within {TIMEOUT.total_seconds():g} s.",
                "Start all of them, each node with its torchrun.",
            ) from error
        self._fabric, self.count, self.number, self._share = fabric, fabric.world_size, fabric.global_rank, 1.0

    def part(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, float]:
        """This process's part of a batch, and the factor on its loss that makes the mean over all processes the mean
        over all samples."""
        if self.count == 1:
            return x, y, 1.0
        own = slice(len(x) * self.number // self.count, len(x) * (self.number + 1) // self.count)
        self._share = (own.stop - own.start) / len(x)
        # A part without samples has one that counts for nothing, so that this process takes the step as well.
        own = own if self._share else slice(1)
        return x[own], y[own], self._share * self.count

    def largest(self, found: Tensor) -> Tensor:
        """Element by element, over all processes."""
        return found if self.count == 1 else self._fabric.all_reduce(found.clone(), reduce_op="max")

    def mean(self, found: Tensor) -> Tensor:
        """Over the samples of a batch, of what each process has as a mean over its own."""
        return found if self.count == 1 else self._fabric.all_reduce(found * self._share, reduce_op="sum")

    def first(self, found: Any) -> Any:
        """What the first process found."""
        return found if self.count == 1 else self._fabric.broadcast(found)

    @contextmanager
    def drawing(self, seed: int, epoch: int, step: int) -> Iterator[None]:
        """Where the model draws: other numbers in each process, and none that batches are drawn from."""
        if self.count == 1:
            yield
            return
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(((seed * STRIDE + epoch) * STRIDE + step) % SEEDS, self.number))
            yield

    @contextmanager
    def together(self, folder: str | Path | None) -> Iterator[None]:
        """Where processes wait for each other.  folder: of the run.  Raises `Lost`, and `InvalidModel` for a parameter
        that is not used."""
        try:
            yield
        except RuntimeError as error:
            if "finished reduction" in str(error):
                raise InvalidModel(
                    "a parameter takes no part in the loss, and several processes are to agree on its gradient.",
                    "Models all of whose parameters are used; others by one process.",
                    "Take the parameter out, or train in one process: devices=1.",
                ) from error
            if self.count == 1 or not _of_the_others(error):
                raise
            kept = 0 if folder is None else len(read_curve(folder))
            raise Lost(
                f"process {self.number + 1} of {self.count} lost another one: {_said(error)}",
                f"All processes until the end, none silent for more than {TIMEOUT.total_seconds():g} s.",
                f"{kept} epochs are kept; start all processes again with resume=True (--resume)."
                if kept
                else "No epoch is kept; start all processes again.",
            ) from error


def fabric_of(accelerator: str, devices: int, nodes: int, loggers: Any) -> Any:
    """Lightning's Fabric, not launched yet.  Raises `InvalidSetting`."""
    try:
        from lightning.fabric import Fabric
        from lightning.fabric.strategies import DDPStrategy
    except ImportError as error:
        raise IsospikeError(
            "training needs `lightning`, which is not installed.", remedy="Run: pip install 'isospike[train]'"
        ) from error
    wanted = f"accelerator={accelerator!r}, devices={devices}, nodes={nodes}"
    started = int(os.environ["WORLD_SIZE"]) if torch.distributed.is_torchelastic_launched() else None
    if started not in (None, devices * nodes):
        raise InvalidSetting(
            f"{wanted}, and torchrun has started {started} processes.",
            "As many processes as devices × nodes.",
            "Name them: devices=… on each node, nodes=…; --devices, --nodes.",
        )
    several = devices * nodes > 1
    try:
        return Fabric(
            accelerator=accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=DDPStrategy(timeout=TIMEOUT) if several else "auto",
            loggers=loggers_of(loggers),
        )
    except (ValueError, RuntimeError) as error:
        raise InvalidSetting(
            f"{wanted}: {error}",
            "cpu, cuda, mps, auto; as many devices as there are.",
        ) from error


def seed_of(base: int, process: int) -> int:
    """A seed of one process that no other has; the first process has the base."""
    return base if process == 0 else (base + process * APART) % SEEDS


def leads(count: int) -> bool:
    """Whether this is the first of the processes of a training, which writes and speaks; known before they are
    connected.  One that trains alone is, whatever number it was started with."""
    return count == 1 or all(os.environ.get(name, "0") == "0" for name in NUMBERS)


def _of_the_others(error: RuntimeError) -> bool:
    """Whether an error is of the connection between processes; gloo's have no class of their own."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error).lower()


def _said(error: RuntimeError) -> str:
    """Its first sentence, without the place in gloo's sources."""
    return re.sub(r"^\[\S*\]\s*", "", first_line(error)).partition(". ")[0]
