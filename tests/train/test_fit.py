"""The trainer: it learns, to the same bits from the same seed and after any interrupt, and leaves nothing half written
and nothing global."""

import csv
import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from isospike.codings import TTFS
from isospike.constraints import Constraint, SlopeMismatch, SpikeJitter, TimeSteps, WeightNoise
from isospike.data import Data, loader
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidData, InvalidFile, InvalidModel, InvalidSetting
from isospike.measure import measure
from isospike.ranges import calibrate
from isospike.train import Classifier, Sparsity, SpikeTimes, accuracy, fit, read_curve
from isospike.train.early import EarlyAnswers
from simulate_by_hand import dense, unit_graph

X = torch.rand(200, 1, 2, 4, generator=torch.Generator().manual_seed(0))
Y = X.flatten(1)[:, :3].argmax(1)
TOY = Data("toy", X, Y)
BATCHES = [(X[:100], Y[:100]), (X[100:], Y[100:])]
EPOCHS = 3


def start(seed: int = 0) -> SpikingNetwork:
    graph = unit_graph(torch.nn.Sequential(torch.nn.Flatten(), *dense(8, 16, 3, seed=seed)), (1, 2, 4))
    return TTFS().network(graph, calibrate(graph, [X.double()])).float()


def module() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Flatten(), *dense(8, 16, 3, seed=0), torch.nn.Dropout(0.1)).float()


def trainee(*constraints: Constraint, sparsity: Sparsity | None = None) -> SpikeTimes:
    return SpikeTimes(start(), constraints, sparsity=sparsity)


def quick(model: Any, batches: Any = None, epochs: int = EPOCHS, **settings: Any) -> SpikingNetwork:
    return fit(model, BATCHES if batches is None else batches, epochs, quiet=True, **settings)


