"""Claims of any package are found, measured at a size, kept, read back, and put on the page."""

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
import typer
from rich.console import Console

from claims import MODULES
from isospike.errors import InvalidData, InvalidFile, InvalidSetting
from isospike.report.claim import SIZES, at_least, at_most
from isospike.report.page import page
from isospike.report.papers import claim, papers
from isospike.report.result import keep, read
from isospike.report.run import measured, reproduce, show
from isospike.report.stamp import stale
from isospike.store import key, write
from isospike_cli import papers as cli_papers

PACKAGE = '"""Doe 2026.\n\nWhat they say."""\n'
CLAIM = '''"""Pigs fly: wings against weight."""

from dataclasses import replace

from isospike.store import Store, write
from isospike.report.claim import Claim, Found, Held, Row, Setup, at_most


class Table1(Claim):
    """Table 1: wings."""

    source = "Doe 2026, Table 1"
    paper = {"boar": {"wings": 2, "height [m]": 3.5}}
    options = {"samples": (1, 7, None), "trials": 3}

    def measure(self, setup: Setup) -> Found:
        """Look."""
        Store().kept("boar", setup.samples, "weight.txt", lambda path: write(path, "80"))
        rows = (Row("boar, old", {"wings": 0}), Row("boarish", {"wings": 0, "samples": setup.samples}, note="asleep."))
        return Found(rows, (at_most("pigs fly", 0.0, 0.5, "m"), Held("pigs | fly", 1.0, "above 2", False)), ("Seen by day.",), self.draw)

    def draw(self):
        """A line."""
        from matplotlib.figure import Figure

        figure = Figure()
        figure.subplots().plot([0, 1])
        return figure
'''


@pytest.fixture
def doe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of somebody else's, with its entry point."""
    package = tmp_path / "doe2026_claims"
    (package / "parts").mkdir(parents=True)
    for name, text in (("__init__", PACKAGE), ("table_1", CLAIM), ("parts/__init__", "")):
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ISOSPIKE_CACHE", str(tmp_path / "cache"))
    entry = EntryPoint("doe2026", "doe2026_claims", "isospike.papers")
    monkeypatch.setattr("isospike.report.papers.entry_points", lambda group: EntryPoints([entry]))
    yield package
    for name in [name for name in sys.modules if name.startswith("doe2026_claims")]:
        del sys.modules[name]


def test_a_claim_of_any_package_is_found(doe: Path) -> None:
    (paper,) = papers().values()
    assert (paper.heading, paper.introduction) == ("Doe 2026", "What they say.")
    assert list(paper.modules) == ["doe2026-table.1"] and claim("doe2026-table.1").title == "Table 1: wings"
    with pytest.raises(InvalidSetting, match=r"`none` is not known.\n.*doe2026-table.1"):
        claim("none")
    (doe / "fig2.py").write_text('"""No claim."""\n')
    with pytest.raises(InvalidSetting, match="has 0 claims"):
        claim("doe2026-fig2")


def test_it_is_measured_kept_and_read_back(doe: Path, tmp_path: Path) -> None:
    result = reproduce("doe2026-table.1", trials=5, data_dir=tmp_path)
    assert result.setup == {"size": "usual", "samples": 7, "trials": 5}
    assert result.rows[0].paper == {"wings": 2, "height [m]": 3.5} and result.rows[1].paper == {}
    assert result.columns == ["wings", "height [m]", "samples"] and set(result.versions) == {"isospike", "torch"}
    assert result.picture is not None and result.picture.startswith(b"\x89PNG")
    ((entry, seconds),) = result.kept.items()
    assert entry == f"boar-{key(7)}" and seconds is not None and seconds < 5
    keep(result, tmp_path / "results")
    assert read(tmp_path / "results" / "doe2026-table.1.json") == result
    with (tmp_path / "results" / "doe2026-table.1.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert (
        rows[0]["height [m], paper"] == "3.5"
        and rows[0]["height [m], measured"] == ""
        and rows[1]["note"] == "asleep."
    )
    console = Console(record=True, width=160)
    show(result, console)
    text = console.export_text()
    assert (
        "2 / 0" in text
        and "3.5 / –" in text
        and "height [m]" in text  # a unit is no markup
        and "holds: pigs fly; at most 0.5 m, measured 0" in text
        and "DOES NOT HOLD: pigs | fly" in text
    )
    assert "note: Seen by day." in text and "note: boarish: asleep." in text


def test_sizes_are_by_name(doe: Path) -> None:
    for size, samples in zip(SIZES, (1, 7, None), strict=True):
        assert reproduce("doe2026-table.1", size).setup == {"size": size, "samples": samples, "trials": 3}
    assert reproduce("doe2026-table.1", samples=None).setup["samples"] is None
    with pytest.raises(InvalidSetting, match="size `huge` is not known"):
        reproduce("doe2026-table.1", "huge")


def test_an_option_that_there_is_not_is_refused(doe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(claim("doe2026-table.1")), "options", {"epoch": 3})
    with pytest.raises(InvalidSetting, match=r"there is no option epoch.*\n.*epochs"):
        reproduce("doe2026-table.1")


def test_an_option_that_nothing_depends_on_is_refused(doe: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"nothing depends on epochs and width.*\n.*samples, trials, data_dir"):
        reproduce("doe2026-table.1", epochs=2, trials=1, width=8)


