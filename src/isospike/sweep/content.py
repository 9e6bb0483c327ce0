"""What networks and samples are, whatever they are called and wherever they lie: hashes of their contents."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from isospike.data import Data, open_data
from isospike.importers import digest, model_of

DIGITS = 16  # of a hash: of 10⁸ contents two are alike in these with a chance below 10⁻³


@dataclass(frozen=True)
class Source:
    """Where samples lie, and how they are preprocessed; each machine opens its own.

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


def network_hash(name: str) -> str:
    """Of a model by its name: its file, or its layers, tensors and the file of its code."""
    found, code = hashlib.sha256(digest(model_of(name)).encode()), Path(name.rpartition(":")[0])
    if code.suffix == ".py" and code.exists():  # the layers do not tell how they are called
        found.update(code.read_bytes())
    return found.hexdigest()[:DIGITS]


def samples_hash(data: Data) -> str:
    """Of samples as a network sees them, and of their labels; read batch by batch."""
    found = hashlib.sha256()
    for x, labels in data.batches():
        for tensor in (x,) if labels is None else (x, labels):
            found.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
            found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()[:DIGITS]
