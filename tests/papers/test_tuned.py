"""What is tuned or runs on a clock, at a tiny size: what is exact is exact, and every picture is drawn."""

from pathlib import Path

import pytest

from claims import assert_printed_figures_are_shown, result_of
from isospike.report.claim import Setup
from isospike.report.result import keep, read

EXACT = {"stanojevic2023-clocked": 3, "stanojevic2023-table3.2": 2, "stanojevic2023-fig3.5": 0}


@pytest.mark.parametrize("name", EXACT)
def test_it_runs_and_says_what_it_found(name: str, data: Path) -> None:
    setup = Setup(samples=4, width=1, epochs=1, training=16, trials=2, data_dir=data)
    result = result_of(name, setup)
    assert [one.text for one in result.held[: EXACT[name]] if not one.holds] == []
    assert_printed_figures_are_shown(result)
    keep(result, Path("out"))
    assert read(Path("out", f"{name}.json")) == result
    assert Path("out", f"{name}.png").exists() == (name != "stanojevic2023-clocked")
