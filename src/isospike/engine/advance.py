"""Advances the neurons of a stage through time steps: it begins their states and runs what each model wrote as one
step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numba.core.errors import NumbaError
from torch import Tensor

from isospike.engine.fused import Heard, fused
from isospike.engine.pooled import Pooled
from isospike.errors import InvalidModel, first_line
from isospike.kernels.pools import nothing
from isospike.neurons.base import Neuron
from isospike.neurons.stepping import Stepping


@dataclass
class State:
    """Of one stage, in the middle of a run: the model's states, net and all spikes so far, (batch, *shape), and its
    parameters."""

    states: tuple[Tensor, ...]
    net: Tensor
    total: Tensor
    parameters: tuple[Tensor, ...]
    flat: Any = None  # the parameters as the fused loop takes them

    def keep(self, rows: Tensor) -> None:
        """Go on with these samples only."""
        same = self.total is self.net
        self.states, self.net = tuple(state[rows] for state in self.states), self.net[rows]
        self.total = self.net if same else self.total[rows]


def start(neuron: Neuron, like: Tensor, counted: bool = True) -> Any:
    """The state before the first time step.  like: a drive, (batch, *shape), whose layout in memory the state takes;
    counted: whether spikes of either sign are counted besides the net ones."""
    if not isinstance(neuron, Stepping):
        return neuron.start(like)
    net = torch.zeros_like(like)
    # Where all spikes are positive they are the net ones.
    total = torch.zeros_like(like) if neuron.signed and counted else net
    states = tuple(torch.zeros_like(like) + value for value in neuron.begin())
    parameters = tuple(torch.as_tensor(value, dtype=like.dtype, device=like.device) for value in neuron.parameters())
    return State(states, net, total, parameters)


def advance(neuron: Neuron, x: Tensor, state: Any, steps: int) -> Tensor:
    """The spikes of the next steps, (steps, batch, *shape); may write them over x if it varies.  x: the same, or (1,
    batch, *shape) if constant."""
    return advance_pooled(neuron, x, state, steps, kept=x.dtype)[0]


def advance_pooled(
    neuron: Neuron,
    x: Tensor,
    state: Any,
    steps: int,
    heard: Sequence[Heard] = (),
    pool: Pooled | None = None,
    after: Any = None,
    kept: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """The same for what x and `heard` add up to, and what the pool behind, if there is one, makes of the spikes.
    after: the pool's state; kept: the precision that the spikes themselves are wanted in, x's own or `SMALL`, if they
    are."""
    if not isinstance(neuron, Stepping):
        spikes = neuron.advance(x, state, steps)
        return spikes, spikes
    if x.device.type != "cpu":
        spikes = torch.compile(plain)(neuron, x, state, steps)
        return spikes, spikes
    try:
        kind, counted = nothing if pool is None else pool.kind, state.total is not state.net
        return fused(type(neuron).step, neuron.told, counted, kind)(x, state, steps, heard, pool, after or state, kept)
    except NumbaError as error:
        raise InvalidModel(
            f"the step of {type(neuron).__name__} cannot be compiled: {first_line(error)}",
            "Arithmetic, and on, whole and between of isospike.neurons.arithmetic; as many states as are named.",
            "Write it without torch's functions and methods.",
        ) from error


def plain(neuron: Neuron, x: Tensor, state: Any, steps: int) -> Tensor:
    """The same, step by step in tensors."""
    if not isinstance(neuron, Stepping):
        return neuron.advance(x, state, steps)
    spikes = []
    for t in range(steps):
        states = (*state.states, state.net) if neuron.told else state.states
        s, after = type(neuron).step(states, x[min(t, len(x) - 1)], state.parameters)
        for own, value in zip(state.states, after, strict=True):
            own.copy_(value)
        state.net.add_(s)
        if state.total is not state.net:
            state.total.add_(s.abs())
        spikes.append(s)
    return torch.stack(spikes)
