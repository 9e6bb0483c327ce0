"""What a node of a cluster does: it keeps what shards read, by the hash of its content, fetches it once, and computes.

    driver                                                     node
    shard, without parcels                  ── submitted ──▶   all of it is kept: compute
                                            ◀── Absent ─────   else say what is not
    bytes put on the cluster: parcels
    shard, with parcels                     ── submitted ──▶   fetch them under a lock, keep them, compute

A node is whoever shares $ISOSPIKE_CACHE."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from filelock import FileLock

from isospike.errors import InvalidData
from isospike.store import folder, home, write
from isospike.sweep.content import SAMPLES, Copies, file_hash, file_of, packed, samples_hash, unpacked
from isospike.sweep.parcels import Parcel
from isospike.sweep.shard import Shard, run

COPIES = "copies"  # the folder in the cache


@dataclass(frozen=True)
class Absent:
    """A node's answer in place of figures: the names of copies that it does not have."""

    names: tuple[str, ...]


def copies(shard: Shard) -> dict[str, Callable[[], bytes]]:
    """What a shard reads, by the names of its copies, and what makes their bytes; on the driver."""
    subject = shard.subject
    calibration = partial(subject.source.calibration, subject.calibration, subject.calibration_hash)
    images = partial(subject.source.images, shard.begin, shard.end, shard.images_hash)
    found: dict[str, Callable[[], bytes]] = {
        f"{subject.calibration_hash}{SAMPLES}": lambda: packed(calibration()),
        f"{shard.images_hash}{SAMPLES}": lambda: packed(images()),
    }
    if name := network_copy(shard):
        found[name] = Path(file_of(subject.network) or "").read_bytes
    return found


def network_copy(shard: Shard) -> str | None:
    """The name of the copy of its network's file; None for a module's, which is installed everywhere."""
    file = file_of(shard.subject.network)
    return None if file is None else _named(file, shard.subject.network_hash)


@lru_cache(maxsize=64)
def _named(file: Path, network_hash: str) -> str:
    return file_hash(file) + file.suffix


def compute(shard: Shard, network: str | None, parcels: Mapping[str, Parcel]) -> dict[str, Any] | Absent:
    """The figures of a shard, from copies alone.

    network: the name of the copy of its network's file.  parcels: of copies that this node did not have.  Raises as
    `run` does, and `InvalidFile` where a copy cannot be kept."""
    root = folder(home() / COPIES)
    subject = shard.subject
    needed = [f"{subject.calibration_hash}{SAMPLES}", f"{shard.images_hash}{SAMPLES}", *([network] if network else ())]
    if absent := tuple(name for name in needed if not _kept(root / name, parcels.get(name))):
        return Absent(absent)
    subject = replace(subject, source=Copies(subject.source.name, str(root)))
    if network:
        _, mark, factory = subject.network.rpartition(":") if network.endswith(".py") else ("", "", "")
        subject = replace(subject, network=f"{root / network}{mark}{factory}")
    return run(replace(shard, subject=subject))


def _kept(path: Path, parcel: Parcel | None) -> bool:
    """Whether a copy is there, whole, when this returns: one worker of a node fetches it, the others wait."""
    if _whole(path):
        return True
    with FileLock(path.with_name(f".{path.name}.lock")):
        if not _whole(path) and parcel is not None and (content := parcel.get()) is not None:
            write(path, content)
    return _whole(path)


def _whole(path: Path) -> bool:
    try:
        told = path.stat()
    except FileNotFoundError:
        return False
    return _checked(path, told.st_mtime_ns, told.st_size)


@lru_cache(maxsize=256)
def _checked(path: Path, changed: int, size: int) -> bool:
    """Whether a file holds what its name says; read again where the file has changed."""
    if path.suffix != SAMPLES:
        return file_hash(path) == path.stem
    try:
        return samples_hash(unpacked(path)) == path.stem
    except InvalidData:
        return False
