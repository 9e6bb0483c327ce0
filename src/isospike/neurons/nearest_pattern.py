r"""Read-out that hears a pattern and finds the class whose own is nearest, by the distance of van Rossum.

    X(t) = σ(x(t) − β),     X̃(t) = λ X̃(t − 1) + X(t),     λ = e^(−1/τ_m)
    D_c = Σ_t Σ_o |X̃_o(t) − X̃ᶜ_o(t)|^p,     scores −D_c

X̃ᶜ is the target pattern of class c, filtered alike.  If `binary`, X(t) = 1 where x(t) > β and 0 elsewhere: a spike
is a sigmoid above ½.  `table` counts the entries of a table that the sigmoid is looked up in; 0: it is computed.
There is neither state nor leak before σ.  `square` is the width of a cell of a table in which squares are looked up,
as (2 ⌊|X̃ − X̃ᶜ| / square⌋ + 1)²; 0: they are computed.  Source: Stanojevic 2023, app. A.2, eqs. A.14–A.15, A.18–A.19
and the text beside them; constant factors are left out."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.ir.ops.base import Shape
from isospike.ir.typed import Count, typed
from isospike.kernels.distance import distances
from isospike.kernels.threads import in_threads
from isospike.neurons.base import Neuron
from isospike.neurons.snu import shifted

REACH = 8.0  # a table of the sigmoid covers drives from −8 to 8, beyond which it is 0 or 1 to within 4e-4


@dataclass
class Heard:
    """Of the outputs so far: how many steps, their filtered trains X̃, (batch, outputs), and the distances, (batch,
    classes); the filtered targets, (T, classes, outputs)."""

    steps: int
    trace: Tensor
    distance: Tensor
    targets: Tensor

    def keep(self, rows: Tensor) -> None:
        """Go on with these samples only."""
        self.trace, self.distance = self.trace[rows], self.distance[rows]


@dataclass(frozen=True, eq=False)
class NearestPattern(Neuron):
    """
    | field       | shape                 | unit | meaning                                                     |
    |-------------|-----------------------|------|-------------------------------------------------------------|
    | `targets`   | (classes, T, outputs) |      | the pattern of each class, of 0 and 1                       |
    | `threshold` | broadcastable         | 1    | β                                                           |
    | `decay`     | ()                    |      | λ, what a step leaves of a filtered train                   |
    | `binary`    |                       |      | whether spikes are compared, or what the sigmoid says       |
    | `order`     |                       |      | p, 1 or 2                                                   |
    | `table`     |                       |      | entries of the sigmoid's table; 0: there is none            |
    | `square`    |                       | X̃    | width of a cell of the table of squares; 0: there is none   |
    """

    targets: Tensor
    threshold: Tensor
    decay: Tensor
    binary: bool = False
    order: Literal[1, 2] = 2
    table: Count = 0
    square: float = 0.0
    hears: ClassVar = True

    def __post_init__(self) -> None:
        typed(self)
        if not (self.square == 0 or (self.square > 0 and self.order == 2)):
            raise InvalidSetting(
                f"NearestPattern(order={self.order}, square={self.square}).",
                "A width above 0 of cells of a table of squares, with order=2; or 0.",
                "Leave it out.",
            )

    @property
    def about(self) -> str:
        classes, steps, outputs = self.targets.shape
        first = int(self.targets.any(2).any(0).int().argmax())
        mean = float(self.targets.sum()) / max(int(self.targets.any(1).sum()), 1)
        said = "spikes" if self.binary else f"a table of {self.table}" if self.table else "sigmoids"
        looked = ", squares from a table," if self.square else ""
        return (
            f"{outputs} outputs; targets of {classes} classes, {mean:.3g} spikes a train from step {first} of {steps} "
            f"on; distance of order {self.order}{looked} of {said}, leaves {float(self.decay):.4g} a step"
        )

    def arithmetic(self, shape: Shape) -> tuple[int, int]:
        """Of the filter, and of the distance from every class; the sigmoid itself is left out."""
        classes, _, outputs = self.targets.shape
        # Of 1 − λ as of λ, a sum of shifts needs no product.
        shifts = shifted(1 - float(self.decay)) or shifted(float(self.decay))
        additions, products = outputs * ((shifts or 0) + 1), 0 if shifts else outputs
        squares = classes * outputs if self.order == 2 and not self.square else 0
        return additions + 2 * classes * outputs, products + squares

    def driven(self, shape: Shape) -> Shape:
        return tuple(self.targets.shape[2:])

    def output(self, x: Tensor) -> Tensor:
        """X, of drives of any shape (…, outputs)."""
        x = x - self.threshold
        if self.binary:
            return (x > 0).to(x.dtype)
        if not self.table:
            return torch.sigmoid(x)
        cell = 2 * REACH / self.table
        return torch.sigmoid((torch.floor(x.clamp(-REACH, REACH - cell / 2) / cell) + 0.5) * cell)

    def filtered(self, dtype: torch.dtype) -> Tensor:
        """X̃ of the targets, (T, classes, outputs)."""
        traces, trace = [], torch.zeros_like(self.targets[:, 0], dtype=dtype)
        for pattern in self.targets.unbind(1):
            trace = self.left(trace) + pattern * self.one.to(dtype)
            traces.append(trace)
        return torch.stack(traces)

    @property
    def one(self) -> Tensor:
        """What X is where a target spikes."""
        return torch.ones_like(self.decay)

    @property
    def leak(self) -> tuple[float, float, float]:
        """A step leaves a X̃ − ⌊b X̃⌋ − ⌊c X̃⌋ of a filtered train: a, b, c."""
        return float(self.decay), 0.0, 0.0

    def left(self, trace: Tensor) -> Tensor:
        """What a step leaves of a filtered train."""
        a, b, c = self.leak
        return a * trace - torch.floor(b * trace) - torch.floor(c * trace)

    def start(self, like: Tensor) -> Heard:
        distance = like.new_zeros(len(like), len(self.targets))
        return Heard(0, torch.zeros_like(like), distance, self.filtered(like.dtype))

    def advance(self, x: Tensor, state: Heard, steps: int) -> Tensor:
        out = self.output(x.expand(steps, *x.shape[1:]))
        if state.steps + steps > len(state.targets):
            raise InvalidSetting(
                f"{state.steps + steps} steps of targets of {len(state.targets)}.",
                f"At most {len(state.targets)} time steps.",
                "Leave the number of steps out.",
            )
        targets = state.targets[state.steps : state.steps + steps]
        if out.device.type == "cpu":
            leak = torch.tensor(self.leak, dtype=out.dtype).numpy()
            heard, found = state.trace.numpy(), state.distance.numpy()

            def part(of: slice) -> None:
                distances(
                    out[:, of].numpy(), targets.numpy(), leak, self.order == 2, self.square, heard[of], found[of]
                )

            in_threads(part, len(found), out.numel() * len(targets[0]))
        else:
            for now, target in zip(out, targets, strict=True):
                state.trace.copy_(self.left(state.trace) + now)
                apart = (state.trace[:, None] - target).abs()
                apart = 2 * torch.floor(apart / self.square) + 1 if self.square else apart
                state.distance.add_(apart.pow(self.order).sum(2))
        state.steps += steps
        return out

    def scores(self, state: Heard) -> Tensor:
        return -state.distance

    def value(self, code: Tensor) -> Tensor:
        return code
