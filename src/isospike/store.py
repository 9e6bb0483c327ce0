"""The only writer and the only cache: files appear whole or not at all, and what took long is found again by what it
was computed from."""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from isospike.errors import InvalidFile, InvalidSetting

SPENT = "cpu_seconds.json"  # that an entry took to be made, in all attempts that were not killed
_OPENED: ContextVar[list[Path] | None] = ContextVar("_OPENED", default=None)
DIGITS = 12  # of a key's hash that name an entry: of 10⁷ entries two share a name with a chance below ½
# Metadata of a field that a configuration got later: at its default it is left out, so that what was kept before the
# field was there is found again
LATER: Mapping[str, Any] = MappingProxyType({"later": True})


def write(path: str | Path, content: str | bytes) -> None:
    """Write a file into a folder that exists, whole or not at all, also if the power fails.  Raises `InvalidFile`."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        try:
            with partial.open("xb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        what = f"`{path}` cannot be written: {error.strerror or error}."
        remedy = "Nothing was changed; make room or choose another place."
        raise InvalidFile(what, "A folder that exists, may be written to and has room.", remedy) from error


def folder(path: str | Path) -> Path:
    """A folder, made where it is not there.  Raises `InvalidFile`."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidFile(
            f"`{path}` cannot be made: {error.strerror or error}.",
            "A folder, in one that may be written to.",
            "Choose another place.",
        ) from error
    return Path(path)


def home() -> Path:
    """Where isospike keeps things when no place is named: $ISOSPIKE_CACHE, else the user's cache."""
    return Path(os.environ.get("ISOSPIKE_CACHE") or Path.home() / ".cache" / "isospike")


@dataclass(frozen=True)
class Store:
    """Folders by the hash of the configuration that their contents were computed from.

    | field  | meaning                                       |
    |--------|-----------------------------------------------|
    | `root` | the folder of all; `home()/store` unless given |
    """

    root: Path = field(default_factory=lambda: home() / "store")

    def entry(self, name: str, configuration: Any) -> Path:
        """The folder of one configuration, made if it is not there; `configuration.json` in it tells people what it
        is.

        name: what people know it by.  configuration: plain values, lists, dictionaries by text and dataclasses of
        these.  Raises `InvalidSetting` for a value that has no plain form, `InvalidFile`.
        """
        text = _told(configuration)
        path = folder(self.root / f"{name}-{key(configuration)}")
        if not (path / "configuration.json").exists():
            write(path / "configuration.json", text)
        return path

    def kept(self, name: str, configuration: Any, file: str, make: Callable[[Path], object]) -> Path:
        """A file of such a folder; where it is not there yet, `make(path)` writes it, by `write`, and may keep its
        checkpoints beside it."""
        path = self.entry(name, configuration) / file
        if (opened := _OPENED.get()) is not None:
            opened.append(path.parent)
        if not path.exists():
            with _timed(path.parent / SPENT):
                make(path)
        return path


@contextmanager
def opening() -> Iterator[list[Path]]:
    """The entries whose files are asked for meanwhile."""
    found: list[Path] = []
    token = _OPENED.set(found)
    try:
        yield found
    finally:
        _OPENED.reset(token)


@contextmanager
def _timed(path: Path) -> Iterator[None]:
    """Add the CPU time of what is done to the number in a file."""
    before, started = spent(path.parent) or 0.0, time.process_time()
    try:
        yield
    finally:
        write(path, json.dumps(before + time.process_time() - started))


def spent(entry: Path) -> float | None:
    """CPU seconds that an entry took, where that is known."""
    try:
        return float(json.loads((entry / SPENT).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def key(configuration: Any) -> str:
    """The name of a configuration: the beginning of its hash.  Raises `InvalidSetting`."""
    return hashlib.sha256(_told(configuration).encode()).hexdigest()[:DIGITS]


def _told(configuration: Any) -> str:
    return json.dumps(plain(configuration), indent=1, sort_keys=True)


def plain(value: Any) -> Any:
    """A configuration in values that JSON has; a dataclass tells its type, and fields marked `LATER` only where they
    are not at their defaults.  Raises `InvalidSetting`."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):  # 1 and "1" would be one name
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if is_dataclass(value) and not isinstance(value, type):
        told = {one.name: getattr(value, one.name) for one in fields(value)}
        unsaid = {one.name for one in fields(value) if one.metadata == LATER and told[one.name] == one.default}
        return {"type": type(value).__name__} | {
            name: plain(part) for name, part in told.items() if name not in unsaid
        }
    what = f"{value!r:.80}, a {type(value).__name__}, names no configuration."
    known = "Numbers, text, lists, dictionaries by text and dataclasses of these."
    raise InvalidSetting(what, known, "Name it by what it was made from.")
