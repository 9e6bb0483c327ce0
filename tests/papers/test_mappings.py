"""The five mappings side by side at a tiny size: what the thesis prints stands beside what is measured, and each has
what sets it apart."""

from pathlib import Path

import pytest

from claims import assert_printed_figures_are_shown, result_of
from isospike.report.claim import Setup, number
from isospike.report.result import keep
from isospike_papers.stanojevic2023.mappings import (
    BEFORE,
    BY_EVENTS,
    CLOSED,
    EXACT,
    FALLING,
    FIXED,
    IDENTICAL,
    LATENCY,
    MAPPINGS,
    POSITIVE,
    RAISED,
    RAMPS,
    RESCALED,
    SILENT,
    SLOPES,
    SPIKES,
    ZERO,
)

NAME = "stanojevic2023-mappings"


def test_what_sets_them_apart(data: Path, tmp_path: Path) -> None:
    result = result_of(NAME, Setup(samples=8, trials=1, data_dir=data))
    assert_printed_figures_are_shown(result)
    rows = {row.case: {name: number(value) for name, value in row.measured.items()} for row in result.rows}
    assert list(rows) == list(MAPPINGS) and all(row.note for row in result.rows)
    assert all(figures[error] <= EXACT for figures in rows.values() for error in (CLOSED, BY_EVENTS))
    assert {name for name, figures in rows.items() if figures[SPIKES] < 1} == {SILENT}
    assert rows[FIXED][RAMPS[0]] == pytest.approx(1) == rows[FIXED][RAMPS[1]] and rows[FALLING][RAMPS[1]] == 0
    assert rows[IDENTICAL][SLOPES[0]] == rows[IDENTICAL][SLOPES[1]] == 1 and rows[IDENTICAL][RESCALED] == 0
    assert rows[IDENTICAL][RAMPS[0]] < 0 < rows[IDENTICAL][RAMPS[1]]
    assert {name for name, figures in rows.items() if figures[BEFORE] >= 0} == {POSITIVE}
    assert rows[ZERO][RAISED] > 2 * rows[FIXED][RAISED] and rows[ZERO][LATENCY] == rows[FIXED][LATENCY]
    keep(result, tmp_path)
    assert (tmp_path / f"{NAME}.png").read_bytes().startswith(b"\x89PNG")
