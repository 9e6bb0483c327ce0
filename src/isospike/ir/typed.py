"""Settings are of the kinds that their annotations say: one comparison, for what users set and for what files hold."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from functools import cache
from inspect import isabstract
from reprlib import repr as shortened
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from isospike.errors import InvalidSetting

Count = Annotated[int, range(1 << 53)]
Seed = Annotated[int, range(-(1 << 57), 1 << 57)]  # a generator takes 64 times that (`engine.generators`)
PLAIN = {bool: "False, True", int: "a whole number", float: "a number", str: "text", NoneType: "None", Any: "anything"}


def typed(record: Any) -> None:
    """Compare the fields of a dataclass with their annotations.  Raises `InvalidSetting`."""
    for name, kind in _kinds(record.__class__).items():
        expect(type(record).__name__, name, getattr(record, name), kind)


def expect(where: str, name: str, value: object, kind: Any) -> None:
    """Raise `InvalidSetting` unless a setting is of this kind, an annotation.  where: the class or function that it is
    a setting of."""
    if not _fits(value, kind):
        remedy = (
            f"Make an object of it: {value.__name__}(…)." if isinstance(value, type) else "Choose one of this kind."
        )
        raise InvalidSetting(f"{where}({name}={shortened(value)}).", f"{name}: {_said(kind)}.", remedy)


def subclasses(cls: type) -> Iterator[type[Any]]:
    """Every class below `cls`, those defined outside the package included."""
    sub: type[Any]
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


@cache
def _kinds(cls: type) -> dict[str, Any]:
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError:  # a class from outside whose annotations are for type checkers only
        return {}
    return {one.name: hints[one.name] for one in fields(cls)}


def _fits(value: Any, kind: Any) -> bool:
    if kind in (int, float):
        return isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    if kind is Any or isinstance(kind, type):
        return kind is Any or isinstance(value, kind)
    parts = get_args(kind)
    match get_origin(kind):
        case origin if origin is Annotated:
            return _fits(value, parts[0]) and value in parts[1]
        case origin if origin is Literal:
            return any(type(value) is type(part) and value == part for part in parts)
        case origin if origin in (Union, UnionType):
            return any(_fits(value, part) for part in parts)
        case origin if origin is tuple and ... not in parts:
            return isinstance(value, tuple) and len(value) == len(parts) and all(map(_fits, value, parts))
        case origin if origin in (tuple, Sequence):
            return (
                isinstance(value, origin)
                and not isinstance(value, str)
                and all(_fits(part, parts[0]) for part in value)
            )
        case origin:
            return isinstance(value, origin)


def _said(kind: Any) -> str:
    parts = get_args(kind)
    match get_origin(kind):
        case None if kind in PLAIN:
            return PLAIN[kind]
        case None:
            known = (
                (sub.__name__ for sub in subclasses(kind) if not isabstract(sub))
                if kind.__module__.startswith("isospike.")
                else ()
            )
            return f"an object of {', '.join(known) or kind.__name__}"
        case origin if origin is Annotated:
            return f"{_said(parts[0])} from {parts[1].start} to {parts[1].stop - 1}"
        case origin if origin is Literal:
            return ", ".join(map(str, parts))
        case origin if origin in (Union, UnionType):
            return " or ".join(map(_said, parts))
        case origin if origin in (tuple, Sequence):
            return f"{', '.join(_said(part) for part in parts if part is not ...)}, in a {origin.__name__.lower()}"
        case origin:
            return "a function or class" if origin is Callable else origin.__name__
