"""Commands about papers: a table or figure measured again, and the page of all that were."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from isospike.errors import InvalidSetting, IsospikeError
from isospike.report.claim import Setup
from isospike.report.page import page
from isospike.report.papers import claim, papers
from isospike.report.result import keep, read
from isospike.report.run import current, measured, show
from isospike_cli.flat import meanings, optional
from isospike_cli.tables import err, out

Results = Annotated[Path, typer.Option("--out", help="Where figures and tables go; nothing is written elsewhere.")]
SetupOptions: Any = optional("SetupOptions", get_type_hints(Setup), meanings(Setup))


def reproduce_command(
    setup: SetupOptions,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Such as stanojevic2023-table2.1.")
    ] = None,
    show_all: Annotated[bool, typer.Option("--list", help="List what can be reproduced.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="All that FOLDER does not have yet as it would be measured now.")
    ] = False,
    results: Results = Path("results"),
) -> None:
    """Reproduce tables or figures of papers: paper and measured side by side, as JSON, CSV and PNG.

    Example: isospike reproduce stanojevic2023-response --size quick --out results
    """
    if everything and names:
        raise InvalidSetting(
            "--all and names of tables or figures are both given.", "One of them.", "Leave the names out, or --all."
        )
    if show_all or not (names or everything):
        for paper in papers().values():
            for name in paper.modules:
                out.print(f"{name:32} {paper.claim(name).title}", highlight=False, soft_wrap=True)
        return
    given = {option: value for option, value in asdict(setup).items() if value is not None}
    wanted = names or [name for paper in papers().values() for name in paper.modules]
    # What is not known or not read is refused before anything is measured.
    setups = {name: claim(name).setup(**given) for name in wanted}
    if everything:
        _all(setups, results)
        return
    for name, chosen in setups.items():
        _measured(name, chosen, results)


def _measured(name: str, setup: Setup, results: Path) -> None:
    result = measured(name, claim(name), setup)
    keep(result, results)
    show(result, out)
    out.print(f"wrote {results / name}.json, .csv{'' if result.picture is None else ', .png'}", highlight=False)


def _all(setups: dict[str, Setup], results: Path) -> None:
    """Measure what is missing or out of date; what cannot be measured is told, and the rest goes on."""
    failed = 0
    for name, setup in setups.items():
        kept = results / f"{name}.json"
        try:
            if kept.exists() and current(read(kept), claim(name), setup):
                out.print(f"{name}: kept", highlight=False)
            else:
                _measured(name, setup, results)
        except IsospikeError as error:
            failed += 1
            err.print(f"{name}: {error}", highlight=False, markup=False, style="red", soft_wrap=True)
    if failed:
        raise typer.Exit(1)


def page_command(
    directory: Annotated[Path, typer.Argument(metavar="FOLDER", help="That `isospike reproduce --out` wrote.")],
) -> None:
    """Write the pages of all results in a folder: FOLDER/index.md, and one a paper.

    Example: isospike page results
    """
    out.print(f"wrote {', '.join(map(str, page(directory)))}", highlight=False)
