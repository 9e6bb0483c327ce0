"""The pages of all results in a folder, one a paper."""

from pathlib import Path

from isospike.report.papers import papers
from isospike.report.result import Result, beside, read
from isospike.report.run import all_notes
from isospike.report.stamp import stale
from isospike.store import write

HEAD = """# Reproduction

Every table and figure was made by `isospike reproduce NAME`, and these pages by `isospike page`.  A cell that reads
*a* / *b* holds the paper's figure and then the measured one.  Networks are narrower and trained more briefly than the
paper's unless the size is `full`, so accuracies differ; what is claimed is that the spiking network equals *its* ReLU
network, whichever that is.
"""


def page(directory: Path) -> list[Path]:
    """Write a page a paper in `directory`, PAPER.md, from the results that are there, and index.md, which lists them.
    Raises `InvalidFile`."""
    lines, written, late = [HEAD], [directory / "index.md"], list[str]()
    for name, paper in papers().items():
        own = [read(path) for module in paper.modules if (path := directory / f"{module}.json").exists()]
        late += [f"- {one.name}: {why}" for one in own if (why := stale(one, paper.claim(one.name)))]
        if own:
            written.append(directory / f"{name}.md")
            write(written[-1], "\n".join([f"# {paper.heading}\n\n{paper.introduction}\n", *map(_section, own)]))
            lines.append(f"- [{paper.heading}]({name}.md): {len(own)} tables and figures")
    lines += ["", "Not what its command gives today, or not known to be:", "", *late] if late else []
    write(written[0], "\n".join(lines) + "\n")
    return written


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
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
