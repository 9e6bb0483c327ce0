"""The page that shows every result found in a folder: written anew after each experiment, so it never says more than was run."""

import json
from collections.abc import Iterable
from pathlib import Path

from isospike.experiments._papers import PAPERS
from isospike.experiments._result import Result, beside, from_dict
from isospike.store import write

HEAD = """# Reproduction

Every table and figure below was made by `isospike reproduce NAME`, which also wrote this page.  A cell that reads *a* / *b* holds the
paper's figure and then the measured one.  Networks are narrower and trained more briefly than the paper's unless a configuration says
`full`, so accuracies differ; what is claimed is that the spiking network equals *its* ReLU network, whichever that is.
"""


def write_page(directory: Path, names: Iterable[str]) -> Path:
    """Rewrite reproduction.md in `directory` from the results that are there."""
    page = directory / "reproduction.md"
    results = [from_dict(json.loads(path.read_text())) for name in names if (path := directory / f"{name}.json").exists()]
    sections = [HEAD]
    for paper, (heading, introduction) in PAPERS.items():
        own = [result for result in results if result.name.split("-")[0] == paper]
        if own:
            sections += [f"## {heading}\n\n{introduction}\n", *(_section(result, directory) for result in own)]
    write(page, "\n".join(sections))
    return page


def _section(result: Result, directory: Path) -> str:
    columns = list(dict.fromkeys(key for row in result.rows for key in (*row.measured, *row.paper)))
    lines = [f"### {result.name}", "", result.title, "", f"Source: {result.source}", ""]
    for claim in result.claims:
        lines.append(f"- {'holds' if claim.holds else '**does not hold**'}: {claim.text}; {claim.limit}, measured {claim.measured:.4g}")
    if (directory / f"{result.name}.png").exists():
        lines += ["", f"![{result.title}]({result.name}.png)"]
    lines += ["", _line(["", *columns]), _line(["---", *("---:" for _ in columns)])]
    lines += [_line([row.case, *(beside(row, column) for column in columns)]) for row in result.rows if row.measured]
    notes = [*result.notes, *(f"{row.case}: {row.note}" for row in result.rows if row.note)]
    lines += ["", *(f"- {note}" for note in notes)]
    settings = ", ".join(f"{key} {value}" for key, value in result.configuration.items())
    made = ", ".join(f"{key} {value}" for key, value in result.versions.items())
    lines += ["", f"Configuration: {settings}.  Seed {result.seed}; {result.seconds:.0f} s, training not counted; {made}.  [CSV]({result.name}.csv)", ""]
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
