"""Commands about papers: a table or figure measured again, and the page of all that were."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from isospike.cli.options import DataDir, Samples
from isospike.cli.tables import out
from isospike.report.claim import NAMES
from isospike.report.page import page
from isospike.report.papers import claim, papers
from isospike.report.result import keep
from isospike.report.run import reproduce, show

Results = Annotated[Path, typer.Option("--out", help="Where figures and tables go; nothing is written elsewhere.")]


def reproduce_command(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Such as stanojevic2023-table2.1.")] = None,
    show_all: Annotated[bool, typer.Option("--list", help="List what can be reproduced.")] = False,
    size: Annotated[str, typer.Option(help=f"{', '.join(NAMES)}: seconds; two cores, an hour or two; the paper's own.")] = "usual",
    samples: Samples = None,
    training: Annotated[int | None, typer.Option(min=1, help="Train on the first so many samples.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of training, of all networks.")] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Channels of the first layer of networks that come in widths.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Draws of what is random.")] = None,
    seed: int = 0,
    device: Annotated[str, typer.Option(help="That networks are trained on: cpu, cuda, mps or auto.")] = "cpu",
    results: Results = Path("results"),
    data_dir: DataDir = None,
) -> None:
    """Reproduce tables or figures of papers: paper and measured side by side, as JSON, CSV and PNG."""
    if show_all or not names:
        for paper in papers().values():
            for name in paper.modules:
                out.print(f"{name:32} {paper.claim(name).title}", highlight=False)
        return
    given = {"samples": samples, "training": training, "epochs": epochs, "width": width, "trials": trials, "seed": seed, "device": device}
    for name in names:
        claim(name)  # an unknown one is refused before any is measured
    for name in names:
        result = reproduce(name, size, data_dir=data_dir, **given)
        keep(result, results)
        show(result, out)
        out.print(f"wrote {results / name}.json, .csv{'' if result.picture is None else ', .png'}", highlight=False)


def page_command(directory: Annotated[Path, typer.Argument(metavar="FOLDER", help="That `isospike reproduce --out` wrote.")]) -> None:
    """Write the page of all results in a folder, FOLDER/reproduction.md."""
    out.print(f"wrote {page(directory)}", highlight=False)


PAPER_COMMANDS: dict[str, Callable[..., None]] = {"reproduce": reproduce_command, "page": page_command}
