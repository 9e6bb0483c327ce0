r"""A network of units without multiplications, and its simulation in whole numbers.

    W → ⌊W / d + ½⌋ 2^F,  β → ⌊β / d · 2^F⌋         d: a layer's largest weight over 2^(q−1) − 1
    s ← Σ_ι ⌊s / 2^ι⌋ + Σ_(j: spike) W_j            three shifts for the leak, which F further bits are kept for
    X ← table[(x − β) ≫ k],  X̃ ← X̃ − (X̃ ≫ 6) − (X̃ ≫ 8) + X
    D_c ← D_c + square[|X̃ − X̃ᶜ| ≫ 6],  square[i] = (2i + 1)²;  order 1: D_c ← D_c + |X̃ − X̃ᶜ|

Squares are looked up in a table, and spikes choose rows of weights, so that there is no product anywhere.  The source
has the distance of order 1, which may decide otherwise than the one that a network is trained with.  `network` holds
the same whole numbers and answers alike in every simulator; the simulation here is in int64 arithmetic and refuses
numbers that its words cannot hold.  Source: Stanojevic 2023, app. A.2, eqs. A.16–A.19."""

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
import scipy
import torch
from torch import Tensor

from isospike.engine import SpikingNetwork, of_units
from isospike.errors import InvalidSetting
from isospike.export.base import Exported
from isospike.ir.typed import expect
from isospike.network import Stage, reweighted, trained_maps
from isospike.neurons import SNU, NearestPattern, ShiftPattern, ShiftSNU
from isospike.neurons.base import Neuron
from isospike.neurons.nearest_pattern import REACH
from isospike.neurons.shift_pattern import SHIFTS
from isospike.neurons.shift_snu import LONGEST, NOTHING
from isospike.neurons.snu import TERMS
from isospike.simulate import Simulator, simulate
from isospike.simulate.wiring import synapses

BITS, FRACTION, TABLE, LEVEL = 8, 8, 64, 8  # of weights, beyond them; entries of the table, bits of each
SQUARE = 6  # bits of a difference of filtered trains below those that choose a square
WORD = 32  # bits of potentials, filtered trains and distances
MEMORY = 1 - 2.0 ** -SHIFTS[0] - 2.0 ** -SHIFTS[1]  # for e^(−1/50)


Order = Literal[1, 2] | None  # of the distance; the network's own unless given


def shift_add(network: SpikingNetwork, order: Order = None) -> SpikingNetwork:
    """The network with leaks that are sums of shifts, and tables for the sigmoid and for squares; weights stay as they
    are.

    order: of the distance, the network's own unless given; 1 is the source's and needs no squares.  Raises
    `InvalidSetting` for networks of other neurons."""
    expect("shift_add", "order", order, Order)
    body = of_units(network, "shift_add")
    *hidden, read = body.stages
    stages = [replace(stage, neuron=_leaking(stage.neuron)) for stage in hidden]
    assert isinstance(read.neuron, NearestPattern)
    order = order or read.neuron.order
    neuron = replace(
        read.neuron,
        decay=torch.full_like(read.neuron.decay, filtered(float(read.neuron.decay))),
        order=order,
        table=TABLE,
        square=2.0 ** (SQUARE - LEVEL) if order == 2 else 0.0,
    )
    return SpikingNetwork(replace(body, stages=(*stages, replace(read, neuron=neuron))))


def _leaking(neuron: Neuron) -> Neuron:
    """A unit whose decay is a sum of shifts."""
    assert isinstance(neuron, SNU)
    return replace(neuron, decay=torch.full_like(neuron.decay, left(leak(float(neuron.decay)))))


def leak(decay: float) -> tuple[int, ...]:
    """The three shifts whose sum is nearest to a decay, or one shift of 0 for 1: (1, 2, 4) for 0.8.  Raises
    `InvalidSetting` where none is near."""
    choices = [(0, NOTHING, NOTHING), *combinations((*range(1, LONGEST + 1), NOTHING), TERMS)]
    found = min(choices, key=lambda shifts: abs(left(shifts) - decay))
    _near(left(found), decay, 1 / 64, "leak", "Up to 0.875 and a little more, or 1: sums of three powers of two.")
    return found