def same(a: SpikingNetwork, b: SpikingNetwork) -> bool:
    return all(
        torch.equal(one, other) for one, other in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


class Forgetful(SpikeTimes):
    """Loses a part of its inputs, by PyTorch's own generator."""

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        return super().loss(F.dropout(x, 0.2).clamp(0, 1), y)


Variant = tuple[Callable[[], Any], Callable[[], Any]]
VARIANTS: dict[str, Variant] = {
    "plain, shuffled": (trainee, lambda: loader(TOY, 64)),
    "jitter": (lambda: trainee(SpikeJitter(0.05)), lambda: BATCHES),
    "noise and time steps": (lambda: trainee(SlopeMismatch(0.02), TimeSteps(8), WeightNoise(0.02)), lambda: BATCHES),
    "target of spikes": (lambda: trainee(sparsity=Sparsity(0.1, 0.2)), lambda: loader(TOY, 64)),
    "augmented": (trainee, lambda: loader(TOY, 64, shift=1, flip=True)),
    "global randomness": (lambda: Forgetful(start()), lambda: BATCHES),
    "a module, shuffled": (lambda: Classifier(module(), Sparsity(0.1)), lambda: loader(TOY, 64)),
    "early answers": (lambda: EarlyAnswers((1, 2, 4), (12, 3)), lambda: BATCHES),
}


def test_it_learns() -> None:
    before = accuracy(trainee(), BATCHES)
    learned = quick(trainee(), epochs=40, optimizer=lambda p: torch.optim.Adam(p, lr=2e-2))
    after = float((learned(X).argmax(1) == Y).double().mean())
    assert before is not None and before < 0.7 and after > 0.95


class Unsized:
    """Batches that can be gone through again, and do not say how many they are."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(BATCHES)


def test_batches_are_counted_where_they_do_not_say_how_many_they_are() -> None:
    """The learning rate falls a little at every step, by what share of the epoch is over."""
    assert same(quick(trainee(), Unsized(), decay=0.1), quick(trainee(), decay=0.1))
    assert not same(quick(trainee(), decay=0.1), quick(trainee(), decay=0.2))


class Stream(IterableDataset[Any]):
    """Samples one after the other, however many."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(zip(X, Y, strict=True))


def test_a_loader_of_a_stream_trains_as_one_of_the_same_samples_in_memory() -> None:
    stream, memory = (DataLoader(data, 100) for data in (Stream(), TensorDataset(X, Y)))
    assert same(quick(trainee(), stream, decay=0.1), quick(trainee(), memory, decay=0.1))


ONE_HOT = F.one_hot(Y)
UNTRAINABLE: dict[str, tuple[Any, str]] = {
    "nothing": (None, "is a NoneType.*a list of batches"),
    "a number": (3, "is a int.*a list of batches"),
    "a text": ("mnist", "is a str"),
    "a data set": (TensorDataset(X, Y), r"is a TensorDataset.*DataLoader\(dataset, batch_size=64\)"),
    "a stream": (Stream(), r"torch.float32 \(1, 2, 4\), torch.int64 \(\).*DataLoader\(dataset, batch_size=64\)"),
    "a loader without batches": (
        DataLoader(TensorDataset(X, Y), batch_size=None),
        r"torch.int64 \(\).*DataLoader\(dataset, batch_size=64\)",
    ),
    "samples alone": (X, "a batch holds Tensor"),
    "samples alone in a list": ([X], "a batch holds Tensor"),
    "a dict": ([{"image": X, "label": Y}], r"batch\['image'\], batch\['label'\]"),
    "a column of labels": ((X, Y[:, None]), r"labels have the shape \(200, 1\).*labels.flatten\(\)"),
    "one-hot labels": ((X, ONE_HOT), r"labels have the shape \(200, 3\).*labels.argmax\(1\)"),
    "one-hot labels in floating point": ([(X, ONE_HOT.float())], r"torch.float32 \(200, 3\).*labels.argmax\(1\)"),
    "labels of −100": ((X, Y - 100), "labels from -100 to -98"),
    "some labels of −100": ((X, torch.where(Y > 1, -100, Y)), "labels from -100 to 1"),
}


@pytest.mark.parametrize("what", UNTRAINABLE)
def test_what_is_not_trained_on_is_said_by_name(what: str) -> None:
    data, reason = UNTRAINABLE[what]
    calls = [lambda: fit(trainee(), data, 1, quiet=True)]
    calls += [lambda: quick(trainee(), held_out=data)] if data is not None else []
    for call in calls:
        with pytest.raises(InvalidData) as caught:
            call()
        assert re.search(reason, str(caught.value), re.S) and caught.value.remedy, caught.value


def test_too_many_classes_are_said_by_name() -> None:
    with pytest.raises(InvalidData, match="labels from 1 to 3"):
        quick(trainee(), (X, Y + 1))


def test_held_out_batches_can_be_gone_through_again() -> None:
    with pytest.raises(InvalidData, match="held_out can be gone through once only"):
        quick(trainee(), held_out=iter(BATCHES))
    assert accuracy(trainee(), (X, Y)) == accuracy(trainee(), BATCHES) == accuracy(trainee(), TOY)


def test_what_is_no_trainee_is_said_by_name() -> None:
    for wrong in (start(), module()):
        with pytest.raises(
            InvalidModel, match=r"the trainee is a (SpikingNetwork|Sequential)(.|\n)*fit\(prepare\(network\), …\)"
        ):
            fit(wrong, BATCHES, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "setting",
    [{"epochs": 1.5}, {"epochs": "2"}, {"seed": "x"}, {"seed": None}, {"seed": 2**60}, {"decay": "a"}, {"clip": None}],
    ids=str,
)
def test_settings_of_the_wrong_kind_are_said_by_name(setting: dict[str, Any]) -> None:
    ((name, value),) = setting.items()
    with pytest.raises(InvalidSetting, match=re.escape(f"fit({name}={value!r})")):
        fit(trainee(), BATCHES, **setting)


class Given(torch.nn.Module):
    """Answers with its inputs as scores."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_accuracy_is_the_share_of_right_answers_and_silence_is_none() -> None:
    scores, labels = (
        torch.tensor([[1.0, 0.0], [0.0, 1.0], [-torch.inf, -torch.inf], [2.0, 3.0], [-1.0, -torch.inf]]),
        torch.tensor([0, 0, 0, 1, 0]),
    )
    assert accuracy(Given(), [(scores[:2], labels[:2]), (scores[2:], labels[2:])]) == pytest.approx(3 / 5)
    assert accuracy(Given(), None) is None and accuracy(Given(), []) is None


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_seed_says_all(variant: str) -> None:
    make, batches = VARIANTS[variant]
    torch.manual_seed(1)
    first = quick(make(), batches(), seed=7)
    torch.manual_seed(2)
    assert same(first, quick(make(), batches(), seed=7))
    assert not same(first, quick(make(), batches(), seed=8))


@pytest.mark.parametrize("variant", VARIANTS)
def test_resumed_after_any_epoch_it_ends_in_the_same_bits(
    variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, batches = VARIANTS[variant]
    held_out = BATCHES[1:]
    whole = quick(make(), batches(), folder=tmp_path / "whole", held_out=held_out)
    curve = (tmp_path / "whole" / "curve.csv").read_text()
    for kept in range(EPOCHS + 1):
        steps = len(batches()) * kept + 1  # in the middle of the next epoch, or after the last
        seen: list[float] = []

        def watch(loss: float, steps: int = steps, seen: list[float] = seen) -> None:
            seen.append(loss)
            if len(seen) == steps:
                raise KeyboardInterrupt

        def unfinished() -> None:
            raise KeyboardInterrupt

        folder, model = tmp_path / str(kept), make()
        monkeypatch.setattr(model, "result", unfinished)
        with pytest.raises(KeyboardInterrupt):
            quick(model, batches(), folder=folder, held_out=held_out, watch=watch)
        assert (
            torch.load(folder / "checkpoint.ckpt", weights_only=True)["epoch"] == kept
            if kept
            else not (folder / "checkpoint.ckpt").exists()
        )
        resumed = quick(make(), batches(), folder=folder, held_out=held_out, resume=True)
        assert same(whole, resumed), f"kept {kept} of {EPOCHS}"
        assert (folder / "curve.csv").read_text() == curve
    assert not list(tmp_path.rglob("*.partial"))


def test_negative_control_without_a_checkpoint_resuming_is_beginning_anew(tmp_path: Path) -> None:
    seen: list[float] = []
    quick(trainee(), folder=tmp_path, watch=seen.append)
    quick(trainee(), folder=tmp_path, resume=True, watch=seen.append)
    assert len(seen) == EPOCHS * len(BATCHES), "all was done"
    quick(trainee(), folder=tmp_path, watch=seen.append)
    assert len(seen) == 2 * EPOCHS * len(BATCHES), "without resume it is begun anew"


def test_epochs_can_be_added(tmp_path: Path) -> None:
    whole = quick(trainee(), folder=tmp_path / "whole", epochs=EPOCHS + 2)
    quick(trainee(), folder=tmp_path / "longer")
    assert same(whole, quick(trainee(), folder=tmp_path / "longer", resume=True, epochs=EPOCHS + 2))


def test_patience_ends_a_run_and_returns_its_best_epoch(tmp_path: Path) -> None:
    def run(name: str, **more: Any) -> Any:
        how = {"epochs": 30, "optimizer": partial(torch.optim.Adam, lr=0.1), "held_out": BATCHES[1:], "patience": 3}
        return quick(trainee(), folder=tmp_path / name, **{**how, **more})

    best, seen = run("whole"), list[float]()
    right = [row["accuracy"] for row in read_curve(tmp_path / "whole")]
    first = right.index(max(right))
    assert first > 0 and len(right) == first + 1 + 3 < 30, "it ended three epochs after its best"
    assert right[-1] < max(right), "or the last epoch would do as well"
    assert same(best, run("short", epochs=first + 1, patience=None))
    assert not same(best, run("long", epochs=len(right), patience=None))
    assert same(best, run("whole", resume=True, watch=seen.append)) and seen == [], "nothing is left to do"

    def watch(_: float) -> None:
        seen.append(0)
        if len(seen) == len(BATCHES) * (first + 2) + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("cut", watch=watch)
    assert same(best, run("cut", resume=True)), "the best epoch was before the interrupt"
    with pytest.raises(InvalidSetting, match=r"patience ≥ 1, with held_out"):
        run("none", held_out=None)
    with pytest.raises(InvalidData, match="held_out is empty"):
        run("empty", held_out=[])


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"decay": 0.5},
        {"clip": 1.0},
        {"about": {"a": 2}},
        {"optimizer": torch.optim.SGD},
        {"optimizer": partial(torch.optim.Adam, betas=(0.1, 0.2))},
        {
            "optimizer": lambda p: torch.optim.Adam(
                [{"params": [one], "lr": 1e-3 * (i + 1)} for i, one in enumerate(p)]
            )
        },
    ],
    ids=["seed", "decay", "clip", "about", "optimizer", "betas", "rates of groups"],
)
def test_a_checkpoint_of_another_run_is_refused(other: dict[str, Any], tmp_path: Path) -> None:
    quick(trainee(), folder=tmp_path, about={"a": 1})
    before = (tmp_path / "checkpoint.ckpt").read_bytes()
    with pytest.raises(InvalidFile, match="of another run"):
        quick(trainee(), **{"folder": tmp_path, "resume": True, "about": {"a": 1}, **other})
    assert (tmp_path / "checkpoint.ckpt").read_bytes() == before
    quick(trainee(), folder=tmp_path, resume=True, about={"a": 1})  # and its own is not


def test_a_checkpoint_of_another_price_is_refused(tmp_path: Path) -> None:
    quick(trainee(sparsity=Sparsity(0.1)), folder=tmp_path)
    with pytest.raises(InvalidFile, match="of another run"):
        quick(trainee(sparsity=Sparsity(50.0)), folder=tmp_path, resume=True)


def test_a_new_run_does_not_tell_the_curve_of_the_old_one(tmp_path: Path) -> None:
    quick(trainee(), folder=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        quick(trainee(), folder=tmp_path, watch=_stop)
    assert read_curve(tmp_path) == []


def _stop(_: float) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("place", "name", "spared"),
    [(torch, "save", 0), (os, "fsync", 0), (os, "fsync", 1), (Path, "replace", 0), (Path, "replace", 1)],
)
def test_an_interrupted_write_leaves_the_old_checkpoint(
    place: Any, name: str, spared: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the last epoch, while the first or the second file is written."""
    whole, seen, calls = quick(trainee(), folder=tmp_path / "whole"), list[float](), list[Any]()
    works = getattr(place, name)

    def fails(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) > spared:
            raise OSError(errno.ENOSPC, "no space left")
        return works(*arguments)

    def watch(loss: float) -> None:
        seen.append(loss)
        if len(seen) == (EPOCHS - 1) * len(BATCHES) + 1:
            monkeypatch.setattr(place, name, fails)

    with pytest.raises((OSError, InvalidFile), match="no space left"):
        quick(trainee(), folder=tmp_path / "cut", watch=watch)
    monkeypatch.undo()
    assert torch.load(tmp_path / "cut" / "checkpoint.ckpt", weights_only=True)["epoch"] == EPOCHS - 1
    assert same(whole, quick(trainee(), folder=tmp_path / "cut", resume=True))
    assert (tmp_path / "cut" / "curve.csv").read_text() == (tmp_path / "whole" / "curve.csv").read_text()


def test_what_is_kept_of_a_run(tmp_path: Path) -> None:
    losses: list[float] = []
    quick(trainee(), folder=tmp_path, seed=5, decay=0.5, about={"who": "toy"}, held_out=BATCHES, watch=losses.append)
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["about"] == {"who": "toy"} and run["versions"].keys() == {"isospike", "torch", "lightning"}
    assert {"optimizer": "Adam", "lr": 1e-3, "epochs": EPOCHS, "decay": 0.5, "clip": "inf", "seed": 5}.items() <= run[
        "training"
    ].items()
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert [float(row["loss"]) for row in rows] == pytest.approx(
        [sum(losses[2 * i : 2 * i + 2]) / 2 for i in range(3)]
    )
    assert all(0 <= float(row["accuracy"]) <= 1 for row in rows)
    quick(trainee(), folder=tmp_path)
    assert [line.split(",")[2] for line in (tmp_path / "curve.csv").read_text().splitlines()] == [
        "accuracy",
        "nan",
        "nan",
        "nan",
    ]


def test_nothing_global_is_left_behind() -> None:
    def state() -> list[Any]:
        # Not Python's own generator: beartype, which checks types in tests, draws from it.
        return [
            torch.get_rng_state().tolist(),
            np.random.get_state()[1].tolist(),
            torch.get_default_dtype(),
            torch.get_num_threads(),
        ]

    model, batches = Forgetful(start()), loader(TOY, 64, shift=1)
    before = state()
    quick(model, batches)
    assert state() == before
    model.loss(X, Y)
    assert state() != before, "it does draw"


def test_what_cannot_be_trained_on(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="has no labels"):
        loader(Data("toy", X, None))
    with pytest.raises(InvalidData, match="nothing to train on"):
        quick(trainee(), [])
    with pytest.raises(InvalidData, match="do not fit the network"):
        quick(trainee(), [(X[..., :2], Y)])
    with pytest.raises(InvalidData, match="NaN or infinite"):
        quick(trainee(), [(X * torch.nan, Y)])
    for bad in ({"epochs": 0}, {"decay": 0.0}, {"clip": 0.0}, {"resume": True}):
        with pytest.raises(InvalidSetting, match="resume with a folder"):
            quick(trainee(), **bad)
    for weight, target in ((-1.0, None), (0.0, 0.1), (0.1, 0.0), (0.1, 1.5)):
        with pytest.raises(InvalidSetting, match="Sparsity"):
            Sparsity(weight, target)


def test_lightning_is_not_loaded_on_import() -> None:
    script = (
        "import sys, isospike, isospike.train.fit, isospike_cli.training; print([m for m in sys.modules if "
        "m.startswith('lightning')])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def spikes(sparsity: Sparsity | None, epochs: int) -> float:
    network = quick(
        trainee(sparsity=sparsity), loader(TOY, 20), epochs, optimizer=lambda p: torch.optim.Adam(p, lr=5e-3)
    )
    found = measure(network, [(X, Y)])["spikes_per_neuron"]
    assert isinstance(found, float)
    return found


def test_a_price_takes_spikes_away_and_a_target_is_approached() -> None:
    free, cheap, dear = (spikes(Sparsity(weight) if weight else None, 6) for weight in (0.0, 0.3, 3.0))
    assert free > cheap > dear
    assert spikes(Sparsity(0.1, 0.2), 30) == pytest.approx(0.2, abs=0.05)
    assert cheap != pytest.approx(0.2, abs=0.05)


def epoch(seed: int, **settings: Any) -> tuple[Tensor, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        x, y = zip(*loader(TOY, 64, **settings), strict=True)
    return torch.cat(x), torch.cat(y)


def test_the_order_is_drawn_from_the_seed() -> None:
    (one, labels), (again, _), (other, _) = epoch(0), epoch(0), epoch(1)
    assert torch.equal(one, again) and not torch.equal(one, other) and not torch.equal(one, X)
    place = (one.flatten(1)[:, None] == X.flatten(1)).all(2).double().argmax(1)
    assert place.sort().values.tolist() == list(range(200)) and torch.equal(labels, Y[place]), (
        "each once, with its label"
    )


def test_images_are_moved_and_mirrored_within_their_range() -> None:
    (plain, labels), (moved, unchanged), (mirrored, _) = epoch(0), epoch(0, shift=1), epoch(0, flip=True)
    assert torch.equal(labels, unchanged) and moved.shape == mirrored.shape == plain.shape
    assert plain.amin() <= moved.amin() and moved.amax() <= plain.amax() and not torch.equal(moved, plain)
    same_as = [(mirrored == image).flatten(1).all(1) for image in (plain, plain.flip(3))]
    assert bool((same_as[0] ^ same_as[1]).all()) and 60 < int(same_as[1].sum()) < 140
    double, _ = epoch(0, dtype=torch.float64)
    assert double.dtype == torch.float64 and torch.equal(double, plain.double())
