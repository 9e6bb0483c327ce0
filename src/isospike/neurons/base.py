"""What a stage of neurons offers to simulators and meters: its equations in up to three faces, and how to read its
output.

A *code* is what a stage hands on, one number a neuron.  For first-spike neurons it is the lead: the time by which the
spike precedes the end of the window, t_max − t, zero for a neuron that stays silent.  Leads are relative to the
layer's own window, so that no digit is lost on a long clock."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.ir.ops.affine import Chain
from isospike.ir.ops.base import Shape
from isospike.ir.record import Record

# bias ↦ Σ_k A_k code_k + bias, for a batch.  With a bias the result is a new tensor, which may be written to;
# without, it may be a code.
Drive = Callable[[Tensor | None], Tensor]


@dataclass(frozen=True)
class Synapses:
    """The synapses of a stage, by presynaptic neuron: those of neuron j are entries indptr[j] to indptr[j + 1]."""

    indptr: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class Neuron(Record):
    """Base of the neuron models.  A face that a model does not have raises `InvalidSetting`."""

    relays: ClassVar[bool] = False  # passes spikes on, and stands for no activation of its own
    whole: ClassVar[bool] = False  # must see all time steps at once
    negative: ClassVar[bool] = False  # may stand for a negative activation
    shared: ClassVar[tuple[str, ...]] = ("pool",)  # fields whose tensors have no number for each neuron
    hears: ClassVar[bool] = False  # a read-out that is handed every time step, and has scores of its own

    def ideal(self, drive: Drive) -> Tensor:
        """The code that stands for the original's activation, were there no limits and no time steps."""
        raise lacking(self, "does not fire step by step")

    def closed_form(self, drive: Drive) -> Tensor:
        """The stage's code, solved for."""
        raise lacking(self, "has no closed form")

    def event_driven(self, codes: np.ndarray, synapses: Synapses, shape: Shape) -> np.ndarray:
        """The stage's code, integrated spike by spike.  codes: (batch, presynaptic); returns (batch, neurons),
        float64."""
        raise lacking(self, "has no event-driven face")

    def clocked(self, drive: Drive, ticks: int, half: bool) -> Tensor:
        """The stage's code when it can only fire at one of `ticks` equal steps of its window."""
        raise lacking(self, "has no clocked face")

    @property
    def current(self) -> Tensor | None:
        """The constant current that joins the drive at every time step."""
        return None

    def start(self, like: Tensor) -> Any:
        """The state before the first time step.  like: a drive, (batch, *shape), whose layout in memory the state
        takes."""
        raise lacking(self, "does not fire step by step")

    def advance(self, x: Tensor, state: Any, steps: int) -> Tensor:
        """The spikes of the next steps, (steps, batch, *shape); may write them over x.  x: the same, or (1, batch,
        *shape) if constant."""
        raise lacking(self, "does not fire step by step")

    @property
    def about(self) -> str:
        """What else is to be known of a stage than its threshold, in a few words."""
        return ""

    def arithmetic(self, shape: Shape) -> tuple[int, int]:
        """Additions and multiplications of a stage in one step, synapses left out; counted for units."""
        return 0, 0

    def driven(self, shape: Shape) -> Shape:
        """The shape of what drives a stage of this shape."""
        return shape

    def scores(self, state: Any) -> Tensor:
        """What a read-out that hears says after the steps so far, (batch, *shape)."""
        raise lacking(self, "is no read-out that hears")

    def retimed(self, window: Tensor, span: Tensor, begin: Tensor) -> "Neuron":
        """The neuron that computes the same in a window of another length, which begins at `begin`, after source
        windows the longest of which is `span` [time]."""
        return self

    @abstractmethod
    def value(self, code: Tensor) -> Tensor:
        """The activations of the original network that a code stands for."""

    def connections(self, chain: Chain, shape: Shape) -> Chain:
        """The maps whose synapses carry spikes to this stage; `shape` is the source's."""
        return chain

    def spikes(self, code: Tensor) -> Tensor:
        """Number of spikes of each neuron."""
        return (code != 0).to(code.dtype)

    def early(self, code: Tensor) -> Tensor:
        """Which neurons were due before their window, as a mask."""
        return code.new_zeros(()).bool()


def on_ticks(lead: Tensor, window: Tensor, ticks: int, half: bool) -> Tensor:
    """Leads brought down, or if `half` to the nearest, of the `ticks` equal steps of a window."""
    tick = window / ticks
    settle = 16 * ticks * torch.finfo(lead.dtype).eps  # a comparator settles on sums that are equal but for rounding
    return through(lead, torch.floor(lead.detach() / tick + (0.5 if half else 0.0) + settle) * tick)


def lacking(owner: object, what: str) -> InvalidSetting:
    """The error of a face that a model does not have."""
    return InvalidSetting(f"{type(owner).__name__} {what}.", remedy="Simulate it with another simulator.")


def another_clock(ticks: int) -> InvalidSetting:
    """The error for a simulation on another clock than the network's own."""
    return InvalidSetting(
        f"the network has a clock of {ticks} ticks.",
        f"Clocked({ticks}), ClosedForm() or EventDriven(), which keep it.",
        f"Take Clocked({ticks}).",
    )


def through(soft: Tensor, hard: Tensor) -> Tensor:
    """`hard`, to the last bit, with the gradient of `soft`: the straight-through estimator of a step."""
    return hard + (soft - soft.detach()) if soft.requires_grad else hard


def flat(t: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """A parameter as one float64 number a neuron."""
    return np.ascontiguousarray(t.detach().expand(shape).reshape(-1).double().numpy())
