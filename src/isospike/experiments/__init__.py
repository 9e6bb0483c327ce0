"""Table of contents: the experiments, one file per table or figure of a paper, found by their files' names."""

import importlib
import io
import json
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.table import Table

from isospike.experiments._page import write_page
from isospike.experiments._result import Result, Settings, beside
from isospike.store import folder, write

_modules = [importlib.import_module(f"{__name__}.{path.stem}") for path in sorted(Path(__file__).parent.glob("[!_]*.py"))]
EXPERIMENTS: dict[str, ModuleType] = {module.NAME: module for module in _modules}


def reproduce(
    name: str,
    directory: Path,
    *,
    samples: int | None = None,
    seed: int = 0,
    full: bool = False,
    data_dir: Path | None = None,
    console: Console | None = None,
) -> Result:
    """Run an experiment, show it, and write its JSON, CSV, figure and the page of all results."""
    result: Result = EXPERIMENTS[name].run(Settings(samples=samples, seed=seed, full=full, data_dir=data_dir))
    keep(result, directory)
    page = write_page(directory, EXPERIMENTS)
    if console is not None:
        show(result, console)
        console.print(f"wrote {directory / name}.json and .csv, {page}", highlight=False)
    return result


def keep(result: Result, directory: Path) -> None:
    """Write a result's files, each whole or not at all."""
    folder(directory)
    figure = result.figure
    if figure is not None:
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=130)
        write(directory / f"{result.name}.png", picture.getvalue())
    write(directory / f"{result.name}.csv", result.as_csv())
    write(directory / f"{result.name}.json", json.dumps(result.as_dict(), indent=1))


def show(result: Result, console: Console) -> None:
    """Print a result: paper and measured side by side, then the claims and notes."""
    columns = list(dict.fromkeys(key for row in result.rows for key in (*row.measured, *row.paper)))
    table = Table("", title=f"{result.title}  (paper / measured)", title_justify="left")
    for column in columns:
        table.add_column(column, justify="right")
    for row in result.rows:
        table.add_row(row.case, *(beside(row, column) for column in columns))
    console.print(table)
    for claim in result.claims:
        console.print(f"{'holds' if claim.holds else 'DOES NOT HOLD'}: {claim.text}; {claim.limit}, measured {claim.measured:.4g}", highlight=False)
    for note in (*result.notes, *(f"{row.case}: {row.note}" for row in result.rows if row.note)):
        console.print(f"note: {note}", highlight=False)
