"""A file keeps how its inputs were preprocessed; the commands use that, and refuse what contradicts it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from isospike import Stepped, load, measure
from isospike.data import PRESETS, open_data
from isospike.errors import InvalidData, InvalidSetting
from test_cli import call, figures

NORMAL = "0.2860 0.3530"


class Net(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(36, 12), nn.ReLU(), nn.Linear(12, 3))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with images, and a network whose accuracy hangs on their normalisation."""
    rng = np.random.default_rng(0)
    images = (rng.integers(0, 256, (90, 1, 6, 6)) * (rng.random((90, 1, 6, 6)) < 0.4)).astype(np.uint8)
    torch.manual_seed(0)
    model = Net().eval()
    x = (torch.from_numpy(images).float() / 255 - 0.2860) / 0.3530
    labels = model(x).argmax(1).numpy()
    np.savez(tmp_path / "d.npz", images=images, labels=labels)
    torch.export.save(torch.export.export(model, (x[:2],)), tmp_path / "m.pt2")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_run_does_what_convert_did(place: Path) -> None:
    call("convert", "m.pt2", "--data", "d.npz", "--preprocess", NORMAL, "--out", "n.safetensors")
    assert figures("run", "n.safetensors", "--data", "d.npz")["accuracy"] == 1.0
    assert figures("run", "n.safetensors", "--data", "d.npz", "--preprocess", NORMAL)["accuracy"] == 1.0
    # The same numbers
    assert figures("run", "n.safetensors", "--data", "d.npz", "--preprocess", "fashion_mnist")["accuracy"] == 1.0
    kept = load("n.safetensors").body.preprocessing
    assert kept is not None and (kept.data, kept.mean, kept.std) == ("d", (0.286,), (0.353,))


@pytest.mark.parametrize("command", ["run", "tune", "diagnose"])
def test_a_contradiction_is_an_error(place: Path, command: str) -> None:
    more = ("--out", "t.safetensors") if command == "tune" else ()
    coding = ("--coding", "rate", "--steps", 4) if command == "diagnose" else ()
    for kept, other in ((NORMAL, "0.1307 0.3081"), (None, NORMAL)):
        given = () if kept is None else ("--preprocess", kept)
        call("convert", "m.pt2", "--data", "d.npz", *given, *coding, "--out", "n.safetensors")
        with pytest.raises(InvalidSetting, match=r"--preprocess .* contradicts the file"):
            call(command, "n.safetensors", "--data", "d.npz", "--preprocess", other, *more)


def test_tune_curve_and_diagnose_use_it(place: Path) -> None:
    call("convert", "m.pt2", "--data", "d.npz", "--preprocess", NORMAL, "--out", "n.safetensors")
    call(
        "tune",
        "n.safetensors",
        "--data",
        "d.npz",
        "--time-steps",
        64,
        "--epochs",
        1,
        "--lr",
        1e-6,
        "--out",
        "t.safetensors",
        "--json",
    )
    assert figures("run", "t.safetensors", "--data", "d.npz")["accuracy"] > 0.9
    assert load("t.safetensors").body.preprocessing is not None
    assert (
        "TimeSteps(steps=64" in call("inspect", "t.safetensors").output
        and "inputs: d, mean [0.286]" in call("inspect", "t.safetensors").output
    )
    call(
        "convert",
        "m.pt2",
        "--data",
        "d.npz",
        "--preprocess",
        NORMAL,
        "--coding",
        "rate",
        "--steps",
        256,
        "--out",
        "r.safetensors",
    )
    assert figures("run", "r.safetensors", "--data", "d.npz", "--curve")["curve"][-1]["accuracy"] > 0.95
    assert figures("diagnose", "r.safetensors", "--data", "d.npz")["layers"][0]["total"] < 1e-6


