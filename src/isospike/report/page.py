"""The pages of all results in a folder, one a paper."""

from itertools import starmap
from pathlib import Path

from isospike.report.papers import papers
from isospike.report.result import Result, beside, read
from isospike.report.run import all_notes
from isospike.report.stamp import stale
from isospike.store import write

HEAD = """# Reproduction

Every table and figure was made by `isospike reproduce NAME`, and these pages by `isospike page`; `isospike reproduce
--all --out FOLDER` measures all, and goes on when it is started again.  A cell that reads
*a* / *b* holds the paper's figure and then the measured one.  Networks are narrower and trained more briefly than the
paper's unless the size is `full`, so accuracies differ; what is claimed is that the spiking network equals *its* ReLU
network, whichever that is.
"""


def page(directory: Path) -> list[Path]:
    """Write a page a paper in `directory`, PAPER.md, from the results that are there, and index.md, which lists them.
    Raises `InvalidFile`."""
    lines, written, late, results = [HEAD], [directory / "index.md"], list[str](), list[Result]()
    for name, paper in papers().items():
        own = [read(path) for module in paper.modules if (path := directory / f"{module}.json").exists()]
        late += [f"- {one.name}: {why}" for one in own if (why := stale(one, paper.claim(one.name)))]
        results += own
        if own:
            written.append(directory / f"{name}.md")
            write(written[-1], "\n".join([f"# {paper.heading}\n\n{paper.introduction}\n", *map(_section, own)]))
            lines.append(f"- [{paper.heading}]({name}.md): {len(own)} tables and figures")
    lines += ["", *_overview(results)]
    lines += ["", "Not what its command gives today, or not known to be:", "", *late] if late else []
    write(written[0], "\n".join(lines) + "\n")
    return written


def _overview(results: list[Result]) -> list[str]:
    """A line for each table and figure, below what holds of all of them."""
    held = [one.holds for result in results for one in result.held]
    empty = sum(not row.measured for result in results for row in result.rows)
    minutes = sum(result.seconds for result in results) / 60
    return [
        f"{sum(held)} of {len(held)} statements hold; {empty} rows have no data.  The commands took {minutes:.0f} "
        "minutes, without the training of networks that were kept" + _trained(results),
        "",
        _line(["", "hold", "a figure of the paper / measured", "what differs, and how it was measured"]),
        _line(["---", "---:", "---", "---"]),
        *(_line([one.name, _holding(one), _compared(one), one.notes[0] if one.notes else ""]) for one in results),
    ]


def _holding(result: Result) -> str:
    return f"{sum(one.holds for one in result.held)} of {len(result.held)}"


def _compared(result: Result) -> str:
    """The first figure that is in the paper and was measured."""
    both = ((row, column) for row in result.rows for column in row.paper if row.measured.get(column) is not None)
    return next((f"{row.case}, {column}: {beside(row, column)}" for row, column in both), "")


def _section(result: Result) -> str:
    lines = [f"## {result.name}", "", result.title, "", f"Source: {result.source}", ""]
    for one in result.held:
        lines.append(
            f"- {'holds' if one.holds else '**does not hold**'}: {one.text}; {one.limit}, measured {one.measured:.4g}"
        )
    if result.picture is not None:
        lines += ["", f"![{result.title}]({result.name}.png)"]
    lines += ["", _line(["", *result.columns]), _line(["---", *("---:" for _ in result.columns)])]
    lines += [
        _line([row.case, *(beside(row, column) for column in result.columns)]) for row in result.rows if row.measured
    ]
    lines += ["", *(f"- {note}" for note in all_notes(result))]
    setup = ", ".join(f"{key} {value}" for key, value in result.setup.items() if value is not None)
    made = ", ".join(f"{key} {value}" for key, value in result.versions.items())
    lines += ["", f"Measured at {setup}, in {result.seconds:.0f} s; {made}.  [CSV]({result.name}.csv)", ""]
    if result.kept:
        lines += [
            f"Kept in the store, and the CPU time that it took: {', '.join(starmap(_entry, result.kept.items()))}.",
            "",
        ]
    return "\n".join(lines)


def _trained(results: list[Result]) -> str:
    kept = {name: seconds for result in results for name, seconds in result.kept.items()}
    known = [seconds for seconds in kept.values() if seconds is not None]
    return f"; {len(known)} of {len(kept)} of these took {sum(known) / 60:.0f} minutes of CPU time." if known else "."


def _entry(name: str, seconds: float | None) -> str:
    return f"`{name}`" + ("" if seconds is None else f" ({seconds:.0f} s)")


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
