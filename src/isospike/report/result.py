"""The result of a claim: paper and measurement side by side, kept as JSON, CSV and a picture."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from isospike.errors import InvalidFile
from isospike.report.claim import Held, Row, Value
from isospike.store import folder, write


@dataclass(frozen=True)
class Result:
    """One run of a claim.

    | field      | meaning                                                                  |
    |------------|--------------------------------------------------------------------------|
    | `setup`    | the size and the options that it was measured at                         |
    | `seconds`  | run time; of networks that were in the store, without their training |
    | `versions` | of isospike and torch                                                    |
    | `picture`  | a PNG, or nothing                                                        |
    | `stamp`    | of the code that it was measured with                                    |
    | `kept`     | entries of the store that it took, and the CPU seconds of each, if known |
    """

    name: str
    title: str
    source: str
    rows: tuple[Row, ...]
    held: tuple[Held, ...]
    notes: tuple[str, ...]
    setup: Mapping[str, Value]
    seconds: float
    versions: Mapping[str, str]
    picture: bytes | None = None
    stamp: str = ""
    kept: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Names of all figures, in their order."""
        return list(dict.fromkeys(key for row in self.rows for key in (*row.measured, *row.paper)))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; the picture is a file of its own."""
        return {key: value for key, value in asdict(replace(self, picture=None)).items() if key != "picture"}

    def as_csv(self) -> str:
        """One line a row, paper and measured next to each other."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(
            ["case", *(f"{column}, {whose}" for column in self.columns for whose in ("paper", "measured")), "note"]
        )
        for row in self.rows:
            cells = (figures.get(column) for column in self.columns for figures in (row.paper, row.measured))
            writer.writerow([row.case, *("" if value is None else value for value in cells), row.note])
        return text.getvalue()


def keep(result: Result, directory: Path) -> None:
    """Write NAME.json, .csv and .png, each whole or not at all.  Raises `InvalidFile`."""
    folder(directory)
    if result.picture is not None:
        write(directory / f"{result.name}.png", result.picture)
    write(directory / f"{result.name}.csv", result.as_csv())
    write(directory / f"{result.name}.json", json.dumps(result.as_dict(), indent=1))


def read(path: Path) -> Result:
    """A result that was kept.  Raises `InvalidFile`."""
    try:
        tree = json.loads(path.read_text())
        rows, held = tuple(Row(**row) for row in tree["rows"]), tuple(Held(**held) for held in tree["held"])
        known = {one.name for one in fields(Result)}
        picture = path.with_suffix(".png")
        tree |= {
            "rows": rows,
            "held": held,
            "notes": tuple(tree["notes"]),
            "picture": picture.read_bytes() if picture.exists() else None,
        }
        return Result(**{key: value for key, value in tree.items() if key in known})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InvalidFile(
            f"`{path}` holds no result: {error}", "Files written by `isospike reproduce`.", "Run it again."
        ) from error


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