def test_data_prepared_otherwise_are_warned_of(place: Path) -> None:
    call("convert", "m.pt2", "--data", "d.npz", "--outside", "clip", "--out", "n.safetensors")
    with np.load("d.npz") as file:
        np.savez("float.npz", images=(file["images"].astype(np.float32) / 255 - 0.286) / 0.353, labels=file["labels"])
    with pytest.warns(UserWarning, match="calibrated on"), pytest.warns(UserWarning, match="are clipped"):
        call("run", "n.safetensors", "--data", "float.npz")


def test_the_size_of_what_is_in_memory_is_kept_and_not_changed(place: Path) -> None:
    with pytest.raises(InvalidData, match=r"\(1, 6, 6\), and are not resized to 32"):
        call("convert", "m.pt2", "--data", "d.npz", "--size", 32, "--out", "n.safetensors")
    call("convert", "m.pt2", "--data", "d.npz", "--preprocess", NORMAL, "--size", 6, "--out", "n.safetensors")
    assert load("n.safetensors").body.preprocessing.size == 6
    assert (
        figures("run", "n.safetensors", "--data", "d.npz")["accuracy"]
        == figures("run", "n.safetensors", "--data", "d.npz", "--size", 6)["accuracy"]
        == 1.0
    )
    with pytest.raises(InvalidSetting, match="--size 7 contradicts the file"):
        call("run", "n.safetensors", "--data", "d.npz", "--size", 7)


def test_whole_labels_in_floating_point_are_class_numbers(place: Path) -> None:
    with np.load("d.npz") as file:
        np.savez("float.npz", images=file["images"], labels=file["labels"].astype(np.float32))
    call("convert", "m.pt2", "--data", "d.npz", "--preprocess", NORMAL, "--out", "n.safetensors")
    assert figures("run", "n.safetensors", "--data", "float.npz")["accuracy"] == 1.0


def test_the_seed_is_of_what_the_input_neurons_draw(place: Path) -> None:
    call(
        "convert",
        "m.pt2",
        "--data",
        "d.npz",
        "--coding",
        "rate",
        "--encoder",
        "poisson",
        "--steps",
        8,
        "--out",
        "p.safetensors",
    )
    run = ("run", "p.safetensors", "--data", "d.npz")
    operations = [figures(*run, "--seed", seed)["synaptic_operations"] for seed in (0, 1, 2)]
    assert len(set(operations)) == 3 and figures(*run)["synaptic_operations"] == operations[0]
    assert (
        figures(*run, "--seed", 1)["synaptic_operations"]
        == measure(load("p.safetensors"), open_data("d.npz"), Stepped(seed=1))["synaptic_operations"]
    )
    several = figures(*run, "--trials", 3)
    assert several["trials"] == 3 and several["accuracy_sd"] > 0
    assert several["synaptic_operations"] == pytest.approx(sum(operations) / 3, rel=1e-12)
    curves = [
        [row["synaptic_operations"] for row in figures(*run, "--curve", "--seed", seed)["curve"]] for seed in (0, 0, 1)
    ]
    assert curves[0] == curves[1] != curves[2] and curves[0][-1] == operations[0]
    with pytest.raises(InvalidSetting, match="--trials 3 of a curve are not averaged"):
        call(*run, "--curve", "--trials", 3)


@pytest.mark.parametrize("coding", [("ttfs",), ("rate", "--steps", 4)], ids=lambda coding: coding[0])
def test_trials_of_what_is_never_drawn_are_refused(place: Path, coding: tuple[object, ...]) -> None:
    call("convert", "m.pt2", "--data", "d.npz", "--coding", *coding, "--out", "n.safetensors")
    with pytest.raises(InvalidSetting, match=r"--trials 3 would all be the same"):
        call("run", "n.safetensors", "--data", "d.npz", "--trials", 3)


def test_every_preset_is_of_numbers_a_channel() -> None:
    for mean, std in PRESETS.values():
        assert len(mean) == len(std) in (1, 3) and all(0 < m < 1 for m in mean) and all(0.1 < s < 0.5 for s in std)
