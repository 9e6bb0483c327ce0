"""What a logger is told is the curve, by value, each epoch once, whether or not training was interrupted."""

import csv
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from test_fit import BATCHES, EPOCHS, quick, trainee

from isospike.errors import InvalidSetting, IsospikeError
from isospike.train import read_curve
from test_cli import SAMPLE, call

pytest.importorskip("lightning")
from lightning.fabric.loggers import CSVLogger, Logger

Rows = list[dict[str, float]]
FC2 = ("train", "fc2", *SAMPLE, "--samples", 100, "--out")


class Kept(Logger):
    """Remembers what it was told, and how much of it was saved."""

    def __init__(self) -> None:
        self.rows, self.saved = list[Any](), 0

    name = property(lambda _: "kept")
    version = property(lambda _: 0)

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.rows.append({"epoch": step, **metrics})

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        raise AssertionError("nothing but epochs is told")

    def save(self) -> None:
        self.saved = len(self.rows)


def rows(file: Path) -> Rows:
    with file.open() as lines:
        told = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(lines)]
    return [{"epoch": row.pop("step"), **row} for row in told]


def interrupted(steps: int, **settings: Any) -> None:
    """Training that is stopped in this step."""
    seen: list[float] = []

    def watch(loss: float) -> None:
        seen.append(loss)
        if len(seen) == steps:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quick(trainee(), watch=watch, **settings)


def test_loss_and_accuracy_of_every_epoch_are_logged(tmp_path: Path) -> None:
    logger, other = CSVLogger(tmp_path, name="log", version=0), Kept()
    quick(trainee(), folder=tmp_path, held_out=BATCHES[1:], loggers=[logger, other])
    curve = read_curve(tmp_path)
    assert len(curve) == EPOCHS and curve[0].keys() == {"epoch", "loss", "accuracy"}
    assert rows(tmp_path / "log" / "version_0" / "metrics.csv") == curve == other.rows


def test_what_was_not_measured_is_not_logged(tmp_path: Path) -> None:
    logger = Kept()
    quick(trainee(), folder=tmp_path, loggers=logger)
    assert logger.rows == [{"epoch": row["epoch"], "loss": row["loss"]} for row in read_curve(tmp_path)]


@pytest.mark.parametrize("kept", range(EPOCHS + 1))
def test_a_resumed_run_goes_on_in_its_log(kept: int, tmp_path: Path) -> None:
    seen, how = Kept(), {"folder": tmp_path, "held_out": BATCHES[1:]}

    def csv_log() -> CSVLogger:
        return CSVLogger(tmp_path, name="", version="log")

    if kept < EPOCHS:
        interrupted(kept * len(BATCHES) + 1, loggers=[csv_log(), seen], **how)
        assert seen.saved == len(seen.rows) == kept
    else:
        quick(trainee(), loggers=[csv_log(), seen], **how)
    quick(trainee(), loggers=[csv_log(), seen], resume=True, **how)
    curve = read_curve(tmp_path)
    assert [row["epoch"] for row in curve] == [1, 2, 3]
    assert rows(tmp_path / "log" / "metrics.csv") == curve == seen.rows


@pytest.mark.parametrize("wrong", [3, "csv", [Kept(), print], object()])
def test_what_is_no_logger_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidSetting, match=r"a logger is a (int|str|builtin_function_or_method|object)"):
        quick(trainee(), loggers=wrong)


def _csv(run: Path) -> Rows:
    return rows(run / "csv" / "metrics.csv")


def _tensorboard(run: Path) -> Rows:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    told = {name: events.Scalars(name) for name in events.Tags()["scalars"]}
    names = ("loss", "accuracy")
    together = zip(*(told.pop(name) for name in names), strict=True)
    assert not told and [one.step for one in events.Scalars("loss")] == [
        one.step for one in events.Scalars("accuracy")
    ]
    return [
        {"epoch": one.step, **{name: part.value for name, part in zip(names, (one, *more), strict=True)}}
        for one, *more in together
    ]


READ: dict[str, Callable[[Path], Rows]] = {"csv": _csv, "tensorboard": _tensorboard}


@pytest.mark.parametrize("kind", [kind for kind in READ if kind == "csv" or find_spec(kind)])
def test_the_command_logs_and_goes_on(kind: str, tmp_path: Path) -> None:
    out, run = tmp_path / "fc2.safetensors", tmp_path / "fc2.safetensors.run"

    def same_as_curve(epochs: int) -> None:
        curve = read_curve(run)
        assert [row["epoch"] for row in curve] == list(range(1, epochs + 1))
        assert READ[kind](run) == [pytest.approx(row, rel=1e-6) for row in curve]  # events hold single precision

    call(*FC2, out, "--epochs", 2, "--log", kind, "--json")
    same_as_curve(2)
    call(*FC2, out, "--epochs", 3, "--log", kind, "--json", "--resume")
    same_as_curve(3)
    call(*FC2, out, "--epochs", 1, "--log", kind, "--json", "--overwrite")
    same_as_curve(1)


@pytest.mark.parametrize("kind", ["tensorboard", "wandb"])
def test_a_missing_package_is_named(kind: str, tmp_path: Path) -> None:
    if find_spec(kind):
        pytest.skip("it is installed")
    with pytest.raises(IsospikeError, match=rf"--log {kind} needs a package(.|\n)*pip install {kind}"):
        call(*FC2, tmp_path / "fc2.safetensors", "--log", kind)
    assert not list(tmp_path.iterdir())


def test_another_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"log `mlflow` is not known(.|\n)*csv, tensorboard, wandb"):
        call(*FC2, tmp_path / "fc2.safetensors", "--log", "mlflow")