def test_the_page_has_what_is_in_the_folder_and_nothing_else(
    doe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder called docs is somebody's, wherever the command is called."""
    monkeypatch.chdir(tmp_path)
    Path("docs").mkdir()
    write("docs/index.md", "mine")
    Path("results").mkdir()
    keep(reproduce("doe2026-table.1"), Path("results"))
    write("results/other.json", "{}")
    written = page(Path("results"))
    text = written[1].read_text()
    assert written == [Path("results/index.md"), Path("results/doe2026.md")]
    assert (
        "- [Doe 2026](doe2026.md): 1 table" in written[0].read_text() and Path("docs/index.md").read_text() == "mine"
    )
    assert "1 of 2 statements hold; 0 rows have no data." in written[0].read_text()
    assert "; 1 of 1 of these took 0 minutes of CPU time." in written[0].read_text()
    assert f"Kept in the store, and the CPU time that it took: `boar-{key(7)}` (0 s)." in text
    assert "| doe2026-table.1 | 1 of 2 | boar, old, wings: 2 / 0 | Seen by day. |" in written[0].read_text()
    assert "# Doe 2026\n\nWhat they say.\n" in text and "## doe2026-table.1" in text and "**does not hold**" in text
    assert (
        "![Table 1: wings](doe2026-table.1.png)" in text
        and "](doe2026-table.1.csv)" in text
        and "size usual, samples 7" in text
    )
    assert "| boar, old | 2 / 0 | 3.5 / – | – |" in text
    write("results/doe2026-table.1.json", '{"rows": []}')
    with pytest.raises(InvalidFile, match="holds no result"):
        page(Path("results"))


def test_limits() -> None:
    assert [at_most("", x, 1.0).holds for x in (0.9, 1.0, 1.1, float("nan"))] == [True, True, False, False]
    assert [at_least("", x, 1.0).holds for x in (0.9, 1.0, 1.1, float("nan"))] == [False, True, True, False]
    assert (
        at_most("a", 0.5, 2, "points").limit == "at most 2 points"
        and at_least("a", 0.5, 0.25).limit == "at least 0.25"
    )


@pytest.mark.parametrize("name", sorted(MODULES))
def test_our_own_claims_say_what_they_are(name: str) -> None:
    found = claim(name)
    assert found.title and not found.title.endswith(".") and found.source
    assert [found.setup(size).size for size in SIZES] == list(SIZES)


def test_a_result_whose_code_has_changed_says_so(doe: Path, tmp_path: Path) -> None:
    (doe / "parts" / "wings.py").write_text("NUMBER = 2\n")
    (doe / "table_1.py").write_text(
        CLAIM.replace("from dataclasses", "from doe2026_claims.parts.wings import NUMBER\nfrom dataclasses")
    )
    one = claim("doe2026-table.1")
    fresh = reproduce("doe2026-table.1")
    keep(fresh, tmp_path / "results")
    assert len(fresh.stamp) == 12 and stale(fresh, one) is None
    assert "Not what" not in page(tmp_path / "results")[0].read_text()
    other = stale(reproduce("doe2026-table.1", trials=5), one)
    assert other is not None and "trials 5" in other
    (doe / "parts" / "wings.py").write_text("NUMBER = 3\n")
    assert stale(fresh, one) == "its code has changed since"
    assert "- doe2026-table.1: its code has changed since" in page(tmp_path / "results")[0].read_text()
    assert stale(replace(fresh, stamp=""), one) == "measured before results had stamps"


def test_the_pages_of_this_project_list_what_is_out_of_date() -> None:
    directory = Path(__file__).parents[2] / "docs" / "reproduction"
    late = {
        name: why
        for paper in papers().values()
        for name in paper.modules
        if (path := directory / f"{name}.json").exists() and (why := stale(read(path), paper.claim(name)))
    }
    listed = dict(
        line[2:].split(": ", 1)
        for line in (directory / "index.md").read_text().splitlines()
        if line.startswith("- ") and "](" not in line
    )
    assert listed == late, "write the list anew: isospike page, or run these again: isospike reproduce NAME"


def test_all_are_measured_once_and_again_where_something_changed(
    doe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, name = list[str](), "doe2026-table.1"
    monkeypatch.setattr(cli_papers, "measured", lambda name, *given: (runs.append(name), measured(name, *given))[1])
    for options in ({}, {}, {"trials": 5}, {"trials": 5}, {"size": "quick", "trials": 5}):
        cli_papers._all({name: claim(name).setup(**options)}, tmp_path / "results")
    assert len(runs) == 3
    kept = json.loads((tmp_path / "results" / "doe2026-table.1.json").read_text())
    assert kept["setup"] == {"size": "quick", "samples": 1, "trials": 5}
    write(tmp_path / "results" / "doe2026-table.1.json", json.dumps(kept | {"stamp": "other"}))
    cli_papers._all({name: claim(name).setup("quick", trials=5)}, tmp_path / "results")
    assert len(runs) == 4

    def missing(*_: object) -> None:
        raise InvalidData("there is no data.")

    monkeypatch.setattr(cli_papers, "measured", missing)
    with pytest.raises(typer.Exit):
        cli_papers._all({name: claim(name).setup()}, tmp_path / "results")
    assert json.loads((tmp_path / "results" / "doe2026-table.1.json").read_text())["setup"]["size"] == "quick"
