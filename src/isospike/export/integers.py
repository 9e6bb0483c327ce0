r"""A network whose weights, thresholds and spike times are integers, and its simulation in integer arithmetic.

    V_i = Σ_j W_ij k_j                  W: whole multiples of a step d;  k_j: ticks by which a spike precedes the end
    of its window k_i = clip(⌊(V_i − T_i) / R⌋, 0, L)

The membrane counts in units of u = d Δ(n−1).  In each tick Δ(n) of its window it rises by R, a whole number once the
window is made a little longer or shorter: Δ(n) = R u / s.  Thresholds are rounded to whole units.  Where sources are
summed whose units are no multiples of one another, weights are scaled by at most 1/256 until they are.  All changes
are made to the network that is handed back too, so that it answers the same in every simulator."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from isospike.encoders import LatencyEncoder
from isospike.engine import SpikingNetwork, all_gated, spiking
from isospike.errors import InvalidSetting
from isospike.export.base import Exported
from isospike.export.whole import agreed, exact, flat, whole_weights
from isospike.network import Body, Stage, balanced, retimed
from isospike.neurons import FirstSpikeIF, Integrator, SpikePool
from isospike.simulate import Simulator, simulate
from isospike.simulate.wiring import AT_ONCE, affordable

if TYPE_CHECKING:
    import scipy


@dataclass(frozen=True)
class IntegerStage:
    """weights: (presynaptic, neurons), those of all sources one below the other; threshold: T; gain: R; ticks: L;
    unit: u, for the read-out."""

    stage: Stage
    weights: "scipy.sparse.csr_array"
    threshold: np.ndarray
    gain: int
    ticks: int
    unit: float


@dataclass(frozen=True, repr=False)
class Integers(Exported):
    """The integers by stage, pools having none, and the network in double precision that computes the same."""

    network: SpikingNetwork
    stages: dict[str, IntegerStage]

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        """Every stage's spikes in ticks before the end of its window, and the read-out's potentials in units of u:
        int64, (batch, *shape)."""
        body = self.network.body
        encoder = body.encoder
        ticks = (encoder.encode(x.double()) / encoder.end * self.ticks).round().long()
        found = {"input": ticks}
        for stage in body.stages:
            arriving = [found[group.source] for group in stage.groups]
            if isinstance(stage.neuron, SpikePool):
                found[stage.name] = stage.neuron.pool(arriving[0].double()).long()  # it only chooses among integers
                continue
            own = self.stages[stage.name]
            potential = (
                np.concatenate([part.reshape(len(part), -1).numpy() for part in arriving], 1) @ own.weights
                - own.threshold
            )
            code = np.clip(potential // own.gain, 0, own.ticks) if own.ticks else potential
            found[stage.name] = torch.from_numpy(code).reshape(len(x), *stage.shape)
        return found

    @property
    def ticks(self) -> int:
        """L, of the input's window."""
        return _ticks(self.network.body)

    @classmethod
    def of(cls, network: SpikingNetwork, powers_of_two: bool = False) -> "Integers":
        """The integer form of a network that was trained or tuned with `WeightBits` and `TimeSteps`.

        powers_of_two: gains are powers of two, so that a shift divides by them; windows change by up to √2.
        Raises `InvalidSetting` where weights are no multiples of a step, neurons have no clock or no gate, slopes
        differ within a stage, or sums join sources without weights whose units are no multiples of one another; and
        where the synapses are too many to list."""
        spiking(network, "Integers.of")
        if network.body.steps:
            raise InvalidSetting(
                "the network fires step by step.",
                "Networks of first spikes, tuned with TimeSteps and WeightBits.",
                "Rate codes: export.IntegerRates; or convert the model with TTFS().",
            )
        if network.perturb is not None:
            raise InvalidSetting(
                "the network is on hardware that disturbs its spikes.",
                "The network itself.",
                "Make the integers first.",
            )
        body = network.body.map_tensors(lambda _, t: t.detach().double())
        all_gated(body, "Integer arithmetic")
        affordable(body, AT_ONCE)
        ticks = _ticks(body)
        body = replace(body, stages=tuple(map(exact, body.stages)))
        step = {"input": body.encoder.end / ticks}
        made: dict[str, IntegerStage] = {}
        for name in [stage.name for stage in body.stages]:
            stage = next(s for s in body.stages if s.name == name)
            if isinstance(stage.neuron, SpikePool):
                step[name] = step[stage.groups[0].source]
                continue
            stage, unit = agreed(stage, body, step)
            body = _with(body, stage)
            weights = whole_weights(stage, body, step, unit)
            if isinstance(stage.neuron, Integrator):
                bias = (stage.neuron.ramp * stage.neuron.onset / unit).round()
                neuron = replace(stage.neuron, ramp=bias * unit / stage.neuron.onset)
                made[name] = IntegerStage(stage, weights, flat(-bias, stage), 1, 0, unit)
                body = _with(body, replace(stage, neuron=neuron))
                continue
            body, made[name], step[name] = _hidden(body, stage, unit, weights, powers_of_two)
        return cls(SpikingNetwork(balanced(retimed(body, {}))), made)

    def differing(self, x: Tensor, simulator: Simulator | None = None) -> int:
        codes, trace = self(x), simulate(self.network, x.double(), simulator)
        count = 0
        for stage in self.network.stages[:-1]:
            found = trace.codes[stage.name] / (stage.end - stage.begin) * self.ticks
            count += int((found.round().long() != codes[stage.name]).sum())
        last = self.network.stages[-1].name
        return count + int(((trace.readout / self.stages[last].unit).round().long() != codes[last]).sum())


