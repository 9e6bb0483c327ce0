r"""A network whose weights and potentials lie on a grid that single precision holds without rounding.

    W → ⌊W / d + ½⌋ d,   d: a power of two,   max |V| ≤ 2^22 g,   g = d · (step of what is read)

Then every sum is exact, in whatever order a reader adds, and > and ≥ agree about a threshold half a step below the
grid.  A neuron with a leak is on no grid: its weights are only rounded to single precision."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from isospike.encoders import RateEncoder
from isospike.errors import InvalidSetting
from isospike.export.nir.plain import carrier, plain
from isospike.ir.ops.affine import Chain, through
from isospike.ir.ops.base import Shape
from isospike.ir.ops.conv import Conv
from isospike.ir.ops.dense import Dense
from isospike.ir.ops.scale import Scale
from isospike.network import Body, Stage
from isospike.neurons import IF, LIF, Accumulator, BurstIF, Stepping
from isospike.neurons.base import Neuron
from isospike.passes.fold_scales import fold

DIGITS = 22  # bits of a potential: two less than single precision has, for the half step and the threshold
FEWEST = 5  # bits of a stage's largest weight
INPUT = 8, 7, 6, 5, 4  # bits of a constant input: the first that leave the weights enough
BURST = 2.0  # spikes a step that a neuron without a limit is taken to send at most; sums of more may be rounded
EXCESS = 2.0**-6  # by which rounding may lift a drive above its limit; the bias takes it back


@dataclass(frozen=True)
class Drive:
    """What can arrive at the neurons of a stage in one step, each: the least and the most.  most: spikes a step that
    they send at most."""

    least: Tensor
    most_in: Tensor
    most: float


class TooCoarse(InvalidSetting):
    """Single precision has too few bits for the weights."""


@dataclass(frozen=True)
class Rounded:
    """`body`: the network on its grids; `drives`: what can drive each stage; `step`: of the input, a share of its
    range, 1 for spikes."""

    body: Body
    drives: dict[str, Drive]
    step: float


def rounded(body: Body, half: bool) -> Rounded:
    """The network in plain chains on their grids, thresholds 1 or half a step below it if `half`.  Raises
    `InvalidSetting` where a stage has no such form."""
    for bits in INPUT if body.encoder.constant else (0,):
        try:
            return _rounded(body, half, 2.0**-bits)
        except TooCoarse as error:
            last = error
    raise last


def _rounded(body: Body, half: bool, step: float) -> Rounded:
    encoder = body.encoder
    assert isinstance(encoder, RateEncoder)
    most = {"input": float(math.ceil(encoder.rate))}
    steps = {"input": step}
    stages, drives = list[Stage](), dict[str, Drive]()
    for stage in body.stages:
        made, drive = _stage(stage, body, most, steps, half)
        stages.append(made)
        drives[stage.name], most[stage.name], steps[stage.name] = drive, drive.most, 1.0
    return Rounded(replace(body, stages=tuple(stages)), drives, step)


def _stage(
    stage: Stage, body: Body, most: dict[str, float], steps: dict[str, float], half: bool
) -> tuple[Stage, Drive]:
    neuron, shapes = stage.neuron, body.shapes
    one = torch.ones((1,) * len(stage.shape), dtype=torch.float64)
    level = _charge(neuron) * one
    chains = [
        plain(fold((*group.chain, Scale(1 / level)), shapes[group.source]), shapes[group.source], stage.name)
        for group in stage.groups
    ]
    assert neuron.current is not None
    bias = _a_channel(neuron.current.double() / level, stage, chains[0])
    sources = [(shapes[group.source], float(most[group.source])) for group in stage.groups]
    drive = _drive(neuron, chains, bias, sources)
    if isinstance(neuron, LIF):
        chains, bias, g = [_single(chain) for chain in chains], bias.float().double(), 0.0
    else:
        g = 2.0 ** (math.ceil(math.log2(_reach(neuron, drive, chains, sources, body.steps))) - DIGITS)
        finest = min(steps[group.source] for group in stage.groups)
        chains = [_on_grid(chain, g / finest, stage.name) for chain in chains]
        bias = (bias / g).round() * g
        drive = _drive(neuron, chains, bias, sources)
        over = (drive.most_in.expand(stage.shape) - drive.most).reshape(channels(chains[0], stage.shape), -1).amax(1)
        if bool(((over > 0) & (over <= EXCESS)).any()):
            less = torch.where(over <= EXCESS, over.clamp_min(0), 0.0)
            bias = bias - less.repeat_interleave(bias.numel() // len(less)).reshape(bias.shape)
            drive = _drive(neuron, chains, bias, sources)
    groups = tuple(replace(group, chain=chain) for group, chain in zip(stage.groups, chains, strict=True))
    return replace(stage, groups=groups, neuron=_unit(neuron, bias, level, g / 2 if half else 0.0)), drive


def _charge(neuron: Neuron) -> Tensor:
    """θ, in what the drive is added to."""
    match neuron:
        case LIF():
            return neuron.threshold * neuron.capacitance
        case Stepping():
            return neuron.threshold
    return torch.ones((), dtype=torch.float64)


def _unit(neuron: Neuron, bias: Tensor, level: Tensor, below: float) -> Neuron:
    """The neuron for drives in units of θ."""
    one = torch.ones_like(level)
    match neuron:
        case LIF():
            leak = neuron.conductance / neuron.capacitance
            unit = neuron.unit * neuron.threshold
            return replace(
                neuron, bias=bias, threshold=one, unit=unit, conductance=leak, capacitance=torch.ones_like(neuron.dt)
            )
        case Stepping():
            return replace(neuron, bias=bias, threshold=one - below, unit=neuron.unit * level)
    return Accumulator(bias)


def _drive(neuron: object, chains: list[Chain], bias: Tensor, sources: list[tuple[Shape, float]]) -> Drive:
    """Interval arithmetic of one step; sources: shape, and the most that each value can be."""
    mean, width = bias, torch.zeros((), dtype=torch.float64)
    for chain, (shape, most) in zip(chains, sources, strict=True):
        middle = torch.full((1, *shape), most / 2, dtype=torch.float64)
        mean = mean + through(chain, middle)[0]
        width = width + through(tuple(step.abs() for step in chain), middle)[0]
    least, most_in = mean - width, mean + width
    match neuron:
        case BurstIF(most=limit) if math.isinf(limit):
            most = BURST
        case BurstIF(most=limit):
            most = float(limit)
        case _:
            most = 1.0
    return Drive(least, most_in, most)


def _reach(neuron: object, drive: Drive, chains: list[Chain], sources: list[tuple[Shape, float]], steps: int) -> float:
    """The largest potential, or sum on the way to it, in so many steps."""
    low, high = float(drive.least.min()), float(drive.most_in.max())
    sums = sum(
        float(through(tuple(step.abs() for step in chain), torch.full((1, *shape), most, dtype=torch.float64)).max())
        for chain, (shape, most) in zip(chains, sources, strict=True)
    )
    if isinstance(neuron, Accumulator):
        return max(steps * max(abs(low), abs(high)), sums)
    kept = steps * max(high - drive.most, 0.0) if not isinstance(neuron, IF) or neuron.reset != "zero" else 0.0
    return max(steps * max(-low, 0.0), 1 + max(high, 0.0) + kept, sums)


def _on_grid(chain: Chain, d: float, where: str) -> Chain:
    at = carrier(chain)
    step = chain[at]
    assert isinstance(step, Conv | Dense)
    largest = float(step.weight.abs().max())
    if largest and largest / d < 2**FEWEST:
        raise TooCoarse(
            f"potentials of stage `{where}` would leave its weights less than {FEWEST} bits of single precision.",
            f"{DIGITS} bits for the largest potential of all time steps.",
            "Take fewer time steps, or spikes as input: --steps, --encoder regular.",
        )
    return (*chain[:at], replace(step, weight=(step.weight / d).round() * d), *chain[at + 1 :])


def _single(chain: Chain) -> Chain:
    return tuple(step.map_tensors(lambda _, t: t.float().double()) for step in chain)


def channels(chain: Chain, shape: Shape) -> int:
    """How many biases the last map with weights has."""
    last = [step for step in chain if isinstance(step, Conv | Dense)][-1]
    return len(last.weight) if isinstance(last, Conv) else math.prod(shape)


def _a_channel(bias: Tensor, stage: Stage, chain: Chain) -> Tensor:
    """A bias that NIR can say: of a convolution, one number a channel; broadcastable to the stage."""
    rows = bias.expand(stage.shape).reshape(channels(chain, stage.shape), -1)
    if not bool((rows == rows[:, :1]).all()):
        raise InvalidSetting(
            f"the biases of stage `{stage.name}` differ within a channel.",
            "Convolutions with one bias a channel.",
            "Convert a model whose inputs begin at 0, or without padding.",
        )
    return bias.expand(stage.shape if len(stage.shape) == 1 else (stage.shape[0], *bias.shape[1:])).clone()
