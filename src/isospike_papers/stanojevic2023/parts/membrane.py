r"""The membrane of one first-spike neuron as the piecewise straight line that its equation makes of the spikes it
receives.

τ_c dV/dt = α H(t − t_ramp) + Σ_j J_j H(t − t_j) up to t_min, τ_c dV/dt = s after that (neurons/first_spike.py).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.ir.ops.affine import through
from isospike.network import Stage
from isospike.neurons import FirstSpikeIF


@dataclass(frozen=True)
class Trajectory:
    """Corners of V(t) until the neuron fires or its window ends; times from the beginning of its window; `spike` None:
    silent."""

    times: Tensor
    potentials: Tensor
    threshold: float
    spike: float | None
    window: float

    @property
    def lead(self) -> float:
        """By how much the spike precedes the end of the window; zero for a silent neuron."""
        return 0.0 if self.spike is None else self.window - self.spike

    @property
    def at_spike(self) -> float:
        """The potential at the last corner."""
        return float(self.potentials[-1])


def trajectory(stage: Stage, arriving: dict[str, Tensor], neuron: tuple[int, ...]) -> Trajectory:
    """Integrate one neuron.  arriving: leads by source, (1, *shape); neuron: its place in the stage's shape.

    The time at which it fires is found here from V and θ, not taken from a simulator.
    """
    model = stage.neuron
    assert isinstance(model, FirstSpikeIF) and not model.fall.any()
    leads, weights = zip(*(_synapses(stage, arriving, neuron)), strict=True)
    lead, weight = torch.cat(leads).double(), torch.cat(weights).double()
    ramp, threshold, slope = (float(t.expand(stage.shape)[neuron]) for t in (model.ramp, model.threshold, model.slope))
    onset, window, tau = float(model.onset), float(model.window), float(model.tau)
    times = torch.cat([-lead, torch.tensor([-onset, 0.0], dtype=torch.float64)]).sort().values
    rising = (times[:, None] + lead).clamp_min(0.0) @ weight
    potentials = (rising + ramp * (times + onset).clamp_min(0.0)) / tau
    wait = max((threshold - float(potentials[-1])) * tau / slope, 0.0)
    spike = wait if wait < window * (1 - 1e-6) else None
    last = window if spike is None else spike
    end = potentials[-1:] + slope * last / tau
    return Trajectory(torch.cat([times, torch.tensor([last])]), torch.cat([potentials, end]), threshold, spike, window)


def _synapses(stage: Stage, arriving: dict[str, Tensor], neuron: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
    """Leads and weights of the spikes that reach a neuron, a pair for each source: its weights are the gradient of
    what it receives."""
    found = []
    for group in stage.groups:
        x = torch.zeros_like(arriving[group.source]).requires_grad_()
        with torch.enable_grad():
            (weight,) = torch.autograd.grad(through(group.chain, x)[0][neuron], x)
        used = (weight != 0) & (arriving[group.source] > 0)
        found.append((arriving[group.source][used], weight[used]))
    return found
