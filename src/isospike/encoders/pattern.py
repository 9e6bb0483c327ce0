r"""Input neurons that answer a value with a pattern: every value of every feature has a train of spikes of its own,
drawn once and kept.

A feature's non-zero values fall into at most Q bins, [e_i, e_(i+1)), with about as many training values each; equal
ends merge, and the outer bins are open.  The train of bin i is a_(f,i); zero is silent, and so is a feature that no
training sample has.

Source: Stanojevic 2023, app. A.2, Defs. 1–4 and sec. A.2.4."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from isospike.data import Samples, samples
from isospike.data.samples import fitting
from isospike.errors import InvalidData, InvalidSetting
from isospike.ir.typed import Count, Seed, typed
from isospike.network import Encoder

FEATURES = "Finite features from 0 on; 0 stands for one that is not there."
COLUMNS = 64  # features whose training values are sorted together


@dataclass(frozen=True, eq=False)
class PatternEncoder(Encoder):
    """
    | field      | shape              | unit  | meaning                                                      |
    |------------|--------------------|-------|--------------------------------------------------------------|
    | `edges`    | (inputs, Q − 1)    | input | where a feature's second bin and those above begin, then ∞   |
    | `bins`     | (inputs,)          |       | how many it has; 0: it is silent                             |
    | `patterns` | (inputs, Q + 1, T) |       | the train of each bin, of 0 and 1; the first is that of zero |
    | `settings` |                    |       | what they were made by                                       |
    """

    edges: Tensor
    bins: Tensor
    patterns: Tensor
    settings: str
    endless: ClassVar = ("edges",)

    @property
    def steps(self) -> int:
        """T, of every pattern."""
        return self.patterns.shape[-1]

    def __call__(self, x: Tensor) -> Tensor:
        """The patterns of a batch, (steps, batch, *shape) of 0 and 1, uint8.  Raises `InvalidData`."""
        return self._played(self.patterns, self.drive(x))

    def drive(self, x: Tensor) -> Tensor:
        """Number of each value's bin, 0 where it is silent.  Raises `InvalidData` for a wrong shape, negative or
        infinite numbers."""
        fitting(x, self.shape)
        checked(x)
        flat = x.flatten(1).float()  # as the edges are, so that a value has one bin in either precision
        above = torch.searchsorted(self.edges.float(), flat.T.contiguous(), right=True).T
        return ((above + 1) * ((flat > 0) & (self.bins > 0))).to(self.low.dtype).reshape(x.shape)

    def encode(self, x: Tensor) -> Tensor:
        drive = self.drive(x)
        return self.train(drive, 0, self.steps, None).mean(0)

    def chosen(self, drive: Tensor) -> Tensor:
        """Number of the train that each input sends, among those of all inputs, (batch, inputs)."""
        inputs, rows, _ = self.patterns.shape
        return drive.flatten(1).long() + rows * torch.arange(inputs, device=drive.device)

    def train(self, drive: Tensor, begin: int, steps: int, generator: torch.Generator | None) -> Tensor:
        if begin + steps > self.steps:
            raise InvalidSetting(
                f"{begin + steps} steps of patterns of {self.steps}.",
                f"At most {self.steps} time steps.",
                "Fit an encoder of longer patterns: steps=….",
            )
        return self._played(self.patterns[..., begin : begin + steps].to(drive.dtype), drive)

    def _played(self, patterns: Tensor, drive: Tensor) -> Tensor:
        played = patterns.flatten(0, 1).index_select(0, self.chosen(drive).flatten())
        return played.unflatten(0, (len(drive), *self.shape)).movedim(-1, 0)


@dataclass(frozen=True)
class Patterns(ABC):
    """Base of the ways to make patterns.

    | field    | meaning                        |
    |----------|--------------------------------|
    | `levels` | Q, the most bins of a feature  |
    | `steps`  | T, of every pattern            |
    | `seed`   | of what is drawn               |
    """

    levels: Count = 1
    steps: Count = 100
    seed: Seed = 0

    def __post_init__(self) -> None:
        typed(self)
        if not 1 <= self.levels < 256 or self.steps < 1:
            raise InvalidSetting(
                f"{self.levels} levels, {self.steps} steps.", "1 to 255 levels, steps from 1.", "8 and 100 are usual."
            )

    @abstractmethod
    def trains(self, bins: Tensor, generator: torch.Generator) -> Tensor:
        """The trains of every bin of every feature, (inputs, Q, T) of bool.  bins: (inputs,), how many each has."""

    def fit(self, features: Samples) -> PatternEncoder:
        """The encoder of features such as these; only training samples should be shown to it.

        features: (n, *shape), or a loader of them.  Raises `InvalidData` for negative, infinite or no numbers, and if
        no feature is ever non-zero."""
        batches = [checked(x) for x in samples(features)]
        if not batches or not sum(map(len, batches)):
            raise InvalidData("there is no sample to fit the bins to.", FEATURES, "Pass the training samples.")
        if len(shapes := {tuple(batch.shape[1:]) for batch in batches}) > 1 or () in shapes:
            raise InvalidData(
                f"the samples have the shapes {sorted(shapes)}.", "Samples of one shape: (n, *shape).", "Reshape them."
            )
        shape, x = tuple(batches[0].shape[1:]), torch.cat([batch.flatten(1) for batch in batches])
        if not bool((x > 0).any()):
            raise InvalidData("no feature is ever above 0.", FEATURES, "Pass features that say something.")
        edges, bins = map(torch.cat, zip(*_binned(x, self.levels), strict=True))
        trains = self.trains(bins, torch.Generator().manual_seed(self.seed))
        trains = trains & (torch.arange(self.levels) < bins[:, None])[..., None]
        silent = torch.zeros_like(trains[:, :1])
        return PatternEncoder(
            shape,
            torch.zeros(()),
            x.max().float(),
            edges.float(),
            bins,
            torch.cat([silent, trains], 1).to(torch.uint8),
            repr(self),
        )


def checked(x: Tensor) -> Tensor:
    """Features that can be encoded.  Raises `InvalidData`."""
    wrong = "NaN or infinite" if not bool(torch.isfinite(x).all()) else "negative" if bool((x < 0).any()) else ""
    if wrong:
        raise InvalidData(f"there are {wrong} features.", FEATURES, "Shift or clip them: x - x.min(), x.clamp_min(0).")
    return x


def poisson(shape: tuple[int, ...], rate: float, generator: torch.Generator) -> Tensor:
    """Trains in which each step has a spike with probability `rate`, none of them empty, (*shape) of bool.

    Def. 6 allows the empty train, one in e^(λT); a value that has it would look like zero, so it is drawn again.
    """
    trains = torch.rand(shape, generator=generator) < rate
    while bool((empty := ~trains.any(-1)).any()):
        trains[empty] = torch.rand((int(empty.sum()), shape[-1]), generator=generator) < rate
    return trains


def _binned(x: Tensor, levels: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Edges and number of bins, some features at a time.  x: (samples, features)."""
    for part in x.split(COLUMNS, 1):
        ranked = part.T.contiguous().sort(1).values
        found = (ranked > 0).sum(1, keepdim=True)
        first = len(x) - found
        at = first + torch.arange(levels) * found // levels
        begins = ranked.gather(1, at.clamp_max(len(x) - 1))  # the least value of each bin
        # A bin that begins where the one before it does has no values of its own.
        new = (begins[:, 1:] > begins[:, :-1]) & (found > 0)
        edges = torch.where(new, begins[:, 1:], torch.inf).sort(1).values
        yield edges, ((new.sum(1) + 1) * (found[:, 0] > 0)).to(torch.uint8)
