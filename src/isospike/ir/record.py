"""Records: frozen dataclasses of tensors, plain values and other records, that can be walked, rebuilt and written down.

One mechanism carries operations, neurons and stages to another device or precision, into a state dict and into a file.
A record is written as a plain (JSON) tree in which a tensor is a name; the tree says the class by name only, and reading
looks that name up among the record classes that are already defined, so that a file can never bring code with it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Self

from torch import Tensor

from isospike.errors import InvalidFile


@dataclass(frozen=True, eq=False)
class Record:
    """Base of every frozen dataclass whose fields are tensors, plain values, records, or tuples of these."""

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor in this record by its path, such as `groups.0.1.weight`."""
        return dict(_tensors(self, ""))

    def map_tensors(self, change: Callable[[str, Tensor], Tensor]) -> Self:
        """The same record with each tensor replaced by `change(path, tensor)`."""
        return _map(self, "", change)


def subclasses(cls: type) -> Iterator[type]:
    """Every class below `cls`, those defined outside the package included."""
    sub: type
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


def to_tree(value: Any, path: str = "") -> Any:
    """A JSON tree of `value`; each tensor is `{"tensor": path}`, its numbers being kept elsewhere."""
    match value:
        case Tensor():
            return {"tensor": path}
        case Record():
            return {"record": type(value).__qualname__} | {f.name: to_tree(getattr(value, f.name), _join(path, f.name)) for f in fields(value)}
        case tuple() | list():
            return [to_tree(item, _join(path, str(i))) for i, item in enumerate(value)]
        case float() if not math.isfinite(value):
            return {"float": str(value)}
        case None | bool() | int() | float() | str():
            return value
    raise TypeError(f"{path}: a record cannot hold a {type(value).__name__}")


def from_tree(tree: Any, tensors: dict[str, Tensor]) -> Any:
    """Inverse of `to_tree`.  Raises `InvalidFile` for unknown classes, fields or tensors."""
    match tree:
        case {"tensor": str(name)}:
            if name not in tensors:
                raise InvalidFile(f"tensor `{name}` is missing from the file.", remedy="The file is damaged: convert the model again.")
            return tensors[name]
        case {"float": str(text)}:
            return float(text)
        case {"record": str(name), **rest}:
            entries = {str(key): entry for key, entry in rest.items()}
            known = {cls.__qualname__: cls for cls in subclasses(Record)}
            if name not in known:
                raise InvalidFile(f"the file needs `{name}`, which is not defined here.", remedy="Import the module that defines it, then load again.")
            expected = {f.name for f in fields(known[name])}
            if expected != entries.keys():
                raise InvalidFile(
                    f"`{name}` has other fields in the file: {sorted(expected ^ entries.keys())}.", remedy="Convert the model again with this version."
                )
            return known[name](**{key: from_tree(entry, tensors) for key, entry in entries.items()})
        case list():
            return tuple(from_tree(item, tensors) for item in tree)
        case None | bool() | int() | float() | str():
            return tree
    raise InvalidFile(f"the file's header holds {tree!r}, which is no part of a network.", remedy="The file is damaged: convert the model again.")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _tensors(value: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, Record):
        for f in fields(value):
            yield from _tensors(getattr(value, f.name), _join(path, f.name))
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _tensors(item, _join(path, str(i)))


def _map(value: Any, path: str, change: Callable[[str, Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(path, value)
    if isinstance(value, Record):
        return type(value)(**{f.name: _map(getattr(value, f.name), _join(path, f.name), change) for f in fields(value)})
    if isinstance(value, tuple):
        return tuple(_map(item, _join(path, str(i)), change) for i, item in enumerate(value))
    return value
