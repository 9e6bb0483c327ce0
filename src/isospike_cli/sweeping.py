"""The command that computes a study."""

from pathlib import Path
from typing import Annotated

import typer

from isospike.errors import InvalidSetting
from isospike.sweep import Study, Swept, engine, estimate, status, sweep, unfinished
from isospike_cli.logs import logger
from isospike_cli.options import progress
from isospike_cli.tables import err, out

UNITS = (("hours", 3600), ("minutes", 60), ("s", 1))
FEW = 20  # shards that are listed; the others are counted

File = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="What is varied: networks, methods, steps, ….")]
Folder = Annotated[Path, typer.Option("--out", help="Folder of the study: a file a shard, table.csv, table.md.")]
On = Annotated[
    str | None,
    typer.Option("--on", help="dask://HOST:PORT, ray://HOST:PORT or slurm://PARTITION; local processes unless given."),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Local processes, as many as cores unless given; or jobs.")]
Retries = Annotated[int, typer.Option(min=0, help="How often a shard that failed is computed again.")]
Log = Annotated[
    str | None, typer.Option("--log", help="Of each shard's figures, by Lightning: csv, tensorboard or wandb.")
]
Told = Annotated[bool, typer.Option("--status", help="Say how far it is, and compute nothing.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Say what the missing shards will take, from short runs here.")]


def sweep_command(
    study: File,
    folder: Folder,
    on: On = None,
    workers: Workers = None,
    retries: Retries = 2,
    log: Log = None,
    told: Told = False,
    dry: Dry = False,
) -> None:
    """Compute a study, networks × methods × T × constraints × seeds × images, on many cores or machines; again: go on.

    Example: isospike sweep study.toml --out study --workers 1 && isospike sweep study.toml --out study --status
    """
    if told and dry:
        raise InvalidSetting("--status and --dry-run together.", "One of them.", "Leave one out.")
    if log and (told or dry):
        raise InvalidSetting("--log where nothing is computed.", "--log when a study is computed.", "Leave one out.")
    grid, opening = Study.read(study), engine(on, workers)
    with err.status("reading networks and samples"):
        total = len({shard.name for shard in grid.shards})
    if dry:
        _foretold(grid, folder)
        return
    if told:
        swept = status(grid, folder)
    else:
        loggers = [] if log is None else [logger(log, folder, bool(status(grid, folder).rows))]
        with progress("shards", total, False) as advance:
            swept = sweep(grid, folder, opening, retries, advance, loggers)
        err.print(f"wrote {folder / 'table.csv'}, {folder / 'table.md'}", highlight=False, markup=False)
    _said(swept)
    if swept.failed and not told:
        raise typer.Exit(1)


def _foretold(grid: Study, folder: Path) -> None:
    missing = unfinished(grid, folder)
    with err.status("measuring each network on a few images"):
        cost = estimate(missing)
    line = f"{cost.shards} shards of {cost.images} images: about {_time(cost.seconds)} on one worker"
    line += f", {_time(cost.begin)} more for each worker at its begin"
    line += "" if cost.memory is None else f", {cost.memory:.2g} GB a worker"
    out.print(line + " (measured here)", highlight=False, soft_wrap=True)


def _time(seconds: float) -> str:
    """A time in the unit that it is read in."""
    name, size = next((unit for unit in UNITS if seconds >= unit[1]), UNITS[-1])
    return f"{seconds / size:.3g} {name}"


def _said(swept: Swept) -> None:
    now = f", {swept.computed} computed now" if swept.computed else ""
    line = f"{len(swept.rows)} done{now}, {len(swept.failed)} failed, {swept.missing} missing"
    out.print(line, highlight=False, soft_wrap=True)
    for one in swept.failed[:FEW]:
        place = " ".join(f"{key}={value}" for key, value in one.shard.told().items() if value is not None)
        out.print(f"failed: {place}: {one.error}", highlight=False, markup=False, soft_wrap=True)
    if len(swept.failed) > FEW:
        out.print(f"and {len(swept.failed) - FEW} more", highlight=False)
