"""Commands that train, and what `run` does under constraints: they do what the library does, go on after an interrupt,
and refuse nonsense."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

import isospike
from isospike.constraints import TimeSteps, reseeded
from isospike.data import open_data
from isospike.engine import SpikingNetwork, generators, load
from isospike.errors import InvalidData, InvalidFile, InvalidSetting
from isospike.neurons import FirstSpikeIF
from isospike_cli import one, training
from isospike_cli.options import Hardware, constraints
from test_cli import LENET, RUN_KEYS, SAMPLE, call, figures, main

FC2 = ("train", "fc2", *SAMPLE, "--samples", 100, "--epochs", 2)
TRAIN_KEYS = {"file", "epochs", "loss", "accuracy", "latency"}


@pytest.fixture(scope="module")
def snn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snn") / "lenet.safetensors"
    call("convert", LENET, *SAMPLE, "--out", path, "--samples", 100)
    return path


def same(a: Path, b: Path) -> bool:
    one, other = load(a).state_dict(), load(b).state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def ticks(network: SpikingNetwork) -> set[int]:
    return {stage.neuron.ticks for stage in network.stages if isinstance(stage.neuron, FirstSpikeIF)}


def test_train(tmp_path: Path) -> None:
    out = tmp_path / "fc2.safetensors"
    found = figures(*FC2, "--epochs", 6, "--lr", 2e-3, "--shift", 1, "--flip", "--out", out)
    assert found.keys() == TRAIN_KEYS and found["file"] == str(out) and found["epochs"] == 6
    network = load(out)
    test = open_data("mnist-sample", False).first(2000)
    assert found["latency"] == pytest.approx(network.latency) and ticks(network) == {0}
    assert found["accuracy"] == pytest.approx(isospike.measure(network, test.batches())["accuracy"], abs=2e-3)
    assert found["accuracy"] > 0.5, "chance is 0.1"
    run = json.loads((tmp_path / "fc2.safetensors.run" / "run.json").read_text())
    for wanted, kept in (
        (
            {"network": "fc2", "data": "mnist-sample", "batch_size": 64, "shift": 1, "flip": True, "constraints": []},
            run["about"],
        ),
        ({"lr": 2e-3, "epochs": 6, "decay": 0.9, "seed": 0}, run["training"]),
    ):
        assert {key: kept[key] for key in wanted} == wanted
    curve = (tmp_path / "fc2.safetensors.run" / "curve.csv").read_text().splitlines()
    assert curve[0] == "epoch,loss,accuracy" and len(curve) == 7
    assert float(curve[-1].split(",")[1]) == found["loss"] < float(curve[1].split(",")[1])


def test_the_seed_decides(tmp_path: Path) -> None:
    a, b, c = (tmp_path / f"{name}.safetensors" for name in "abc")
    for out, seed in ((a, 0), (b, 0), (c, 1)):
        call(*FC2, "--jitter", 0.01, "--seed", seed, "--out", out, "--json")
    assert a.read_bytes() == b.read_bytes() and not same(a, c)


def test_a_finished_run_is_not_run_again_and_another_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "fc2.safetensors"
    first = figures(*FC2, "--jitter", 0.01, "--out", out)
    network, checkpoint = out.read_bytes(), tmp_path / "fc2.safetensors.run" / "checkpoint.ckpt"
    kept = checkpoint.stat().st_mtime_ns
    assert figures(*FC2, "--jitter", 0.01, "--out", out, "--resume") == first
    assert out.read_bytes() == network and checkpoint.stat().st_mtime_ns == kept
    for other in (("--jitter", 0.02), ("--lr", 1e-2), ("--batch-size", 32), ("--spikes", 0.3)):
        with pytest.raises(InvalidFile, match="another run"):
            call(*FC2, "--jitter", 0.01, "--out", out, "--resume", *other)
    with pytest.raises(InvalidFile, match=r"exists.*\n.*\n.*--overwrite; --resume"):
        call(*FC2, "--jitter", 0.02, "--out", out)
    assert out.read_bytes() == network
    out.unlink()  # what was begun is not lost either
    with pytest.raises(InvalidFile, match=r"checkpoint\.ckpt` exists"):
        call(*FC2, "--jitter", 0.02, "--out", out)
    assert checkpoint.stat().st_mtime_ns == kept
    call(*FC2, "--jitter", 0.02, "--out", out, "--overwrite")
    assert out.read_bytes() != network


def test_there_is_nothing_to_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Console(record=True, file=io.StringIO())
    monkeypatch.setattr(training, "err", said)
    call(*FC2, "--epochs", 1, "--out", tmp_path / "fc2.safetensors", "--resume")
    assert "there is no checkpoint" in " ".join(said.export_text().split())
    with pytest.raises(InvalidFile, match="exists"):
        (tmp_path / "mine.safetensors").write_text("of somebody")
        call(*FC2, "--epochs", 1, "--out", tmp_path / "mine.safetensors", "--resume")


@pytest.mark.parametrize("command", ["train", "tune"])
def test_resumed_after_an_interrupt(command: str, snn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = tmp_path / "whole.safetensors", tmp_path / "cut.safetensors"
    tune = ("tune", snn, *SAMPLE, "--samples", 100, "--epochs", 2, "--time-steps", 8)
    arguments = (*(FC2 if command == "train" else tune), "--jitter", 0.01, "--json", "--out")
    call(*arguments, whole)
    from isospike.train.kept import Run

    keep = Run.keep

    def interrupted(run: Any, epoch: int, *found: Any) -> None:
        if epoch == 2:
            raise RuntimeError("the power failed")
        keep(run, epoch, *found)

    monkeypatch.setattr(Run, "keep", interrupted)
    with pytest.raises(RuntimeError, match="the power failed"):
        call(*arguments, cut)
    assert not cut.exists() and len((tmp_path / "cut.safetensors.run" / "curve.csv").read_text().splitlines()) == 2
    monkeypatch.setattr(Run, "keep", keep)
    call(*arguments, cut, "--resume")
    assert cut.read_bytes() == whole.read_bytes()


def test_tune(snn: Path, tmp_path: Path) -> None:
    out = tmp_path / "tuned.safetensors"
    hardware = ("--time-steps", 8, "--weight-bits", 4, "--latency", 0.95)
    found = figures("tune", snn, *SAMPLE, "--samples", 200, "--epochs", 1, *hardware, "--out", out)
    network = load(out)
    assert found.keys() == TRAIN_KEYS and ticks(network) == {8}
    assert network.latency == found["latency"] < load(snn).latency
    for name, weight in network.named_parameters():
        if name.endswith("weight"):
            assert 1 < len(weight.unique()) <= 16
    plain = figures("run", out, *SAMPLE, "--samples", 200)
    again = figures("run", out, *SAMPLE, "--samples", 200, *hardware)
    assert {key: plain[key] for key in RUN_KEYS - {"seconds"}} == {
        key: again[key] for key in RUN_KEYS - {"seconds"}
    }, "what it was tuned for lasts"


def test_a_tuned_file_knows_its_hardware(snn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, few = tmp_path / "tuned.safetensors", (*SAMPLE, "--samples", 100)
    hardware = ("--time-steps", 8, "--latency", 0.95, "--jitter", 0.5)
    call("tune", snn, *few, "--epochs", 1, *hardware, "--out", out)
    assert list(map(repr, load(out).body.tuned_for)) == ["SpikeJitter(sd=0.5, seed=0)"]  # the rest is in its windows
    same = {key: value for key, value in figures("run", out, *few).items() if key != "seconds"}
    assert same == {
        key: value for key, value in figures("run", out, *few, "--jitter", 0.5).items() if key != "seconds"
    }
    said = Console(record=True, file=io.StringIO())
    monkeypatch.setattr(one, "err", said)
    ideal = figures("run", out, *few, "--jitter", 0)
    assert ideal["accuracy"] > same["accuracy"] + 0.02
    assert "SpikeJitter(sd=0.0, seed=0) in place of SpikeJitter(sd=0.5, seed=0)" in " ".join(
        said.export_text().split()
    )
    assert figures("run", out, *few, "--trials", 2)["accuracy_sd"] is not None
    noisy = isospike.constrain(load(out), [isospike.SpikeJitter(0.5)])  # on it already: not a second time
    isospike.save(noisy, tmp_path / "noisy.safetensors")
    assert (
        figures("run", tmp_path / "noisy.safetensors", *few)["accuracy"]
        == isospike.measure(noisy, open_data("mnist-sample").first(100))["accuracy"]
    )
    assert "tuned for: SpikeJitter(sd=0.5, seed=0)" in call("inspect", out).output


def test_run_under_constraints(snn: Path) -> None:
    ideal = figures("run", snn, *SAMPLE, "--samples", 100)
    clocked = figures("run", snn, *SAMPLE, "--samples", 100, "--time-steps", 4)
    assert (
        clocked.keys() == RUN_KEYS
        and clocked["latency"] < ideal["latency"]
        and clocked["accuracy"] <= ideal["accuracy"]
    )
    by_hand = isospike.constrain(load(snn), [TimeSteps(4)], list(open_data("mnist-sample", True).first(1000)))
    assert clocked["accuracy"] == isospike.measure(by_hand, open_data("mnist-sample").first(100).batches())["accuracy"]
    noisy = (
        "run",
        snn,
        *SAMPLE,
        "--samples",
        100,
        "--time-steps",
        4,
        "--mismatch",
        0.3,
        "--weight-noise",
        0.1,
        "--jitter",
        0.3,
        "--trials",
        3,
    )
    found = figures(*noisy)
    assert found.keys() == RUN_KEYS | {"trials", "accuracy_sd"} and found["trials"] == 3
    assert found["accuracy_sd"] > 0 and found["accuracy"] < clocked["accuracy"], "each trial is another draw"
    again, other = figures(*noisy), figures(*noisy, "--seed", 1)
    assert {**found, "seconds": 0} == {**again, "seconds": 0}
    assert found["accuracy"] != other["accuracy"] or found["spikes_per_neuron"] != other["spikes_per_neuron"]
    assert figures("run", snn, *SAMPLE, "--samples", 100, "--time-steps", 4, "--trials", 2)["accuracy_sd"] == 0


def test_a_target_of_spikes_is_approached(tmp_path: Path) -> None:
    often = ("--epochs", 15, "--batch-size", 10, "--lr", 1e-3, "--l1", 0.5)
    counts = {}
    for spikes in (0.4, 0.1):
        call(*FC2, *often, "--spikes", spikes, "--out", tmp_path / f"{spikes}.safetensors", "--json")
        counts[spikes] = figures("run", tmp_path / f"{spikes}.safetensors", *SAMPLE, "--samples", 100)[
            "spikes_per_neuron"
        ]
    assert counts[0.1] < 0.2 < counts[0.4]


def test_each_option_is_a_constraint_of_its_own_noise() -> None:
    found = constraints(Hardware(time_steps=4, weight_bits=5, jitter=0.1, latency=0.9, mismatch=0.2, weight_noise=0.3))
    assert sorted(map(repr, found)) == [
        "Latency(percentile=0.9, margin=0.5)", "SlopeMismatch(sd=0.2, seed=0)", "SpikeJitter(sd=0.1, seed=0)", "TimeSteps(steps=4, percentile=0.99)",
        "WeightBits(bits=5, percentile=None)", "WeightNoise(sd=0.3, seed=0)",
    ]  # fmt: skip
    draws = {float(torch.rand((), generator=drawn)) for drawn in generators(reseeded(found, 2))}
    assert len(draws) == len(found) and constraints(Hardware()) == []


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (("--epochs", 0), None), (("--batch-size", 0), None), (("--devices", 0), None), (("--shift", -1), None),
        (("--time-steps", 0), InvalidSetting), (("--weight-bits", 1), InvalidSetting), (("--weight-bits", 25), InvalidSetting),
        (("--jitter", -1), InvalidSetting), (("--mismatch", "nan"), InvalidSetting), (("--weight-noise", "inf"), InvalidSetting),
        (("--latency", 0), InvalidSetting), (("--latency", 1.5), InvalidSetting), (("--spikes", 0), InvalidSetting), (("--l1", -1), InvalidSetting),
        (("--coding", "rate"), InvalidSetting), (("--dtype", "float16"), InvalidSetting), (("--decay", 0), InvalidSetting),
        (("--data", "nothing"), InvalidData),
    ],
    ids=str,
)  # fmt: skip
def test_bad_values(
    option: tuple[object, ...],
    expected: type[Exception] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: Any,
) -> None:
    out = tmp_path / "x.safetensors"
    if expected is None:
        code, printed, said = main(monkeypatch, capfd, *FC2, "--out", out, *option)
        assert code == 2 and printed == "" and str(option[0]) in said
    else:
        with pytest.raises(expected):
            call(*FC2, "--out", out, *option)
    assert not out.exists()


def test_networks_that_are_not_known(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="network `fc3` is not known"):
        call("train", "fc3", *SAMPLE, "--out", tmp_path / "x.safetensors")
    with pytest.raises(InvalidFile):
        call("tune", tmp_path / "absent.safetensors", *SAMPLE, "--out", tmp_path / "x.safetensors")


def test_a_rate_code_cannot_be_tuned(tmp_path: Path) -> None:
    rate = tmp_path / "rate.safetensors"
    call("convert", LENET, *SAMPLE, "--coding", "rate", "--samples", 20, "--out", rate)
    with pytest.raises(InvalidSetting, match="Networks made by TTFS"):
        call("tune", rate, *SAMPLE, "--samples", 20, "--out", tmp_path / "x.safetensors", "--time-steps", 4)
    with pytest.raises(InvalidSetting, match="TimeSteps has no meaning for a network that fires step by step"):
        call("run", rate, *SAMPLE, "--samples", 5, "--time-steps", 4)


def test_a_curve_is_of_the_hardware_that_is_asked_for(tmp_path: Path) -> None:
    rate = tmp_path / "rate.safetensors"
    call("convert", LENET, *SAMPLE, "--coding", "rate", "--samples", 20, "--out", rate)
    run = ("run", rate, *SAMPLE, "--samples", 5, "--json")
    hardware = ("--weight-bits", 2)
    figures = json.loads(call(*run, *hardware).stdout)
    last = json.loads(call(*run, *hardware, "--curve").stdout)["curve"][-1]
    ideal = json.loads(call(*run, "--curve").stdout)["curve"][-1]
    for key in ("spikes_per_neuron", "synaptic_operations", "energy_spiking_nj"):
        assert last[key] == figures[key] != ideal[key], key
    with pytest.raises(InvalidSetting, match="of a curve are not averaged"):
        call(*run, "--curve", "--weight-noise", 0.1, "--trials", 3)
