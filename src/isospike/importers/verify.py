"""The import proves itself: graph and original are run on the same samples and compared in values."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isospike.errors import InvalidModel, first_line
from isospike.ir.graph import Graph

Original = Callable[[Tensor], Tensor]
Within = tuple[Tensor, Tensor]  # the ends of the declared range, broadcastable to a sample
EXACT, SINGLE = 1e-12, 1e-4  # errors of the largest output that rounding explains in double and in single precision
ROUNDING = 16  # where outputs cancel: so many times the graph's own error of rounding, or a step of what cancels
OPERATIONS, SAMPLES = 1 << 29, 16  # that a proof may take
LARGE = 1 << 31  # multiply-accumulates, from which on a network is run on two samples and little more
REPEATS, MANY = 32, 131  # small networks are run so often again, and on so many samples at once
REPEATED = 64  # rounding steps that two runs may differ by: libraries add in an order that hangs on addresses
FIXED = (
    "Models that are the same function of each sample, in batches of any size.",
    "Look in its code for the batch's size, such as x.view(2, -1) or x / x.shape[0], and for statistics over the "
    "batch.",
)
ALONE = (
    "Models whose answer depends on the input alone.",
    "Take the randomness out for evaluation: if self.training.",
)
OTHERWISE = (
    "Inputs that the model itself takes.",
    "Run it on such a batch yourself; bring both to one dtype: model.float(), x.float().",
)


def verify(
    graph: Graph,
    source: str,
    exact: Original,
    own: Original,
    dtype: torch.dtype,
    example: Tensor | None,
    within: Within | None,
) -> None:
    """Compare an imported graph with the original.  Raises `InvalidModel`, with the reason where it can be told.

    exact: the original in double precision.  own: as it is, in its own precision `dtype`.  Samples fill the declared
    range `within`; one is of the example, (batch, *input shape), where both are given."""
    x = probes(graph, example, within)
    with _undrawn(source):
        theirs = _run(own, x.to(dtype), source)
    expected = _run(exact, x, source)
    for answers in (theirs, expected):
        if len(answers) != len(x):
            raise InvalidModel(f"{source} answers {len(x)} samples with {len(answers)} outputs.", *FIXED)
        if not bool(torch.isfinite(answers).all()):
            raise InvalidModel(
                f"{source} gives NaN or infinite outputs.", remedy="Load weights that were trained to the end."
            )

    def restored(y: Tensor) -> Tensor:
        """An output with the soft-max that the import took off."""
        return y if not graph.notes else y.softmax(1) if bool((expected >= 0).all()) else y.log_softmax(1)

    some = x[-1:] if graph.macs >= LARGE else x
    found = restored(graph(some))
    for answers in (expected, theirs):
        if found.shape != answers[-len(some) :].shape:
            what = f"the imported graph gives {tuple(found.shape[1:])}, {source} gives {tuple(answers.shape[1:])}."
            raise InvalidModel(what, "Models of supported operations.", "Please report the model.")
    scale = max(float(expected.abs().max()), 1e-6)

    @cache
    def rounding() -> float:
        passed: list[float] = []  # the largest number of each node: a model rounds it, in whatever order it adds
        single = graph.to(torch.float32)(some.float(), lambda _, value: passed.append(float(value.abs().max())))
        own = ROUNDING * float((restored(single.double()) - found).abs().max())
        return max(own, torch.finfo(torch.float32).eps * max(passed))

    def beyond(error: float, precision: torch.dtype) -> bool:
        """Whether an error is more than rounding explains."""
        coarser = torch.finfo(precision).eps / torch.finfo(torch.float32).eps
        return not (error <= max(coarser * SINGLE, EXACT) * scale or error <= coarser * rounding())  # NaN too

    def alone(run: Original, answers: Tensor, precision: torch.dtype) -> None:
        for size in (1, MANY) if run is own and _repeats(graph) == REPEATS else (1,):
            rows = torch.arange(size) % len(x)
            others = _run(run, x[rows].to(precision), source)
            if others.shape != answers[rows].shape or beyond(float((others - answers[rows]).abs().max()), precision):
                raise InvalidModel(f"{source} answers a sample differently when others are in its batch.", *FIXED)

    def again() -> None:
        within = REPEATED * torch.finfo(dtype).eps * scale
        _same_each_time(own, x.to(dtype), theirs, source, within, _repeats(graph))

    if graph.macs >= LARGE:  # a second run tells both
        try:
            alone(own, theirs, dtype)
        except InvalidModel:
            again()
            raise
    else:
        again()
        alone(own, theirs, dtype)
        alone(exact, expected, torch.float64)
    if beyond(float((expected - theirs).abs().max()), dtype):
        what = (
            f"{source} answers otherwise in double precision, by {float((expected - theirs).abs().max()):.3g} of "
            f"outputs up to {scale:.3g}."
        )
        raise InvalidModel(
            what,
            "Models that are the same function in any precision, exported or not.",
            "Look for autocast, and for a branch on a dtype or on is_compiling().",
        )
    for answers, precision in ((expected, torch.float64), (theirs, dtype)):
        if beyond(error := float((found - answers[-len(some) :]).abs().max()), precision):
            raise InvalidModel(
                f"the imported graph differs from {source} by {error:.3g} of outputs up to {scale:.3g}: the import "
                "would not be faithful.",
                "Models of supported operations that are the same function of each sample.",
                "Please report the model: an import rule is wrong, or the exporter was.",
            )


def _repeats(graph: Graph) -> int:
    """How often a few samples are run again: often where that is cheap, for what is drawn may seldom show."""
    return min(max(OPERATIONS // max(graph.macs, 1), _least(graph) - 2), REPEATS)


def _least(graph: Graph) -> int:
    """How many samples a network is run on at least."""
    return 2 if graph.macs >= LARGE else 3


def _same_each_time(own: Original, x: Tensor, first: Tensor, source: str, within: float, repeats: int) -> None:
    few = _run(own, x[:2], source) if len(x) > 2 else first
    again = ((_run(own, x[: len(answers)], source), answers) for answers in (first, *[few] * repeats))
    if any(other.shape != answers.shape or float((other - answers).abs().max()) > within for other, answers in again):
        raise InvalidModel(
            f"{source} answers the same samples differently each time: it draws random numbers, or it remembers.",
            *ALONE,
        )


@contextmanager
def _undrawn(source: str) -> Iterator[None]:
    """Refuse what moves one of the generators that all code shares."""

    def states() -> list[Any]:
        return [
            torch.get_rng_state().tolist(),
            random.getstate(),
            [part.tolist() if isinstance(part, np.ndarray) else part for part in np.random.get_state()],
        ]

    before = states()
    yield
    if states() != before:
        raise InvalidModel(f"{source} draws random numbers whenever it runs.", *ALONE)


def probes(graph: Graph, example: Tensor | None, within: Within | None) -> Tensor:
    """Samples, in double precision, that fill the declared range: corners, and numbers in between; or normal numbers
    where there is none."""
    shape, generator = graph.input.shape, torch.Generator().manual_seed(0)
    count = min(max(OPERATIONS // max(graph.macs, 1), _least(graph)), SAMPLES)
    if within is None:
        return torch.randn((count, *shape), generator=generator, dtype=torch.float64)
    low, high = (end.double() for end in within)
    at = torch.rand((count, *shape), generator=generator, dtype=torch.float64)
    # Corners, some of them near all low or all high
    at[::3] = (at[::3] < at[::3].reshape(len(at[::3]), -1)[:, :1].reshape(-1, *(1,) * len(shape))).double()
    x = low + (high - low) * at
    if example is not None:
        x[-1] = example[0].double()
    return x


def _run(original: Original, x: Tensor, source: str) -> Tensor:
    try:
        return original(x.clone()).double()  # a model may write into its input
    except (RuntimeError, TypeError, ValueError, IndexError) as failure:
        what = (
            f"{source} cannot be run on {len(x)} {str(x.dtype).removeprefix('torch.')} inputs of shape "
            f"{tuple(x.shape[1:])}: {first_line(failure)}"
        )
        raise InvalidModel(what, *(FIXED if _takes_two(original, x) else OTHERWISE)) from failure


def _takes_two(original: Original, x: Tensor) -> bool:
    """Whether it is the number of samples that it cannot take: two are what it was exported with."""
    try:
        original(x[:1].repeat(2, *(1,) * (x.ndim - 1)))
    except (RuntimeError, TypeError, ValueError, IndexError):
        return False
    return True
