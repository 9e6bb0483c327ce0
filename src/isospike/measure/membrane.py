r"""The membrane of one neuron on its way to a spike.

First spikes: the piecewise straight line that the equation makes of the spikes that are received,

    τ_c dV/dt = α H(t − t_ramp) + Σ_j J_j H(t − t_j) up to t_min, τ_c dV/dt = s after that   (neurons/first_spike.py).

Neurons that fire step by step: the potential that each step leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.engine import SpikingNetwork, Walk
from isospike.errors import InvalidSetting
from isospike.ir.ops.affine import Chain, through
from isospike.network import Stage
from isospike.neurons import FirstSpikeIF, Stepping
from isospike.simulate import ClosedForm
from isospike.simulate.stepped import timed


@dataclass(frozen=True)
class Trajectory:
    """A potential over time.

    | field        | shape     | unit          | meaning                                                     |
    |--------------|-----------|---------------|-------------------------------------------------------------|
    | `times`      | (corners,) | time, or steps | of the corners, from the beginning of the window           |
    | `potentials` | (corners,) | 1             | there, up to the spike or the end of the window             |
    | `threshold`  |           | 1             | θ                                                           |
    | `spikes`     | (spikes,) | as `times`    | when the neuron fires; none where it is silent              |
    | `window`     |           | as `times`    | when its window ends                                        |
    """

    times: Tensor
    potentials: Tensor
    threshold: float
    spikes: Tensor
    window: float

    @property
    def spike(self) -> float | None:
        """The first; None for a silent neuron."""
        return float(self.spikes[0]) if len(self.spikes) else None

    @property
    def lead(self) -> float:
        """By how much the spike precedes the end of the window; zero for a silent neuron."""
        return 0.0 if self.spike is None else self.window - self.spike

    @property
    def at_spike(self) -> float:
        """The potential at the last corner."""
        return float(self.potentials[-1])


def membrane(
    network: SpikingNetwork, x: Tensor, stage: str, neurons: Sequence[tuple[int, ...]]
) -> tuple[Trajectory, ...]:
    """The membranes of neurons of one stage for a sample.

    Ideal ones: ticks, forced spikes and noise, which act on spikes, do not show in them.  x: (1, *shape).  neurons:
    their places in the stage's shape.  Raises `InvalidSetting` for a stage or a neuron that is not there, and for one
    whose membrane is not straight between spikes: a pool, a threshold that falls."""
    found = next((one for one in network.stages if one.name == stage), None)
    if found is None or not isinstance(found.neuron, FirstSpikeIF | Stepping):
        known = [one.name for one in network.stages if isinstance(one.neuron, FirstSpikeIF | Stepping)]
        what = f"there is no stage `{stage}` with membranes."
        raise InvalidSetting(what, f"Stages: {', '.join(known)}.", "Choose one of these.")
    if isinstance(found.neuron, FirstSpikeIF) and found.neuron.fall.any():
        what = f"the threshold of stage `{stage}` falls, which trajectories do not show."
        raise InvalidSetting(what, "Constant thresholds.", "Convert with another mapping than dynamic.")
    for neuron in neurons:
        if len(neuron) != len(found.shape) or not all(0 <= i < n for i, n in zip(neuron, found.shape, strict=True)):
            what = f"stage `{stage}` has no neuron {neuron}."
            raise InvalidSetting(what, f"Places in its shape {tuple(found.shape)}.", "Choose one of these.")
    x = network.own(x[:1])
    if network.body.steps:
        return _stepwise(network, x, found, neurons)
    codes = {"input": network.body.encoder.encode(x)}
    ClosedForm().prepare(network)(x, lambda one, code: codes.update({one.name: code}))
    arriving = {group.source: codes[group.source] for group in found.groups}
    return tuple(trajectory(found, arriving, neuron) for neuron in neurons)


def _stepwise(
    network: SpikingNetwork, x: Tensor, stage: Stage, neurons: Sequence[tuple[int, ...]]
) -> tuple[Trajectory, ...]:
    body = timed(network, None)
    heard: list[Tensor] = []
    walk = Walk(
        body,
        x,
        torch.Generator().manual_seed(0),
        listen=lambda one, train: heard.append(train[:, 0].clone()) if one.name == stage.name else None,
    )
    walk.stretch = 1
    potentials = []
    with torch.no_grad():
        for step in range(1, body.steps + 1):
            walk.advance(step)
            potentials.append(walk.states[stage.name].states[0][0].clone())
    assert isinstance(stage.neuron, Stepping)
    begin = (stage.neuron.begin()[0] + torch.zeros_like(potentials[0])).to(x.dtype)
    values, spikes = torch.stack([begin, *potentials]), torch.cat(heard)
    threshold, times = stage.neuron.threshold.expand(stage.shape), torch.arange(body.steps + 1, dtype=x.dtype)

    def one(neuron: tuple[int, ...]) -> Trajectory:
        at = int(torch.arange(threshold.numel()).reshape(stage.shape)[neuron])
        sent = times[1:][spikes.flatten(1)[:, at] != 0]
        return Trajectory(times, values.flatten(1)[:, at], float(threshold[neuron]), sent, float(body.steps))

    return tuple(map(one, neurons))


def trajectory(stage: Stage, arriving: dict[str, Tensor], neuron: tuple[int, ...]) -> Trajectory:
    """Integrate one neuron of first spikes.  arriving: leads by source, (1, *shape); neuron: its place in the stage's
    shape.

    The time at which it fires is found here from V and θ, not taken from a simulator.
    """
    model = stage.neuron
    assert isinstance(model, FirstSpikeIF) and not model.fall.any()
    leads, weights = zip(*(_synapses(stage, arriving, neuron)), strict=True)
    lead, weight = torch.cat(leads).double(), torch.cat(weights).double()
    ramp, threshold, slope = (float(t.expand(stage.shape)[neuron]) for t in (model.ramp, model.threshold, model.slope))
    onset, window, tau = float(model.onset), float(model.window), float(model.tau)
    times, potentials = risen(lead, weight, ramp, onset, tau)
    wait = max((threshold - float(potentials[-1])) * tau / slope, 0.0)
    fires = wait < window * (1 - 1e-6)
    last = wait if fires else window
    spikes = torch.tensor([wait] if fires else [], dtype=torch.float64)
    end = potentials[-1:] + slope * last / tau
    corners = torch.cat([times, torch.tensor([last], dtype=torch.float64)])
    return Trajectory(corners, torch.cat([potentials, end]), threshold, spikes, window)


def risen(lead: Tensor, weight: Tensor, ramp: float, onset: float, tau: float) -> tuple[Tensor, Tensor]:
    """The straight line's corners up to t_min: times before it, and the potential there.  lead, weight: (spikes,) of
    float64."""
    times = torch.cat([-lead, torch.tensor([-onset, 0.0], dtype=torch.float64)]).sort().values
    rising = (times[:, None] + lead).clamp_min(0.0) @ weight
    return times, (rising + ramp * (times + onset).clamp_min(0.0)) / tau


def weights(chain: Chain, neuron: tuple[int, ...], like: Tensor) -> Tensor:
    """A neuron's weights through a chain of maps, which are the gradient of what it receives.  like: codes of the
    source, (1, *shape), whose shape they have."""
    x = torch.zeros_like(like).requires_grad_()
    with torch.enable_grad():
        (weight,) = torch.autograd.grad(through(chain, x)[0][neuron], x)
    return weight


def _synapses(stage: Stage, arriving: dict[str, Tensor], neuron: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
    """Leads and weights of the spikes that reach a neuron, a pair for each source."""
    found = []
    for group in stage.groups:
        weight = weights(group.chain, neuron, arriving[group.source])
        used = (weight != 0) & (arriving[group.source] > 0)
        found.append((arriving[group.source][used], weight[used]))
    return found
