"""Records: frozen dataclasses of tensors, plain values and other records, that can be walked, rebuilt and written
down.

One mechanism carries operations, neurons and stages to another device or precision, into a state dict and into a file.
A record is written as a plain (JSON) tree in which a tensor is a name; the tree says the class by name only, and
reading looks that name up among the record classes that are defined, or that an installed package announces, so that a
file can never bring code with it.  A field that a file lacks has its default; a class whose fields change their
meaning raises its `version` and says in `upgraded` what the older ones meant."""

import math
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields
from importlib.metadata import entry_points
from typing import Any, ClassVar, Self

from torch import Tensor

from isospike.errors import InvalidFile, InvalidSetting
from isospike.ir.typed import subclasses as subclasses
from isospike.ir.typed import typed

ENTRY = "isospike.records"  # entry points of modules that define records


@dataclass(frozen=True, eq=False)
class Record:
    """Base of every frozen dataclass whose fields are tensors, plain values, records, or tuples of these."""

    version: ClassVar[int] = 1
    endless: ClassVar[tuple[str, ...]] = ()  # fields whose tensors may hold +∞; all others are finite

    def __init_subclass__(cls) -> None:
        if "__repr__" not in cls.__dict__:  # else the dataclass makes one that prints all numbers of all tensors
            cls.__repr__ = _shown  # type: ignore[assignment]

    @classmethod
    def upgraded(cls, entries: dict[str, Any], version: int) -> dict[str, Any]:
        """Fields, by name, as this version has them, from a file of an older one."""
        return entries

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor in this record by its path, such as `groups.0.1.weight`."""
        return dict(_tensors(self, ""))

    def map_tensors(self, change: Callable[[str, Tensor], Tensor]) -> Self:
        """The same record with each tensor replaced by `change(path, tensor)`."""
        return _map(self, "", change)


def to_tree(value: Any, path: str = "") -> Any:
    """A JSON tree of `value`; each tensor is `{"tensor": path}`, its numbers being kept elsewhere."""
    match value:
        case Tensor():
            return {"tensor": path}
        case Record():
            written = {f.name: to_tree(getattr(value, f.name), _join(path, f.name)) for f in fields(value)}
            return {
                "record": type(value).__qualname__,
                "of": type(value).__module__,
                "version": value.version,
                "fields": written,
            }
        case tuple() | list():
            return [to_tree(item, _join(path, str(i))) for i, item in enumerate(value)]
        case float() if not math.isfinite(value):
            return {"float": str(value)}
        case None | bool() | int() | float() | str():
            return value
    raise InvalidFile(
        f"`{path}` is a {type(value).__name__}, which cannot be kept in a file.",
        "Records of tensors, numbers, text and other records.",
        "Make the class that holds it a Record of such fields.",
    )


def from_tree(tree: Any, tensors: dict[str, Tensor]) -> Any:
    """Inverse of `to_tree`.  Raises `InvalidFile` for unknown classes, fields or tensors."""
    match tree:
        case {"tensor": str(name)}:
            if name not in tensors:
                raise InvalidFile(f"tensor `{name}` is missing from the file.", remedy="Convert the model again.")
            return tensors[name]
        case {"float": str(text)}:
            return from_tree(float(text), tensors)
        case {"record": str(name), "of": str(module), "version": int(version), "fields": dict(written)}:
            return _record(name, module, version, {key: from_tree(entry, tensors) for key, entry in written.items()})
        case {"record": str(name), **flat}:  # as formats up to 3 had it
            return _record(name, "", 1, {str(key): from_tree(entry, tensors) for key, entry in flat.items()})
        case list():
            return tuple(from_tree(item, tensors) for item in tree)
        case None | bool() | int() | str():
            return tree
        case float() if not math.isnan(tree):
            return tree
    raise InvalidFile(
        f"the file's header holds {tree!r}, which is no part of a network.", remedy="Convert the model again."
    )


def named(tree: Any) -> set[str]:
    """The tensors that a tree names."""
    match tree:
        case {"tensor": str(name)}:
            return {name}
        case dict() | list():
            return set().union(*map(named, tree.values() if isinstance(tree, dict) else tree))
    return set()


def _record(name: str, module: str, version: int, entries: dict[str, Any]) -> Record:
    cls = _defined(name, module)
    if cls is None:
        for package in entry_points(group=ENTRY):
            package.load()
        cls = _defined(name, module)
    if cls is None:
        raise InvalidFile(
            f"the file needs `{name}`{f' of `{module}`' if module else ''}, which is not defined here.",
            "Classes of modules that were imported, or that an installed package announces (entry point group "
            f"`{ENTRY}`).",
            "Import the module that defines it, then load again.",
        )
    unknown = entries.keys() - {f.name for f in fields(cls)}
    if version > cls.version or (version == cls.version and unknown):
        new = f"fields {sorted(unknown)}" if unknown else f"version {version}"
        raise InvalidFile(
            f"`{name}` in the file has {new}, which this isospike does not know.",
            remedy="Update isospike, or convert the model again.",
        )
    for field, value in entries.items():
        if (
            isinstance(value, Tensor)
            and not value.is_meta
            and not bool((value.isfinite() | (value == math.inf) & (field in cls.endless)).all())
        ):
            raise InvalidFile(
                f"`{field}` of a {name} has NaN or infinite numbers.", "Finite numbers.", "Convert the model again."
            )
    entries = entries if version == cls.version else cls.upgraded(entries, version)
    missing = [
        f.name for f in fields(cls) if f.name not in entries and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise InvalidFile(f"`{name}` in the file lacks {missing}.", remedy="Convert the model again.")
    try:
        made = cls(**entries)
        typed(made)
    except InvalidSetting as error:
        raise InvalidFile(error.what, error.supported, "Convert the model again.") from error
    return made


def _defined(name: str, module: str) -> type[Record] | None:
    """The class of this name: that of the module if there is one, else the only one of its package, whose modules may
    have moved."""
    named = [cls for cls in subclasses(Record) if cls.__qualname__ == name]
    exact = [cls for cls in named if cls.__module__ == module]
    package = module.partition(".")[0] or __name__.partition(".")[0]
    own = package, "__main__"  # the script that is run has its modules' classes under this name
    near = [cls for cls in named if package == "__main__" or cls.__module__.partition(".")[0] in own]
    if len(near) > 1 and not exact:
        raise InvalidFile(
            f"the file needs `{name}` of `{module}`; there are {' and '.join(cls.__module__ for cls in near)}.",
            "One class of this name, or the module that the file names.",
            "Import that module, then load again.",
        )
    found = exact or near
    return found[-1] if found else None  # of a class that was defined again, the newest


def _shown(record: Record) -> str:
    """A record's class and fields: tensors by their shape, other records by their class."""
    told = (f"{f.name}={_told(getattr(record, f.name))}" for f in fields(record) if f.repr)
    return f"{type(record).__name__}({', '.join(told)})"


def _told(value: Any) -> str:
    match value:
        case Tensor():
            return f"{float(value):.4g}" if value.numel() == 1 and not value.is_meta else f"tensor{list(value.shape)}"
        case Record():
            return f"{type(value).__name__}(…)"
        case tuple() if any(isinstance(one, Record) for one in value):
            return f"({', '.join(map(_told, value))})"
    return repr(value)


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
        return type(value)(
            **{f.name: _map(getattr(value, f.name), _join(path, f.name), change) for f in fields(value)}
        )
    if isinstance(value, tuple):
        return tuple(_map(item, _join(path, str(i)), change) for i, item in enumerate(value))
    return value
