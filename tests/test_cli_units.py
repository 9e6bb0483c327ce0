"""Commands about networks of units: trained with an encoder, run in three kinds of arithmetic, shown, and refused."""

from pathlib import Path

import pytest
import torch

import isospike
from isospike.data import open_data
from isospike.engine import load
from isospike.errors import InvalidData, InvalidFile, InvalidSetting
from isospike.export import ShiftAdd
from isospike.neurons import SNU, NearestPattern
from isospike.train import read_curve
from test_cli import LENET, SAMPLE, call, figures

UNITS = ("train", "30,20", *SAMPLE, "--samples", 200, "--epochs", 2, "--steps", 60, "--outputs", 2)


@pytest.fixture(scope="module")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("units") / "patterns.safetensors"
    found = figures(*UNITS, "--encoder", "ecte", "--levels", 3, "--out", path)
    assert found["epochs"] == 2 and 0 <= found["accuracy"] <= 1 and found["latency"] == 60
    return path


def test_it_is_the_network_of_the_library(patterns: Path) -> None:
    train, _ = open_data("mnist-sample", True).first(200).divided(20, seed=0)
    network, encoder = load(patterns), isospike.ECTE(levels=3, steps=60).fit(train)
    assert torch.equal(network.body.encoder.patterns, encoder.patterns), "bins are fitted without the held-out tenth"
    assert [stage.shape for stage in network.stages] == [(30,), (20,), (10,)]
    assert [type(stage.neuron) for stage in network.stages] == [SNU, SNU, NearestPattern]
    assert network.body.preprocessing is not None and network.body.preprocessing.data == "mnist_sample"


def test_run_in_three_kinds_of_arithmetic(patterns: Path) -> None:
    network, test = load(patterns), open_data("mnist-sample", False).first(60)
    found = {name: figures("run", patterns, *SAMPLE, "--samples", 60, "--arithmetic", name) for name in KINDS}
    assert found["float"]["accuracy"] == isospike.measure(network, test.batches())["accuracy"]
    whole = isospike.measure(ShiftAdd.of(network).network, test.batches())
    assert found["integer"]["accuracy"] == whole["accuracy"]
    assert found["float"]["multiplications"] == 60 * (20 + 20 * 10), (
        "filter and distances: the leak is a sum of shifts"
    )
    assert found["shift-add"]["multiplications"] == found["integer"]["multiplications"] == 0
    for kind, leak, read in (("float", 3, 1 + 2 * 10), ("shift-add", 3, 3 + 2 * 10)):
        own = found[kind]
        expected = own["synaptic_operations"] + 60 * (leak * 50 + read * 20)
        assert own["additions"] == pytest.approx(expected)
    few = figures("run", patterns, *SAMPLE, "--samples", 60, "--weight-bits", 3)
    assert few["synaptic_operations"] != found["float"]["synaptic_operations"]


KINDS = ("float", "shift-add", "integer")


def test_it_is_shown(patterns: Path) -> None:
    shown = " ".join(call("inspect", patterns).output.split())
    for said in (
        "ECTE(levels=3",
        "SNU, leaves 0.8125 of its potential",
        "targets of 10 classes",
        "from step 24 of 60",
    ):
        assert said in shown
    curve = figures("run", patterns, *SAMPLE, "--samples", 20, "--curve")["curve"]
    assert [moment["steps"] for moment in curve] == [1, 2, 4, 8, 16, 32, 60]


def test_it_goes_on_where_it_was(patterns: Path, tmp_path: Path) -> None:
    out = tmp_path / "again.safetensors"
    how = (*UNITS, "--encoder", "ecte", "--levels", 3, "--out", out)
    figures(*how, "--epochs", 1)
    figures(*how, "--resume")
    one, other = load(patterns).state_dict(), load(out).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(InvalidFile, match="of another run"):
        call(*how, "--resume", "--dropout", 0.2)


def test_it_stops_when_it_grows_no_better(tmp_path: Path) -> None:
    out = tmp_path / "n.safetensors"
    how = ("--encoder", "cte", "--epochs", 20, "--patience", 1, "--lr", 0.05, "--out", out)
    found, rows = figures(*UNITS, *how), read_curve(tmp_path / "n.safetensors.run")
    assert found["epochs"] == len(rows) < 20 and found["accuracy"] == max(row["accuracy"] for row in rows)
    _, held_out = open_data("mnist-sample", True).first(200).divided(20, seed=0)
    assert isospike.measure(load(out), held_out.batches())["accuracy"] == found["accuracy"]


@pytest.mark.parametrize("encoder", ["cte", "rate"])
def test_other_encoders(encoder: str, tmp_path: Path) -> None:
    assert figures(*UNITS, "--epochs", 1, "--encoder", encoder, "--out", tmp_path / "n.safetensors")["epochs"] == 1


def test_what_cannot_be_is_refused(patterns: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "n.safetensors")
    for more, said in (
        (("--encoder", "none"), "encoder `none` is not known"),
        (("--encoder", "ecte", "--levels", 12), r"neighbours \+ levels − 1"),
        (("--encoder", "cte", "--jitter", 0.1), "hardware of networks of units"),
        (("--encoder", "cte", "--l1", 0.1), r"--l1 with --encoder cte: nothing depends on it"),
        (("--encoder", "cte", "--range", 0, 1), r"--range with --encoder cte"),
        (("--encoder", "rate", "--levels", 3), r"--levels with --encoder rate"),
    ):
        with pytest.raises(InvalidSetting, match=said):
            call(*UNITS, *more, *out)
    with pytest.raises(InvalidSetting, match="are of networks of units"):
        call("train", "fc2", *SAMPLE, "--dropout", 0.1, *out)
    with pytest.raises(InvalidSetting, match="`lenet` are no widths"):
        call("train", "lenet", *SAMPLE, "--encoder", "cte", *out)
    with pytest.raises(InvalidSetting, match="arithmetic `none` is not known"):
        call("run", patterns, *SAMPLE, "--arithmetic", "none")
    with pytest.raises(InvalidSetting, match=r"SpikeJitter"):
        call("run", patterns, *SAMPLE, "--jitter", 0.1)
    snn = tmp_path / "lenet.safetensors"
    call("convert", LENET, *SAMPLE, "--out", snn, "--samples", 20)
    with pytest.raises(InvalidSetting, match="a network of FirstSpikeIF"):
        call("run", snn, *SAMPLE, "--arithmetic", "shift-add")
    images = torch.rand(4, 3, 8, 8)
    with pytest.raises(InvalidData, match="do not fit"):
        load(patterns)(images)
