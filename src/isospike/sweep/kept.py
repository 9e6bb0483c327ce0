"""The folder of a study: one JSON file a shard, whole or not there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from isospike import store
from isospike.errors import InvalidSetting
from isospike.sweep.shard import Shard


@dataclass(frozen=True)
class Kept:
    """
    | field  | meaning     |
    |--------|-------------|
    | `root` | the folder  |
    """

    root: Path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The folder for one driver alone, until it ends, also if it is killed.  Raises `InvalidSetting`."""
        lock = FileLock(store.folder(self.root) / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            what = f"another sweep is at work in `{self.root}`."
            raise InvalidSetting(what, "One at a time.", "Wait for it, or choose another folder: --out.") from error
        try:
            yield
        finally:
            lock.release()

    def row(self, shard: Shard) -> dict[str, Any] | None:
        """The figures of a shard that was computed."""
        return self.found(shard)[0]

    def found(self, shard: Shard) -> tuple[dict[str, Any] | None, str | None]:
        """The figures of a shard, and what kept it from being computed, as often as it was tried."""
        found = self._read(shard)
        return found.get("row"), found.get("error")

    def keep(self, shard: Shard, **found: Any) -> None:
        """Write what was found of a shard.  Raises `InvalidFile`, and leaves nothing half-written."""
        place = store.folder(self.root / "shards") / f"{shard.name}.json"
        store.write(place, json.dumps({**found, "shard": asdict(shard)}, indent=1))

    def _read(self, shard: Shard) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.root / "shards" / f"{shard.name}.json").read_text())
        except (FileNotFoundError, ValueError):  # what is not there, or was damaged since, is computed
            return {}
        return found
