"""What networks and samples are, whatever they are called and wherever they lie: hashes of their contents; and where
they are read from."""

import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from isospike.data import Data, open_data
from isospike.errors import InvalidData
from isospike.importers import digest, model_of

DIGITS = 16  # of a hash: of 10⁸ contents two are alike in these with a chance below 10⁻³
SAMPLES = ".samples"  # that the file of a copy ends in
ABOUT = "data"  # the one name in its header: safetensors keep several in no order


class Source(ABC):
    """Where the samples of a study are read from.  `name`: of the data, for messages."""

    name: str

    @abstractmethod
    def calibration(self, count: int, contents: str) -> Data:
        """The first so many training samples.  contents: their hash.  Raises `InvalidData`."""

    @abstractmethod
    def images(self, begin: int, end: int, contents: str) -> Data:
        """A range of test samples, the end excluded.  contents: their hash.  Raises `InvalidData`."""


@dataclass(frozen=True)
class Named(Source):
    """Samples by name, which whoever computes opens.

    | field         | meaning                                                      |
    |---------------|--------------------------------------------------------------|
    | `name`        | of a data set, an image folder, or a file                    |
    | `directory`   | where torchvision's data sets are; else $ISOSPIKE_DATA       |
    | `mean`, `std` | subtracted and divided by, a number a channel; () for none   |
    | `size`        | that a folder's images are resized and cropped to            |
    """

    name: str
    directory: str | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    size: int | None = None

    def open(self, train: bool) -> Data:
        """A split.  Raises `InvalidData`."""
        given = (self.mean, self.std) if self.mean or self.std else None
        return open_data(self.name, train, self.directory, given, self.size)

    def calibration(self, count: int, contents: str) -> Data:
        return _opened(self, True, _state(self.name)).first(count)

    def images(self, begin: int, end: int, contents: str) -> Data:
        return _opened(self, False, _state(self.name)).first(end).rest(begin)


@lru_cache(maxsize=4)
def _opened(source: Named, train: bool, state: tuple[Path, int] | None) -> Data:
    """A split, opened once for all shards.  state: of its file, whose changes are seen."""
    return source.open(train)


def _state(name: str) -> tuple[Path, int] | None:
    """Where a file or a folder is and when it was changed; None for a data set's name."""
    path = Path(name)
    return (path.absolute(), path.stat().st_mtime_ns) if path.exists() else None


@dataclass(frozen=True)
class Copies(Source):
    """Samples in files named by the hash of their contents.

    | field  | meaning           |
    |--------|-------------------|
    | `name` | of the data       |
    | `root` | the files' folder |
    """

    name: str
    root: str

    def calibration(self, count: int, contents: str) -> Data:
        return unpacked(Path(self.root) / f"{contents}{SAMPLES}")

    def images(self, begin: int, end: int, contents: str) -> Data:
        return unpacked(Path(self.root) / f"{contents}{SAMPLES}")


def packed(data: Data) -> bytes:
    """Samples as a file that `unpacked` reads: as they are stored, not as a network sees them, so that a pixel's range
    stays known."""
    tensors = {"images": data.images[slice(0, len(data))].contiguous()}
    if data.labels is not None:
        tensors["labels"] = data.labels.contiguous()
    about = json.dumps([data.name, data.mean, data.std, data.size, data.classes])
    return save(tensors, {ABOUT: about})


def unpacked(path: Path) -> Data:
    """The samples of such a file.  Raises `InvalidData`."""
    try:
        with safe_open(path, "pt") as file:
            name, mean, std, size, classes = json.loads(file.metadata()[ABOUT])
            held = file.keys()
            tensors = {key: file.get_tensor(key) for key in held}
            return Data(name, tensors["images"], tensors.get("labels"), tuple(mean), tuple(std), size, tuple(classes))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        what = f"`{path}` holds no samples: {error}"
        raise InvalidData(what, "Copies that a sweep made.", "Delete it: it is fetched again.") from error


def network_hash(name: str) -> str:
    """Of a model by its name: its file, or its layers, tensors and the file of its code."""
    found, code = hashlib.sha256(digest(model_of(name)).encode()), Path(name.rpartition(":")[0])
    if code.suffix == ".py" and code.exists():  # the layers do not tell how they are called
        found.update(code.read_bytes())
    return found.hexdigest()[:DIGITS]


def file_of(network: str) -> Path | None:
    """The file that a model by this name is read from; None where the name is a module's, which is installed."""
    path = Path(network)
    if path.suffix not in (".onnx", ".pt2"):
        path = Path(network.rpartition(":")[0])
    return path if path.suffix in (".onnx", ".pt2", ".py") else None


def file_hash(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]


def samples_hash(data: Data) -> str:
    """Of samples as a network sees them, and of their labels; read batch by batch."""
    found = hashlib.sha256()
    for x, labels in data.batches():
        for tensor in (x,) if labels is None else (x, labels):
            found.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
            found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()[:DIGITS]
