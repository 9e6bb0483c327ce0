"""Runs a claim: times it, draws its picture, and joins what was measured with what the paper prints."""

import io
import time
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from isospike.report.claim import Claim, Setup, Value
from isospike.report.papers import claim
from isospike.report.result import Result, beside
from isospike.report.stamp import stamp
from isospike.store import opening, spent

SHARPNESS = 130  # dots an inch of the pictures


def reproduce(name: str, size: str = "usual", **given: Any) -> Result:
    """Measure a claim at one of its sizes.

    given: options of the claim that replace the size's, or `data_dir`.  Raises `InvalidSetting`, `InvalidData`.
    """
    found = claim(name)
    return measured(name, found, found.setup(size, **given))


def measured(name: str, claim: Claim, setup: Setup) -> Result:
    """The result of one claim."""
    started = time.perf_counter()
    with opening() as entries:
        found = claim.measure(setup)
    seconds = time.perf_counter() - started
    kept = {entry.name: spent(entry) for entry in dict.fromkeys(entries)}
    picture = None
    if found.draw is not None:
        written = io.BytesIO()
        found.draw().savefig(written, format="png", dpi=SHARPNESS)
        picture = written.getvalue()
    rows = tuple(replace(row, paper=claim.printed(row.case)) for row in found.rows)
    versions = {"isospike": version("isospike"), "torch": torch.__version__}
    held, notes = tuple(found.held), tuple(found.notes)
    shown = _shown(claim, setup)
    about = name, claim.title, claim.source
    return Result(*about, rows, held, notes, shown, seconds, versions, picture, stamp(claim), kept)


def current(result: Result, claim: Claim, setup: Setup) -> bool:
    """Whether a result was measured with the code of today and these options."""
    return result.stamp == stamp(claim) and result.setup == _shown(claim, setup)


def _shown(claim: Claim, setup: Setup) -> dict[str, Value]:
    return {name: getattr(setup, name) for name in ("size", *claim.options)}


def show(result: Result, console: Console) -> None:
    """Print a result: paper and measured side by side, then what holds, and notes."""
    # What is in brackets, such as a unit, is no markup.
    table = Table("", title=Text(f"{result.title}  (paper / measured)"), title_justify="left")
    for column in result.columns:
        table.add_column(Text(column), justify="right")
    for row in result.rows:
        table.add_row(*map(Text, (row.case, *(beside(row, column) for column in result.columns))))
    console.print(table)
    for one in result.held:
        console.print(
            f"{'holds' if one.holds else 'DOES NOT HOLD'}: {one.text}; {one.limit}, measured {one.measured:.4g}",
            highlight=False,
            markup=False,
        )
    for note in all_notes(result):
        console.print(f"note: {note}", highlight=False, markup=False)


def all_notes(result: Result) -> list[str]:
    """Those of the whole and those of its rows."""
    return [*result.notes, *(f"{row.case}: {row.note}" for row in result.rows if row.note)]
