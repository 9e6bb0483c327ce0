"""The rows of a study in the order of its grid, whatever the order in which they came."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isospike.shown import cell
from isospike.store import write


def write_table(rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write table.csv, with all digits, and table.md.  Raises `InvalidFile`."""
    text = io.StringIO()
    heads = list(rows[0]) if rows else []
    writer = csv.DictWriter(text, heads, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write(folder / "table.csv", text.getvalue())
    told = [heads, ["---"] * len(heads), *([cell(row[head]) for head in heads] for row in rows)]
    write(folder / "table.md", "".join(f"| {' | '.join(line)} |\n" for line in told))
