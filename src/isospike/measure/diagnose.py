r"""Where a network that fires step by step makes its error, layer by layer, and by which mechanism.

A stage that reads the rates r hands on N / T.  Three mechanisms stand between that and the activation that r calls
for, f(W r + b) with the original's rectifier f:

    clipping      limit − f(W r + b)        the largest rate, or a wrong threshold: what no time mends
    resolution    even − limit              even: the answer to the same input, spread evenly over T steps
    order         N / T − even              the spikes' order: they came bunched, too early or too late

Their sum is the error that the stage makes; the rest of what it hands on is inherited from the stages before.  Nothing
but the network is needed: f(W r + b) from stage to stage is the original network.  A leak, and a reset to zero, are
found under resolution: no time mends them."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from isospike.data import Samples
from isospike.engine import SpikingNetwork, Walk, advance, run, spiking, start, together
from isospike.errors import InvalidData
from isospike.ir.layout import packed
from isospike.ir.ops.affine import through
from isospike.ir.typed import Seed, expect
from isospike.measure.inputs import inputs
from isospike.network import Body, Stage
from isospike.neurons import IF, LIF, SignedIF, Stepping
from isospike.neurons.base import Drive
from isospike.shown import Records
from isospike.simulate.stepped import timed

MECHANISMS = ("clipping", "resolution", "order")
CHANNELS = 3  # the worst that are named


@dataclass(frozen=True)
class Finding:
    """Root mean squares over samples and neurons, in units of the original's activations, `scale` being theirs.

    `total`: against the original; `inherited` and `made` add up to it, and `clipping`, `resolution` and `order` to
    `made`, neuron by neuron. `worst`: channels that make most, with their rms and main mechanism."""

    name: str
    neurons: int
    scale: float
    total: float
    inherited: float
    made: float
    clipping: float
    resolution: float
    order: float
    worst: tuple[tuple[int, float, str], ...]
    advice: str

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return asdict(self)


class _Squares:
    """Sums of squares of one stage, over samples and places, a channel each."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.count = 0

    def add(self, **parts: Tensor) -> None:
        for name, part in parts.items():
            square = part.double().square().reshape(len(part), *(part.shape[1:2] or (1,)), -1).sum((0, 2))
            self.sums[name] = self.sums.get(name, 0) + square
        self.count += parts["scale"].numel()

    def rms(self, name: str) -> float:
        return float(self.sums[name].sum() / self.count) ** 0.5


