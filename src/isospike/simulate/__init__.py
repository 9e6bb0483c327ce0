"""Table of contents: the simulators."""

import torch
from jaxtyping import Float
from torch import Tensor

from isospike.network import Perturb, SpikingNetwork, Stage
from isospike.simulate.base import Simulator as Simulator
from isospike.simulate.base import Trace as Trace
from isospike.simulate.clocked import Clocked as Clocked
from isospike.simulate.closed_form import ClosedForm as ClosedForm
from isospike.simulate.event_driven import EventDriven as EventDriven


def simulate(network: SpikingNetwork, images: Float[Tensor, "batch *shape"], simulator: Simulator | None = None, perturb: Perturb | None = None) -> Trace:
    """Run a network and keep every stage's spikes.

    images: (batch, *input shape) in the units of the original model.  simulator: closed form unless another is given.
    perturb: changes each stage's code before it is handed on, such as `SpikeJitter`.
    Raises `OutOfRange` for inputs outside the declared range, unless the network clips them.
    """
    codes: dict[str, Tensor] = {}

    def watch(stage: Stage, code: Tensor) -> None:
        codes[stage.name] = code

    with torch.no_grad():
        readout = (simulator or ClosedForm()).prepare(network)(images, watch, perturb)
    return Trace(network, readout, codes)
