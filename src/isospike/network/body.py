"""What a spiking network is made of, as records: an encoder, and stages of neurons of which the last is the
read-out."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from isospike.data import Preprocessing
from isospike.errors import InvalidSetting
from isospike.ir.ops.affine import Chain
from isospike.ir.ops.base import Shape
from isospike.ir.record import Record
from isospike.ir.typed import Count, typed
from isospike.neurons.base import Neuron, lacking

# Share of the activations ↦ by stage, the lead [time] that they stay within
Reached = Callable[[float], dict[str, Tensor]]


@dataclass(frozen=True, eq=False)
class Group(Record):
    """Synapses from one source: their weights as a chain of maps, and the axonal delay [time] that brings its window
    to this stage's."""

    source: str
    chain: Chain
    delay: Tensor


@dataclass(frozen=True, eq=False)
class Stage(Record):
    """One layer of neurons: synapse groups, the neuron model with its parameters, and when its window begins and ends
    [time]."""

    name: str
    shape: Shape
    groups: tuple[Group, ...]
    neuron: Neuron
    begin: Tensor
    end: Tensor


@dataclass(frozen=True, eq=False)
class Encoder(Record):
    """Turns a batch of inputs, one sample of the given shape and within [low, high], into the codes of the input
    neurons."""

    shape: Shape
    low: Tensor
    high: Tensor
    constant: ClassVar[bool] = False  # drives the first layer with the same current at every time step

    @property
    def end(self) -> float:
        """When the input's window ends [time]; 0 where the code has none."""
        return 0.0

    @abstractmethod
    def encode(self, x: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *shape"]:
        """Codes of a batch.  x: (batch, *shape)."""

    def drive(self, x: Tensor) -> Tensor:
        """What the input neurons of a network that fires step by step are driven with."""
        raise lacking(self, "does not fire step by step")

    def train(self, drive: Tensor, begin: int, steps: int, generator: torch.Generator | None) -> Tensor:
        """Their spikes in the steps from `begin` on, (steps, batch, *shape); (1, batch, *shape) if they are
        constant."""
        raise lacking(self, "does not fire step by step")

    def clocked(self, x: Tensor, ticks: int, half: bool) -> Tensor:
        """Codes of a batch when spikes fall on the ticks of a clock, rounded to the nearest if `half`, else down."""
        raise lacking(self, "has no clocked face")

    def on_clock(self, ticks: int) -> "Encoder":
        """The encoder whose spikes come at the nearest of so many ticks."""
        raise InvalidSetting(f"{type(self).__name__} has no clock.", remedy="Convert the model with --coding ttfs.")

    def outside(self, x: Tensor) -> int:
        """How many values of x lie outside the declared range."""
        return 0

    def refuse(self, x: Tensor) -> None:
        """Raise `OutOfRange` for values of x outside the declared range, even if the encoder would clip them."""


@dataclass(frozen=True, eq=False)
class Constraint(Record):
    """Base of the constraints; one whose parameter is at its ideal limit changes nothing.

    Random ones draw from the generator that they are handed, which `seed` begins.  Several act in the order that they
    are given: noise on weights before they are rounded is not noise on rounded weights."""

    windowed: ClassVar[bool] = False  # its effect grows with the windows, so that training must not lengthen them
    stepwise: ClassVar[bool] = False  # `parameters` means something for neurons that fire step by step, too
    lasting: ClassVar[bool] = False  # a network that was trained under it keeps what it did to the parameters

    def __post_init__(self) -> None:
        typed(self)

    @property
    def seed(self) -> int:
        """What its random numbers begin with; a field of those that draw."""
        return 0

    def placed(self, body: "Body", reached: Reached) -> tuple["Constraint", "Body"]:
        """Itself with what it had to measure, and the network with what is changed for good, such as its windows."""
        return self, body

    def parameters(self, body: "Body", generator: torch.Generator) -> "Body":
        """The network with the parameters that the hardware makes of its own; slopes are what the neurons say, ramps
        follow."""
        return body

    @property
    def acts(self) -> bool:
        """Whether it does anything to a network whose windows and clock are set."""
        own = type(self)
        return own.parameters is not Constraint.parameters or own.spikes is not Constraint.spikes

    def spikes(self, stage: Stage, lead: Tensor, generator: torch.Generator) -> Tensor:
        """The leads of a stage's spikes as the hardware sends them."""
        return lead


@dataclass(frozen=True, eq=False)
class Body(Record):
    """All of a network: encoder, stages in order (the last is the read-out), and what is known of how it was made.

    | field           | meaning                                                                                       |
    |-----------------|-----------------------------------------------------------------------------------------------|
    | `steps`         | until it answers; 0 for networks whose stages have one window each                            |
    | `macs`          | multiply-accumulates of the original, a sample                                                |
    | `notes`         | what the import left out                                                                      |
    | `reach`         | by layer, the largest activation that its window was made for, and that any input can cause   |
    | `constraints`   | the hardware that it is on                                                                    |
    | `tuned_for`     | what it was trained under besides: jitter and the like, which act while it runs               |
    | `preprocessing` | of the data that it was converted with                                                        |
    | `seen`          | mean and standard deviation of the inputs that it was calibrated on                           |
    """

    encoder: Encoder
    stages: tuple[Stage, ...]
    coding: str
    steps: Count = 0
    macs: Count = 0
    notes: tuple[str, ...] = ()
    reach: tuple[tuple[str, float, float], ...] = ()
    constraints: tuple[Constraint, ...] = ()
    preprocessing: Preprocessing | None = None
    seen: tuple[float, ...] = ()
    tuned_for: tuple[Constraint, ...] = ()

    @property
    def signed(self) -> bool:
        """Whether its neurons carry negative activations, so that no rectifier had to be split."""
        return any(stage.neuron.negative for stage in self.stages)

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of one sample's codes, by what synapses may read: the input and every stage."""
        return {"input": self.encoder.shape} | {stage.name: stage.shape for stage in self.stages}
