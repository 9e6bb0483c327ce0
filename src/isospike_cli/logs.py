"""Where training logs its epochs besides curve.csv, and a study its shards besides table.csv: Lightning's loggers by
name, each in a folder of the run."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from isospike import store
from isospike.errors import InvalidSetting, IsospikeError
from isospike.train.logs import METRICS

WANDB_ID = "wandb.txt"  # the name that Weights & Biases knows the run by, so that resuming goes on in it


def logger(kind: str, folder: Path, resume: bool) -> Any:
    """The logger of a run that is kept in a folder.  Raises `InvalidSetting`; `IsospikeError` for a missing
    package."""
    if kind not in LOGS:
        raise InvalidSetting(f"log `{kind}` is not known.", f"{', '.join(LOGS)}.", "Choose one: --log.")
    try:
        return LOGS[kind](folder, resume)
    except ImportError as error:  # of the package, or of `lightning`
        needed = "'isospike[train]'" if error.name and error.name.startswith("lightning") else kind
        raise IsospikeError(
            f"--log {kind} needs a package that is not installed.",
            f"{', '.join(LOGS)}, each where its package is.",
            f"Run: pip install {needed}",
        ) from error


def _csv(folder: Path, resume: bool) -> Any:
    from lightning.fabric.loggers import CSVLogger

    if not resume:
        (folder / "csv" / METRICS).unlink(missing_ok=True)
    return CSVLogger(folder, name="", version="csv")


def _tensorboard(folder: Path, resume: bool) -> Any:
    from lightning.fabric.loggers import TensorBoardLogger

    # What an earlier run left there is hidden.
    return TensorBoardLogger(folder, name="", version="tensorboard", purge_step=None if resume else 0)


def _wandb(folder: Path, resume: bool) -> Any:
    from lightning.pytorch.loggers import WandbLogger

    known = folder / WANDB_ID
    own = known.read_text() if resume and known.exists() else uuid.uuid4().hex
    made = WandbLogger(folder.name.removesuffix(".run"), folder, id=own, project="isospike", resume="allow")
    store.folder(folder)  # now: without the package nothing is made
    store.write(known, own)
    return made


LOGS: dict[str, Callable[[Path, bool], Any]] = {"csv": _csv, "tensorboard": _tensorboard, "wandb": _wandb}
