r"""A rate-coded network whose weights, currents, thresholds and potentials are integers, and its simulation, step by
step, in integer arithmetic.

    V ← V + Σ_j W_ij s_j(t) + B,     s(t) = the neuron's rule (whole/neurons.py),     V ← V − s(t) Θ
    Y = Σ_t (Σ_j W_ij s_j(t) + B),   y = u Y / T                                      the read-out

All of a stage count in one unit u: the step of its weights, over the divisor of an average pool in front of them, and
halved until whole thresholds and currents are off by at most θ / 8192.  u need be no power of two.  A constant input
is rounded to 255 levels, as pixels have, and the first weights are divided by them.  Weights without a step are given
one by `WeightBits`.  All changes are made to the network that is handed back too, so that it sends the same spikes.

No potential, and no sum on the way to it, is larger than what a spike leaves and T times the largest drive,

    |V| ≤ 2 max(|V₀|, Θ, Θ₋) + T D,     D_i = Σ_j |W_ij| S_j + |B_i|,     S: spikes a step, at most

so that a word of 32 or 64 bits is known to hold it.  The simulation is in words of that length."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy
import torch
from torch import Tensor

from isospike.constraints import WeightBits, constrain
from isospike.constraints.weight_bits import whole_step
from isospike.encoders import Bernoulli, ConstantCurrent, RateEncoder, RegularSpikes
from isospike.encoders.ranged import TOLERANCE
from isospike.engine import SpikingNetwork, over_time, spiking
from isospike.errors import InvalidSetting
from isospike.export.base import Exported
from isospike.export.whole import WholeNeuron, agreed, flat, multiplied, supported, whole_neuron, whole_weights
from isospike.ir.ops.affine import Chain
from isospike.ir.ops.scale import Scale
from isospike.ir.typed import expect
from isospike.network import Body, Group, Stage
from isospike.neurons import Accumulator, CountPool, Stepping, TernaryIF, WindowPool
from isospike.passes.fold_scales import fold
from isospike.simulate import Simulator, Stepped, simulate
from isospike.simulate.wiring import AT_ONCE, affordable

BITS, MOST_BITS = 8, 16  # of weights
LEVELS = 255  # of a constant input above zero
FINEST = 2.0**-13  # share of θ by which whole thresholds and currents are off, at most: in 64 steps, of 2⁻⁷ spikes
LARGEST = 2**28  # Θ: neurons in double precision tell a potential from a threshold by 1e-9 of it
WORDS = 32, 64


@dataclass(frozen=True)
class RateStage:
    """
    | field     | shape                  | unit | meaning                                                |
    |-----------|------------------------|------|--------------------------------------------------------|
    | `weights` | (presynaptic, neurons) | u    | W, those of all sources one below the other            |
    | `current` | (neurons,)             | u    | B                                                      |
    | `neuron`  |                        |      | thresholds and initial potentials; None: the read-out  |
    | `unit`    |                        |      | u, in units of the network's potentials                |
    | `reach`   |                        | u    | the largest potential that is possible                 |
    | `word`    |                        | bit  | 32 or 64, which holds it                               |
    """

    weights: "scipy.sparse.csr_array"
    current: np.ndarray
    neuron: WholeNeuron | None
    unit: float
    reach: float
    word: int


@dataclass(frozen=True, repr=False)
class IntegerRates(Exported):
    """The integers by stage, pools having none, and the network in double precision that sends the same spikes."""

    network: SpikingNetwork
    stages: dict[str, RateStage]

    def __call__(self, x: Tensor, seed: int = 0) -> dict[str, Tensor]:
        """The spikes of the input and of every stage, (steps, batch, *shape), and the read-out's sums in units of u,
        (batch, *shape): int64.  seed: of what is drawn, where the encoder draws."""
        body = self.network.body
        encoder, steps = body.encoder, body.steps
        train = encoder.train(encoder.drive(x.double()), 0, steps, torch.Generator().manual_seed(seed)).long()
        found = {"input": train}
        for stage in body.stages:
            arriving = [found[group.source] for group in stage.groups]
            if isinstance(stage.neuron, CountPool):
                found[stage.name] = _pooled(stage.neuron, arriving[0].expand(steps, *arriving[0].shape[1:]))
                continue
            own = self.stages[stage.name]
            drive = _drive(own, arriving)
            drive = np.broadcast_to(drive, (steps, *drive.shape[1:]))
            if own.neuron is None:
                found[stage.name] = torch.from_numpy(drive.sum(0, drive.dtype)).long().reshape(len(x), *stage.shape)
            else:
                found[stage.name] = torch.from_numpy(_fired(own.neuron, drive)).reshape(steps, len(x), *stage.shape)
        return {name: train.expand(steps, *train.shape[1:]) if name == "input" else one for name, one in found.items()}

    @property
    def word(self) -> int:
        """Bits of the longest word."""
        return max(stage.word for stage in self.stages.values())

    @classmethod
    def of(cls, network: SpikingNetwork, bits: int | None = None) -> "IntegerRates":
        """The integer form of a network of rates.

        bits: of its weights, 2 to 16; unless given, weights that are on `WeightBits` stay as they are and others get
        8.  Raises `InvalidSetting` where neurons leak, inputs are random without a limit, words are too short, or
        synapses are too many to list."""
        spiking(network, "IntegerRates.of")
        expect("IntegerRates.of", "bits", bits, int | None)
        over_time(network.body, network.perturb)
        if not isinstance(network.stages[-1].neuron, Accumulator):
            raise InvalidSetting(
                f"the read-out is a {type(network.stages[-1].neuron).__name__}.",
                "Networks of rates, whose read-out adds up.",
                "Networks of units: export.ShiftAdd.",
            )
        for stage in network.stages[:-1]:
            supported(stage)
        body = _encoded(_weighed(network, bits))
        affordable(body, AT_ONCE)
        made: dict[str, RateStage] = {}
        most = {"input": math.ceil(_rate(body) * (1 + TOLERANCE))}
        stages: list[Stage] = []
        for stage in body.stages:
            if isinstance(stage.neuron, CountPool):
                # What it adds to its count some input has added to its own.
                most[stage.name] = most[stage.groups[0].source]
                stages.append(stage)
                continue
            whole, made[stage.name], most[stage.name] = _whole(stage, body, most)
            stages.append(whole)
        return cls(SpikingNetwork(replace(body, stages=tuple(stages))), made)

    def differing(self, x: Tensor, simulator: Simulator | None = None) -> int:
        simulator = simulator or Stepped()
        found = self(x, simulator.seed if isinstance(simulator, Stepped) else 0)
        trace = simulate(self.network, x.double(), simulator)
        # Trains are kept in 16 bits, in which larger numbers of spikes a step wrap around.
        count = sum(int((found[name].to(train.dtype) != train).sum()) for name, train in trace.trains.items())
        last = self.network.stages[-1].name
        sums = (trace.readout * self.network.body.steps / self.stages[last].unit).round().long()
        return count + int((sums != found[last]).sum())


def _weighed(network: SpikingNetwork, bits: int | None) -> Body:
    """The network with weights of few bits, and of as many the factors of synapses that have no weights."""
    on = [one.bits for one in network.body.constraints if isinstance(one, WeightBits)]
    bits = (on or [BITS])[-1] if bits is None else bits
    if not 2 <= bits <= MOST_BITS:
        raise InvalidSetting(f"weights of {bits} bits.", f"2 to {MOST_BITS} bits.", "8 are usual: bits=8, --bits 8.")
    # Weights that are whole already keep their step, and get it to the last bit of double precision.
    body = constrain(SpikingNetwork(network.body, torch.float64), WeightBits(bits)).body
    if bits in on[-1:]:
        body = replace(body, constraints=network.body.constraints)
    half = 2 ** (bits - 1)

    def rounded(factor: Tensor) -> Tensor:
        step = whole_step(factor.flatten(), half) or float(factor.abs().max()) / (half - 1) or 1.0
        return (factor / step).round() * step

    return _rechained(
        body.map_tensors(lambda _, t: t.detach().cpu()),
        lambda group: tuple(multiplied(one, rounded) if isinstance(one, Scale) else one for one in group.chain),
    )


def _rechained(body: Body, change: Callable[[Group], Chain]) -> Body:
    """The network with other maps between its stages; pools have none."""
    return replace(
        body,
        stages=tuple(
            replace(stage, groups=tuple(replace(group, chain=change(group)) for group in stage.groups))
            if not isinstance(stage.neuron, CountPool)
            else stage
            for stage in body.stages
        ),
    )


def _encoded(body: Body) -> Body:
    """The network with whole inputs.  Raises `InvalidSetting` for inputs that nothing limits."""
    encoder = body.encoder
    if not isinstance(encoder, ConstantCurrent | RegularSpikes | Bernoulli):
        raise InvalidSetting(
            f"the input is a {type(encoder).__name__}, of which no largest number of spikes a step is known.",
            "ConstantCurrent, RegularSpikes and Bernoulli.",
            "Convert the model with one of these: Rate(encoder=ConstantCurrent), --encoder constant.",
        )
    if not isinstance(encoder, ConstantCurrent) or encoder.levels == encoder.rate:
        return body
    scale, inputs, stages = encoder.rate / LEVELS, {"input"}, []
    for stage in body.stages:
        if isinstance(stage.neuron, CountPool) and stage.groups[0].source in inputs:
            inputs.add(stage.name)
            stage = replace(stage, neuron=replace(stage.neuron, unit=stage.neuron.unit * scale))
        stages.append(stage)
    shapes = body.shapes

    def chain(group: Group) -> Chain:
        shape = shapes[group.source]
        factor = Scale(torch.full((1,) * len(shape), scale, dtype=torch.float64))
        return fold((factor, *group.chain), shape) if group.source in inputs else group.chain

    encoder = replace(encoder, rate=float(LEVELS), levels=LEVELS)
    return _rechained(replace(body, encoder=encoder, stages=tuple(stages)), chain)


def _rate(body: Body) -> float:
    """Spikes a step that the largest input sends."""
    assert isinstance(body.encoder, RateEncoder)
    return body.encoder.rate


def _whole(stage: Stage, body: Body, most: dict[str, int]) -> tuple[Stage, RateStage, int]:
    """A stage that counts in whole units, its integers, and how many spikes a step it sends at most.  most: the same
    of its sources."""
    step = dict.fromkeys(body.shapes, 1.0)
    stage, unit = agreed(stage, body, step)
    unit = 1.0 if math.isinf(unit) else unit
    weights = whole_weights(stage, body, step, unit)
    unit, times = _finer(stage, unit, np.abs(weights.data).max(initial=0) * unit)
    weights.data *= times
    neuron, whole = stage.neuron, None
    if isinstance(neuron, Accumulator):
        neuron = replace(neuron, bias=(neuron.bias / unit).round() * unit)
    else:
        neuron, whole = whole_neuron(stage, unit)
    assert neuron.current is not None
    current = flat((neuron.current / unit).round(), stage)
    sources = np.concatenate([np.full(math.prod(body.shapes[one.source]), most[one.source]) for one in stage.groups])
    largest = abs(weights).T.astype(float) @ sources + np.abs(current)
    rest = np.zeros(1) if whole is None else whole.reach
    reach = float((2.0 * rest + body.steps * largest).max())
    word = _word(stage, reach * (1 + 2.0**-20))  # sums of many numbers, rounded
    kind = f"int{word}"
    own = RateStage(
        weights.astype(kind), current.astype(kind), None if whole is None else whole.in_words(word), unit, reach, word
    )
    if whole is None:
        return replace(stage, neuron=neuron), own, 0
    if math.isfinite(whole.most):
        return replace(stage, neuron=neuron), own, int(whole.most)
    # Without a limit no spike is left for later: a step brings at most its own drive to a rest below a threshold.
    return replace(stage, neuron=neuron), own, int(((2.0 * rest + largest) // whole.taken).max()) + 1


def _finer(stage: Stage, unit: float, weight: float) -> tuple[float, int]:
    """The unit halved as often as thresholds and currents need, and by what that multiplies weights.  weight: the
    largest, which a read-out's currents are held against."""
    neuron = stage.neuron
    assert neuron.current is not None
    numbers, against = [neuron.current], weight or float(neuron.current.abs().max()) or 1.0
    if isinstance(neuron, Stepping):
        numbers, against = [neuron.current, neuron.threshold], float(neuron.threshold.min())
    if isinstance(neuron, TernaryIF) and neuron.slope > 0:
        numbers.append(neuron.threshold / neuron.slope)
    times = 1
    while any(float((one - (one / unit).round() * unit).abs().max()) > FINEST * against for one in numbers):
        unit, times = unit / 2, times * 2
    if isinstance(neuron, Stepping) and (level := float(neuron.threshold.max()) / unit) > LARGEST:
        raise InvalidSetting(
            f"thresholds of stage `{stage.name}` are {level:,.0f} steps of its weights.",
            f"Up to {LARGEST:,}.",
            "Take weights of fewer bits: bits=8, --bits 8.",
        )
    return unit, times


