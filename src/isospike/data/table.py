"""Tables: rows of numbers or texts with a class each, from a CSV file."""

import csv
import gzip
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from isospike.data.source import Data
from isospike.errors import InvalidData

LABELS = ("label", "class", "category", "target")  # what the column of classes may be called
SUPPORTED = f"A header and rows of as many cells, UTF-8, gzipped or not; a column named {', '.join(LABELS)}."


@dataclass(frozen=True)
class Table:
    """Rows of a file.

    | field     | meaning                                                        |
    |-----------|----------------------------------------------------------------|
    | `columns` | the cells of each column but that of classes, by its name      |
    | `labels`  | (rows,) class numbers                                          |
    | `classes` | their names, in order: that of numbers, or else the alphabet's |
    """

    name: str
    columns: dict[str, tuple[str, ...]]
    labels: Tensor
    classes: tuple[str, ...]

    @classmethod
    def read(cls, path: str | Path) -> "Table":
        """A table from a .csv or .csv.gz file.  Raises `InvalidData`."""
        path = Path(path)
        try:
            with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
                head, *rows = [row for row in csv.reader(file, strict=True) if row] or [[]]
        except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
            raise InvalidData(f"`{path}` cannot be read: {error}", SUPPORTED, "Check the file.") from error
        found = [name for name in head if name.lower() in LABELS]
        if len(found) != 1 or len(set(head)) < len(head) or not rows:
            what = f"`{path}` has the columns {', '.join(head) or 'none'}, and {len(rows)} rows."
            raise InvalidData(what, SUPPORTED, "Give each column a name of its own, and name one `label`.")
        for number, row in enumerate(rows, 2):
            if len(row) != len(head):
                what = f"`{path}`, row {number}: {len(row)} cells under {len(head)} columns."
                raise InvalidData(what, SUPPORTED, "Put cells with commas into quotation marks.")
        columns = dict(zip(head, zip(*rows, strict=True), strict=True))
        given = columns.pop(found[0])
        if "" in given or not columns:
            what = (
                f"`{path}`, row {given.index('') + 2}: no class." if "" in given else f"`{path}` holds classes alone."
            )
            raise InvalidData(what, SUPPORTED, "Give each row a class, and at least one other cell.")
        classes = _ordered(set(given))
        numbers = {name: number for number, name in enumerate(classes)}
        name = path.name.removesuffix(".gz").removesuffix(".csv")
        return cls(name, columns, torch.tensor([numbers[name] for name in given]), classes)

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, at: Sequence[int]) -> "Table":
        """The rows of these numbers."""
        columns = {name: tuple(cells[i] for i in at) for name, cells in self.columns.items()}
        return Table(self.name, columns, self.labels[torch.as_tensor(at, dtype=torch.int64)], self.classes)

    def numbers(self) -> Data:
        """All columns as features, (rows, columns) of float32.  Raises `InvalidData` for what is no number."""
        features = [[_number(name, i, cell) for i, cell in enumerate(cells)] for name, cells in self.columns.items()]
        return Data(self.name, torch.tensor(features).T.contiguous(), self.labels, classes=self.classes)


def _number(column: str, row: int, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not abs(value) <= torch.finfo(torch.float32).max:  # neither is NaN
        raise InvalidData(
            f"column `{column}`, row {row + 2}: `{cell[:30]}` is no finite number of float32.",
            "Numbers in every column but that of classes; texts by way of TfIdf.",
            "Leave the column out, or read texts: TfIdf().fit(table.columns[…]).",
        )
    return value


def _ordered(names: set[str]) -> tuple[str, ...]:
    try:
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    except ValueError:
        return tuple(sorted(names))