def filtered(decay: float) -> float:
    """The filter's decay, as shifts have it.  Raises `InvalidSetting` where that is another filter."""
    _near(MEMORY, decay, 1e-3, "filter", f"{MEMORY:.5f} = 1 − 2⁻⁶ − 2⁻⁸, for e^(−1/50).")
    return MEMORY


def _near(found: float, decay: float, most: float, what: str, supported: str) -> None:
    if abs(found - decay) > most:
        raise InvalidSetting(
            f"a {what} of {decay:.4g} would become {found:.4g}.", supported, "Train with such a one: units(…)."
        )


def left(shifts: tuple[int, ...]) -> float:
    """Σ_ι 2^−ι."""
    return sum(2.0**-shift for shift in shifts if shift < NOTHING)


@dataclass(frozen=True, repr=False)
class ShiftAdd(Exported):
    """`network`: with whole weights, thresholds and tables, in double precision; `weights`: (presynaptic, neurons) by
    stage, int64."""

    network: SpikingNetwork
    weights: "dict[str, scipy.sparse.csr_array]"

    @classmethod
    def of(cls, network: SpikingNetwork, bits: int = BITS, order: Order = None) -> "ShiftAdd":
        """The whole numbers of a network of units; bits: q, of a weight; order: as in `shift_add`.  Raises
        `InvalidSetting`."""
        expect("ShiftAdd.of", "bits", bits, int)
        expect("ShiftAdd.of", "order", order, Order)
        if not 2 <= bits <= 16:
            raise InvalidSetting(f"weights of {bits} bits.", "2 to 16 bits.", "8 are usual.")
        body = of_units(network, "ShiftAdd.of").map_tensors(
            lambda _, t: t.detach() if t.dtype == torch.uint8 else t.detach().double()
        )
        stages = tuple(_whole(stage, bits, order) for stage in body.stages)
        made = SpikingNetwork(replace(body, stages=stages, coding=f"{body.coding}, whole numbers"))
        found = {}
        for stage in stages:
            own = synapses(stage, made.body.shapes)
            sources = sum(math.prod(made.body.shapes[group.source]) for group in stage.groups)
            width = math.prod(stage.neuron.driven(stage.shape))
            values = np.rint(own.weights).astype(np.int64)
            found[stage.name] = scipy.sparse.csr_array((values, own.targets, own.indptr), shape=(sources, width))
        return cls(made, found)

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        """Spikes of every stage, (steps, batch, *shape), what the outputs say, and under `distances` D of each class,
        (batch, classes): int64.  Raises `InvalidSetting` where a number is too large for a word."""
        body = self.network.body
        encoder = body.encoder
        sent = {"input": encoder.train(encoder.drive(x.double()), 0, body.steps, None).long()}
        for stage in body.stages:
            arriving = np.concatenate([_flat(sent[group.source]) for group in stage.groups], 2)
            steps, batch, _ = arriving.shape
            drive = (scipy.sparse.csr_array(arriving.reshape(steps * batch, -1)) @ self.weights[stage.name]).toarray()
            drive = drive.reshape(steps, batch, -1)
            if isinstance(stage.neuron, ShiftSNU):
                sent[stage.name] = _fired(stage.neuron, stage, drive).reshape(steps, batch, *stage.shape)
            elif isinstance(stage.neuron, ShiftPattern):
                sent[stage.name], sent["distances"] = _heard(stage.neuron, drive)
        return sent

    def differing(self, x: Tensor, simulator: Simulator | None = None) -> int:
        found, trace = self(x), simulate(self.network, x.double(), simulator)
        apart = sum(int((found[name] != train.double()).sum()) for name, train in trace.trains.items())
        return apart + int((found["distances"].double() != -trace.readout).sum())