def _hidden(
    body: Body, stage: Stage, unit: float, weights: "scipy.sparse.csr_array", powers_of_two: bool
) -> tuple[Body, IntegerStage, float]:
    """The stage with a whole gain and whole thresholds, and its tick; later stages see its new window."""
    neuron = stage.neuron
    if not isinstance(neuron, FirstSpikeIF) or not neuron.ticks:
        raise InvalidSetting(
            f"stage `{stage.name}` has no clock.",
            "Networks tuned with TimeSteps (--time-steps).",
            "Tune the network first.",
        )
    slope = neuron.slope.reshape(-1)
    if bool(((slope - slope[0]).abs() > 1e-9).any()):
        raise InvalidSetting(
            f"the slopes of stage `{stage.name}` differ.",
            "TTFS(mapping='identical'), no mismatch.",
            "Convert the model with that mapping.",
        )
    tick = float(neuron.window) / neuron.ticks
    rise = float(slope[0]) * tick / unit
    gain = max(1, 2 ** round(math.log2(rise)) if powers_of_two else round(rise))
    window = neuron.window.new_tensor(neuron.ticks * gain * unit / float(slope[0]))
    body = retimed(body, {stage.name: window})
    stage = next(s for s in body.stages if s.name == stage.name)
    neuron = stage.neuron
    assert isinstance(neuron, FirstSpikeIF)
    half = neuron.slope * (tick - window / neuron.ticks) / 2 / neuron.tau  # rounding to the nearest of the new ticks
    whole = ((neuron.shift + half) * neuron.tau / unit).round()
    # The last tick is the cap, wherever it now lies.
    # Half a unit lower than T: the same neurons fire, and rounding in floating point can never decide between equals.
    stage = replace(stage, neuron=replace(neuron, shift=(whole - 0.5) * unit / neuron.tau, gate=neuron.gate * 0))
    own = IntegerStage(stage, weights, flat(whole, stage), gain, neuron.ticks, unit)
    return _with(body, stage), own, gain * unit / float(slope[0])


def _ticks(body: Body) -> int:
    if not isinstance(body.encoder, LatencyEncoder) or not body.encoder.ticks:
        raise InvalidSetting(
            "the input has no clock.", "Networks tuned with TimeSteps (--time-steps).", "Tune the network first."
        )
    return body.encoder.ticks


def _with(body: Body, stage: Stage) -> Body:
    return replace(body, stages=tuple(stage if other.name == stage.name else other for other in body.stages))
