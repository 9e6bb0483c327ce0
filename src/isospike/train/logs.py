"""What Lightning's loggers are told: the figures of curve.csv, each epoch once; its number is the step.  A study tells
its shards in the same way."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isospike.errors import InvalidSetting
from isospike.train.kept import Curve

METRICS = "metrics.csv"  # what Lightning's CSV logger calls its file


def loggers_of(given: Any) -> list[Any]:
    """One logger or several, as a list.  Raises `InvalidSetting`."""
    from lightning.fabric.loggers import Logger

    found = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if wrong := [one for one in found if not isinstance(one, Logger)]:
        raise InvalidSetting(
            f"fit: a logger is a {type(wrong[0]).__name__}.",
            "Loggers of Lightning: CSVLogger, TensorBoardLogger, WandbLogger, ….",
            "For example: from lightning.fabric.loggers import CSVLogger; fit(…, loggers=CSVLogger('logs')).",
        )
    return found


def go_on(loggers: Sequence[Any], curve: Curve) -> None:
    """Prepare the loggers of a run that goes on after these epochs."""
    from lightning.fabric.loggers import CSVLogger

    for logger in loggers:
        # It begins its file anew, so it is told again; the others add to what is there.
        if curve and isinstance(logger, CSVLogger):
            (Path(logger.log_dir) / METRICS).unlink(missing_ok=True)
            for row in curve:
                log([logger], row)


def log(loggers: Sequence[Any], row: dict[str, float]) -> None:
    """Tell an epoch, and write it down at once: what a logger holds back, a kill would lose."""
    told = {name: value for name, value in row.items() if name != "epoch" and not math.isnan(value)}
    for logger in loggers:
        logger.log_metrics(told, step=int(row["epoch"]))
        logger.save()
