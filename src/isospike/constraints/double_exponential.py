"""Membranes that respond to a spike with a double exponential, not with a straight line.

    t/τ_c  ←  (τ1/τ_c) (1 − exp(−t/τ1)) exp(−t/τ2)

All parameters stay as they are: it acts as if τ1 were long.  Put it on after other constraints, which act on linear
neurons; it is simulated event by event.  Source: Stanojevic 2023, §3.6.1."""

import math
from dataclasses import dataclass, replace

from isospike.engine import SpikingNetwork, spiking
from isospike.errors import InvalidSetting
from isospike.ir.typed import typed
from isospike.network import Stage
from isospike.neurons import DoubleExponentialIF, DoubleExponentialIntegrator, FirstSpikeIF, Integrator
from isospike.neurons.double_exponential import Response


@dataclass(frozen=True)
class DoubleExponential:
    """Makes a network into one of such neurons.  tau1, tau2: time constants of rise and decay [time]; tau2 is 2 tau1
    unless given."""

    tau1: float
    tau2: float | None = None

    def __post_init__(self) -> None:
        typed(self)
        if not (0 < self.tau1 < math.inf and self.response.tau2 >= 2 * self.tau1):
            raise InvalidSetting(
                f"{self}.", "0 < tau1 < ∞, tau2 ≥ 2 tau1; tau2 may be infinite.", "Choose time constants within."
            )

    @property
    def response(self) -> Response:
        """a(t)."""
        return Response(float(self.tau1), 2.0 * self.tau1 if self.tau2 is None else float(self.tau2))

    def __call__(self, network: SpikingNetwork) -> SpikingNetwork:
        """The network with this response in every first-spike neuron and in the read-out; pools stay.  Raises
        `InvalidSetting`."""
        spiking(network, type(self).__name__)
        body = network.body
        return SpikingNetwork(replace(body, stages=tuple(map(self._stage, body.stages))))

    def _stage(self, stage: Stage) -> Stage:
        match stage.neuron:
            case Integrator() as neuron:
                return replace(stage, neuron=DoubleExponentialIntegrator(neuron, self.response))
            case FirstSpikeIF() as neuron if neuron.gated and not bool(neuron.fall.any()):
                return replace(stage, neuron=DoubleExponentialIF(neuron, self.response))
            case neuron if neuron.relays:
                return stage
        raise InvalidSetting(
            f"stage `{stage.name}` has neurons that a double exponential is not defined for "
            f"({type(stage.neuron).__name__}).",
            "First-spike neurons whose threshold is constant and gated: TTFS() with the mappings identical, fixed and "
            "positive.",
            "Convert the model with one of these.",
        )
