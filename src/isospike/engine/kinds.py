"""What a loop over time is compiled for, as the type of an argument: numba keeps loops on the disk by types, and a
closure over a neuron's step would look new to it in every process."""

import hashlib
import inspect
import marshal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from numba import njit, types
from numba.extending import NativeValue, models, register_model, unbox

from isospike.kernels import pools, scatter
from isospike.neurons import arithmetic

SOURCES = arithmetic, pools, scatter  # that are compiled into a loop


class _Type(types.Opaque):
    """Of a kind, which has its name."""


register_model(_Type)(models.OpaqueModel)


@unbox(_Type)
def _no_value(of: _Type, value: Any, context: Any) -> NativeValue:
    return NativeValue(context.context.get_dummy_value())


class Kind:
    """A neuron's step, whether it is told what it has sent, whether spikes of either sign are counted besides, and the
    pool behind it.

    kept: whether its name tells all that is compiled; a step may read what is defined elsewhere."""

    def __init__(self, step: Callable[..., Any], told: bool, signed: bool, pool: Callable[..., None]) -> None:
        self.one, self.told, self.signed, self.pool = njit(step), told, signed, pool
        read = inspect.getclosurevars(step)
        outside = {**read.globals, **read.nonlocals}
        inner = any(isinstance(constant, CodeType) for constant in step.__code__.co_consts)
        self.kept = not inner and all(_known(value) for value in outside.values())
        of = (
            marshal.dumps(step.__code__, 2),
            step.__defaults__,
            sorted((name, _named(value)) for name, value in outside.items()),
        )
        name = hashlib.sha256(repr((of, told, signed, pool.__name__, _sources())).encode()).hexdigest()
        self._numba_type_ = _Type(name)
        KINDS[name] = self


KINDS: dict[str, Kind] = {}


def kind_of(typed: _Type) -> Kind:
    """The kind that a loop is compiled for."""
    return KINDS[typed.name]


def _known(value: Any) -> bool:
    return isinstance(value, bool | int | float) or getattr(value, "__module__", None) == arithmetic.__name__


def _named(value: Any) -> str:
    return getattr(value, "__qualname__", "") or repr(value)


@cache
def _sources() -> list[bytes]:
    return [Path(module.__file__ or "").read_bytes() for module in SOURCES]