def diagnose(
    network: SpikingNetwork,
    data: Samples,
    steps: int | None = None,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Records[Finding]:
    """The error of every layer, split.  Raises `InvalidSetting` for networks without time steps, `InvalidData` if
    there is no sample."""
    spiking(network, "diagnose")
    expect("diagnose", "steps", steps, int | None)
    expect("diagnose", "seed", seed, Seed)
    body = timed(network, steps)
    generator = torch.Generator().manual_seed(seed)
    squares = {name: _Squares() for name in ("input", *(stage.name for stage in body.stages[:-1]))}
    with torch.no_grad():
        for x, _ in inputs(network, data):
            for part in network.own(x).split(together(body)):
                _split(body, part, generator, squares)
            if progress is not None:
                progress(len(x))
    if not squares["input"].count:
        raise InvalidData("there is no sample to run.", "At least one.", "Pass some images of the test set.")
    first = _finding(
        "input",
        math.prod(body.encoder.shape),
        squares["input"],
        "" if body.encoder.constant else "more steps, or a constant current",
    )
    others = (
        _finding(s.name, math.prod(s.shape), squares[s.name], _advice(s, squares[s.name])) for s in body.stages[:-1]
    )
    return Records([first, *others])


def parts(stage: Stage, rates: dict[str, Tensor], rate: Tensor, steps: int) -> dict[str, Tensor]:
    """The three mechanisms of one stage, in activations.  rates: of what it reads; rate: what it handed on."""

    def drive(bias: Tensor | None) -> Tensor:
        first, *others = (through(group.chain, rates[group.source]) for group in stage.groups)
        total = sum(others, start=first)
        return total if bias is None else total + bias

    neuron = stage.neuron
    ideal, limit, even = neuron.ideal(drive), neuron.closed_form(drive), _even(stage, drive, steps)
    split = {"made": rate - ideal, "clipping": limit - ideal, "resolution": even - limit, "order": rate - even}
    return {name: neuron.value(part) for name, part in split.items()}


def _even(stage: Stage, drive: Drive, steps: int) -> Tensor:
    """What the stage answers to a drive that is the same at every step."""
    current = packed(drive(stage.neuron.current))
    state = start(stage.neuron, current)
    total = torch.zeros(())
    for begin in range(0, steps, 16):
        length = min(16, steps - begin)
        total = total + advance(stage.neuron, current[None].clone(), state, length).sum(0)
    return total / steps


def _split(body: Body, x: Tensor, generator: torch.Generator, squares: dict[str, _Squares]) -> None:
    walk = Walk(body, x, generator)
    walk.advance(body.steps)
    ideal: dict[str, Tensor] = {}
    run(
        body,
        body.encoder.encode(x),
        lambda stage, drive, _: stage.neuron.ideal(drive),
        lambda stage, code: ideal.update({stage.name: code}),
    )
    exact = body.encoder.encode(x)
    rates = {"input": exact if body.encoder.constant else walk.states["input"].net / body.steps}
    off = rates["input"] - exact
    squares["input"].add(
        scale=exact, total=off, inherited=0 * off, made=off, clipping=0 * off, resolution=off, order=0 * off
    )
    for stage in body.stages[:-1]:
        rate = walk.states[stage.name].net / body.steps
        rates[stage.name] = rate
        split = parts(stage, rates, rate, body.steps)
        total = stage.neuron.value(rate - ideal[stage.name])
        squares[stage.name].add(
            scale=stage.neuron.value(ideal[stage.name]), total=total, inherited=total - split["made"], **split
        )


def _finding(name: str, neurons: int, found: _Squares, advice: str) -> Finding:
    channels = found.sums["made"]
    each = found.count / len(channels)
    worst = tuple(
        (int(c), float(channels[c] / each) ** 0.5, max(MECHANISMS, key=lambda m: float(found.sums[m][c])))
        for c in channels.argsort(descending=True)[:CHANNELS]
        if float(channels[c]) > 0
    )
    figures = {key: found.rms(key) for key in ("scale", "total", "inherited", "made", *MECHANISMS)}
    return Finding(name=name, neurons=neurons, worst=worst, advice=advice, **figures)


def _advice(stage: Stage, found: _Squares) -> str:
    if found.rms("made") <= 1e-3 * found.rms("scale"):
        return ""
    main = max(MECHANISMS, key=found.rms)
    neuron = stage.neuron
    if isinstance(neuron, Stepping) and bool((neuron.threshold - 1).abs().max() > 1e-3):
        thresholds = neuron.threshold.reshape(-1)
        off = float(thresholds[(thresholds - 1).abs().argmax()])
        return f"a threshold is {off:.3g} times what the weights were made for: set it to 1"
    if main == "resolution" and isinstance(neuron, IF) and neuron.reset == "zero":
        return "a reset to zero throws charge away: a soft reset"
    if main == "resolution" and isinstance(neuron, LIF) and bool((neuron.conductance > 0).any()):
        return "the leak takes charge: a smaller conductance, or higher rates"
    if neuron.relays:
        return "it pools single spikes: compare counts (CountPool)"
    return {
        "clipping": "rates saturate: a higher percentile",
        "resolution": "more steps, or more spikes a step",
        "order": "spikes come unevenly: more steps"
        + ("" if isinstance(neuron, SignedIF) else ", or a neuron that takes back (SignedIF)"),
    }[main]
