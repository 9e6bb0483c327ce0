r"""How a network can be run: in closed form, or over time.  One that would be answered wrongly is refused.

The closed form knows the potential V of a first-spike neuron from t_min on.  A neuron that is not gated fires as soon
as V reaches θ, also before t_min, so that the closed form is right only where V − θ cannot fall before t_min:

    Σ_j min(J_j, 0) + α + δ ≥ 0,     the ramp starting no later than the first spike that can arrive

Then V has been below θ all along if it is at t_min, and if it is not, the lead is longer than the window, which is
seen when it happens."""

from collections.abc import Mapping

import torch
from torch import Tensor

from isospike.engine.once import Perturb
from isospike.errors import InvalidSetting
from isospike.ir.ops.affine import row_sum
from isospike.ir.ops.base import Shape
from isospike.network.body import Body, Stage
from isospike.neurons import FirstSpikeIF, SpikePool
from isospike.neurons.base import Neuron


def in_closed_form(body: Body, perturb: Perturb | None) -> None:
    """Raises `InvalidSetting` unless the closed form answers as the network does."""
    if body.steps:
        raise refused(body, "this network fires step by step: it has no closed form after a finite number of steps.")
    if other := [stage for stage in body.stages if type(stage.neuron).closed_form is Neuron.closed_form]:
        raise refused(body, f"stage `{other[0].name}` ({type(other[0].neuron).__name__}) has no closed form.")
    if early := next((stage for stage in ungated(body) if may_fall(stage, body, perturb)), None):
        raise refused(
            body,
            f"the neurons of stage `{early.name}` are not gated and may fire before t_min, which the closed form does "
            "not see.",
        )


def over_time(body: Body, perturb: Perturb | None) -> None:
    """Raises `InvalidSetting` unless the network fires step by step, on hardware that does not disturb its spikes."""
    if not body.steps:
        raise refused(body, "this network has no time steps: each of its layers answers once.")
    if perturb is not None:
        raise InvalidSetting(
            "a perturbation of spike times, in a network that sends trains of spikes.",
            "TTFS networks.",
            "Leave those constraints out.",
        )


def all_gated(body: Body, what: str) -> None:
    """Raises `InvalidSetting`, with `what` needs it, if a first-spike neuron may fire before its window."""
    if early := ungated(body):
        raise InvalidSetting(
            f"the neurons of stage `{early[0].name}` are not gated.",
            f"{what}: gated neurons.",
            "Convert the model with TTFS(gated=True).",
        )


def ungated(body: Body) -> list[Stage]:
    """The stages whose thresholds are not infinite before t_min."""
    return [stage for stage in body.stages if isinstance(stage.neuron, FirstSpikeIF) and not stage.neuron.gated]


def may_fall(stage: Stage, body: Body, perturb: Perturb | None) -> bool:
    """Whether V − θ of some neuron of a first-spike stage can fall before t_min."""
    neuron = stage.neuron
    assert isinstance(neuron, FirstSpikeIF)
    windows = {"input": body.encoder.end} | {other.name: _window(other) for other in body.stages}
    ramp = (neuron.ramp + neuron.fall).cpu()
    # What disturbs spikes may bring them before the ramp.
    in_time = perturb is None and float(neuron.onset) >= max(windows[group.source] for group in stage.groups)
    steepest = _inhibition(stage, body.shapes) + (ramp if in_time else ramp.clamp_max(0.0)).double()
    return bool((steepest < 0).any())


def _window(stage: Stage) -> float:
    """How long before the end of a stage its spikes can come."""
    neuron = stage.neuron
    return float(neuron.window if isinstance(neuron, FirstSpikeIF | SpikePool) else stage.end - stage.begin)


def _inhibition(stage: Stage, shapes: Mapping[str, Shape]) -> Tensor:
    """Σ_j min(J_j, 0) of every neuron, over the full kernel."""
    total = torch.zeros((), dtype=torch.float64)
    for group in stage.groups:
        shape = shapes[group.source]
        total = total + (row_sum(group.chain, shape) - row_sum(tuple(step.abs() for step in group.chain), shape)) / 2
    return total


def refused(body: Body, what: str) -> InvalidSetting:
    """The error for a simulator that does not fit a network; it names those that do."""
    if body.steps:
        return InvalidSetting(
            what,
            "Networks that fire step by step: Stepped().",
            "Leave the simulator out, or take Stepped() (--simulator stepped).",
        )
    return InvalidSetting(
        what,
        "Networks whose layers answer once: EventDriven(), and ClosedForm() where no neuron fires before its window.",
        "Take EventDriven(): simulate(…, EventDriven()), check(…, simulators=[EventDriven()]), --simulator "
        "event-driven.",
    )