def _word(stage: Stage, reach: float) -> int:
    """The shortest word that holds a potential.  Raises `InvalidSetting` where none does."""
    for word in WORDS:
        if reach < 2.0 ** (word - 1):
            return word
    raise InvalidSetting(
        f"potentials of stage `{stage.name}` may need {math.ceil(math.log2(reach)) + 1} bits.",
        f"Words of up to {WORDS[-1]} bits.",
        "Take neurons with a limit of spikes a step, fewer time steps, or weights of fewer bits.",
    )


def _drive(own: RateStage, arriving: list[Tensor]) -> np.ndarray:
    """What arrives in each step, (steps, batch, neurons); one step if it is constant."""
    steps = max(map(len, arriving))
    train = torch.cat([part.expand(steps, *part.shape[1:]).reshape(steps, part.shape[1], -1) for part in arriving], 2)
    spikes = scipy.sparse.csr_array(train.flatten(0, 1).numpy().astype(own.weights.dtype))
    drive: np.ndarray = (spikes @ own.weights).toarray() + own.current
    return drive.reshape(steps, train.shape[1], -1)


def _fired(neuron: WholeNeuron, drive: np.ndarray) -> np.ndarray:
    """The spikes of neurons, (steps, batch, neurons), int64.  drive: the same, in words of its kind."""
    v = np.broadcast_to(neuron.initial, drive.shape[1:]).astype(drive.dtype)
    sent, found = np.zeros_like(v), np.empty(drive.shape, np.int64)
    for t, x in enumerate(drive):
        v = v + x
        found[t] = s = neuron.spikes(v, sent)
        v, sent = neuron.left(v, s), sent + s
    return found


def _pooled(neuron: CountPool, train: Tensor) -> Tensor:
    """The spikes of a max pool, which only chooses among integers.  train: (steps, batch, *shape)."""
    if isinstance(neuron, WindowPool):
        winner = neuron.pool.winner(train.sum(0).double())
        return (
            train.flatten(3).gather(3, winner.flatten(2).expand(len(train), -1, -1, -1)).unflatten(3, winner.shape[2:])
        )
    counts = train.cumsum(0)
    largest = neuron.pool(counts.flatten(0, 1).double()).long().unflatten(0, train.shape[:2])
    return largest.diff(dim=0, prepend=torch.zeros_like(largest[:1]))