def _whole(stage: Stage, bits: int, order: Order) -> Stage:
    """A stage in whole numbers."""
    neuron = stage.neuron
    largest = max(float(step.weight.abs().max()) for step in trained_maps(stage)) or 1.0
    d = largest / (2 ** (bits - 1) - 1)
    scale = 2.0**FRACTION if isinstance(neuron, SNU) else 1.0
    made = reweighted(stage, lambda _, step: (step.weight / d).round() * scale)
    if isinstance(neuron, SNU):
        shifts = leak(float(neuron.decay))
        level = torch.floor(neuron.threshold / d * scale)
        return replace(
            made,
            neuron=ShiftSNU(
                bias=neuron.bias, threshold=level, decay=torch.full_like(neuron.decay, left(shifts)), shifts=shifts
            ),
        )
    assert isinstance(neuron, NearestPattern)
    order = order or neuron.order
    cell = max(0, round(math.log2(2 * REACH / TABLE / d)))
    middle = (torch.arange(TABLE, dtype=torch.float64) - TABLE // 2 + 0.5) * 2.0**cell * d
    return replace(
        made,
        neuron=ShiftPattern(
            neuron.targets,
            torch.floor(neuron.threshold / d),
            torch.full_like(neuron.decay, filtered(float(neuron.decay))),
            order=order,
            square=2.0**SQUARE if order == 2 else 0.0,
            values=(torch.sigmoid(middle) * (2**LEVEL - 1)).round(),
            cell=cell,
        ),
    )


def _fired(neuron: ShiftSNU, stage: Stage, drive: np.ndarray) -> Tensor:
    """Spikes of units, (steps, batch, neurons)."""
    level = np.rint(neuron.threshold.expand(stage.shape).reshape(-1).numpy()).astype(np.int64)
    kept, spikes = np.zeros_like(drive[0]), np.empty_like(drive)
    for t, x in enumerate(drive):
        s = _word(sum(kept >> shift for shift in neuron.shifts if shift < NOTHING) + x, stage.name)
        spikes[t] = s > level
        kept = s * (1 - spikes[t])
    return torch.from_numpy(spikes)


def _heard(neuron: ShiftPattern, drive: np.ndarray) -> tuple[Tensor, Tensor]:
    """What outputs say, (steps, batch, outputs), and the distances, (batch, classes)."""
    values = np.rint(neuron.values.numpy()).astype(np.int64)
    level = np.rint(neuron.threshold.expand(drive.shape[2]).numpy()).astype(np.int64)
    said = values[np.clip(((drive - level) >> neuron.cell) + len(values) // 2, 0, len(values) - 1)]
    wanted = neuron.targets.long().numpy() * values.max()
    trace, target = np.zeros_like(said[0]), np.zeros_like(wanted[:, 0])
    distance = np.zeros((drive.shape[1], len(wanted)), np.int64)
    longest = values.max() << max(SHIFTS)  # of what the filter holds
    squares = (2 * np.arange((longest >> SQUARE) + 1) + 1) ** 2
    for t, now in enumerate(said):
        trace = trace - (trace >> SHIFTS[0]) - (trace >> SHIFTS[1]) + now
        target = target - (target >> SHIFTS[0]) - (target >> SHIFTS[1]) + wanted[:, t]
        apart = np.abs(trace[:, None] - target)
        added = squares[apart >> SQUARE] if neuron.square else apart
        distance = _word(distance + added.sum(2), "the read-out")
    return torch.from_numpy(said), torch.from_numpy(distance)


def _word(numbers: np.ndarray, where: str) -> np.ndarray:
    if numbers.size and np.abs(numbers).max() >= 2 ** (WORD - 1):
        raise InvalidSetting(
            f"a number of {where} is {int(np.abs(numbers).max()):,}, too large for a word of {WORD} bits.",
            f"Below {2 ** (WORD - 1):,}.",
            "Take weights of fewer bits.",
        )
    return numbers


def _flat(train: Tensor) -> np.ndarray:
    found: np.ndarray = train.flatten(2).numpy()
    return found
