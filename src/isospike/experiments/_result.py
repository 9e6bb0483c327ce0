"""What an experiment is asked and what it hands back: paper and measurement side by side, and claims that hold or not."""

import csv
import io
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Value = float | int | str | None


@dataclass(frozen=True)
class Settings:
    """
    | field      | meaning                                                                      |
    |------------|------------------------------------------------------------------------------|
    | `samples`  | figures are taken over the first so many samples, or all                     |
    | `full`     | networks at the paper's width, trained long                                  |
    | `data_dir` | where data sets are; else $ISOSPIKE_DATA, else the user's cache              |
    | `width`    | channels of VGG16's first block; 64 if `full`, else 8 unless given           |
    | `epochs`   | of training, for all networks; else each network's own number                |
    | `training` | train on the first so many samples, or all                                   |
    | `trials`   | draws of noise                                                               |
    """

    samples: int | None = None
    seed: int = 0
    full: bool = False
    data_dir: Path | None = None
    width: int | None = None
    epochs: int | None = None
    training: int | None = None
    trials: int = 16

    @property
    def channels(self) -> int:
        """Width of VGG16's first block."""
        return 64 if self.full else self.width or 8

    @property
    def device(self) -> str:
        """Where networks are trained."""
        return "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Row:
    """A row of the table: figures of the paper and the same ones measured, by name with unit."""

    case: str
    paper: dict[str, Value]
    measured: dict[str, Value]
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """Something that is so, or not: the figure, and the limit that it is held against."""

    text: str
    measured: float
    limit: str
    holds: bool


@dataclass(frozen=True)
class Result:
    """Everything about one run of an experiment; `figure` is kept as a picture beside the rest."""

    name: str
    title: str
    source: str
    rows: tuple[Row, ...]
    claims: tuple[Claim, ...]
    notes: tuple[str, ...]
    configuration: dict[str, Any]
    seed: int
    seconds: float
    figure: "Figure | None" = None
    versions: dict[str, str] = field(default_factory=lambda: {"isospike": version("isospike"), "torch": torch.__version__})

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(Result(**{**self.__dict__, "figure": None}))

    def as_csv(self) -> str:
        """One line a row, paper and measured next to each other."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = list(dict.fromkeys(key for row in self.rows for key in (*row.measured, *row.paper)))
        writer.writerow(["case", *(f"{column}, {whose}" for column in columns for whose in ("paper", "measured")), "note"])
        for row in self.rows:
            writer.writerow([row.case, *(_plain(figures.get(column)) for column in columns for figures in (row.paper, row.measured)), row.note])
        return text.getvalue()


def from_dict(tree: dict[str, Any]) -> Result:
    """A result as it was before `as_dict`."""
    rows, claims = tuple(Row(**row) for row in tree["rows"]), tuple(Claim(**claim) for claim in tree["claims"])
    return Result(**{**tree, "rows": rows, "claims": claims, "notes": tuple(tree["notes"])})


def _plain(value: Value) -> Value:
    return "" if value is None else value


def cell(value: Value) -> str:
    """A figure as people read it."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else value


def beside(row: Row, column: str) -> str:
    """The cell of a table: paper / measured where the paper has such a figure, else measured."""
    measured = cell(row.measured.get(column))
    return f"{cell(row.paper[column])} / {measured}" if column in row.paper else measured
