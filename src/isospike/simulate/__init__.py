"""Table of contents: the simulators."""

from jaxtyping import Float
from torch import Tensor

from isospike.data.samples import fitting
from isospike.engine import SpikingNetwork, spiking
from isospike.ir.typed import expect
from isospike.simulate.base import Simulator as Simulator
from isospike.simulate.base import Trace as Trace
from isospike.simulate.clocked import Clocked as Clocked
from isospike.simulate.closed_form import ClosedForm as ClosedForm
from isospike.simulate.early_exit import EarlyExit as EarlyExit
from isospike.simulate.event_driven import EventDriven as EventDriven
from isospike.simulate.stepped import StepByStep as StepByStep
from isospike.simulate.stepped import Stepped as Stepped


def simulate(
    network: SpikingNetwork, images: Float[Tensor, "batch *shape"], simulator: Simulator | None = None
) -> Trace:
    """Run a network and keep every stage's spikes.

    images: (batch, *input shape) in the units of the original model.  simulator: the fast one for this network unless
    another is given. Raises `InvalidSetting` for a simulator that would answer this network wrongly, `OutOfRange` for
    inputs outside the declared range, unless the network clips them, `InvalidData` for what is no batch of samples.
    """
    spiking(network, "simulate")
    expect("simulate", "simulator", simulator, Simulator | None)
    fitting(images, network.body.encoder.shape)
    return (simulator or usual(network)).trace(network, images)


def usual(network: SpikingNetwork) -> Simulator:
    """The fast simulator for a network: step by step if its neurons fire so, else the closed form."""
    return Stepped() if network.body.steps else ClosedForm()
