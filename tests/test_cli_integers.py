"""export --to integer and run --arithmetic integer, for every kind of network."""

from pathlib import Path

import pytest
import torch
from torch import nn

import isospike
from isospike import TTFS, Rate, SpikingNetwork, TimeSteps, WeightBits, constrain, convert
from isospike.data import open_data
from isospike.encoders import Poisson
from isospike.errors import InvalidFile, InvalidSetting
from isospike.export import IntegerRates, Integers
from isospike.neurons import TernaryIF
from test_cli import call, figures

IRIS = "--data", "iris"
TRAIN, TEST = torch.cat(list(open_data("iris", True))), torch.cat(list(open_data("iris", False)))


def kept(place: Path, coding: Rate | TTFS) -> tuple[Path, SpikingNetwork]:
    """4-6-3 on Iris, random, in a file."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
    network = convert(model, TRAIN, coding, (0.0, 1.0))
    if isinstance(coding, TTFS):
        network = constrain(network, [TimeSteps(15), WeightBits(6)], TRAIN)
    isospike.save(network, place)
    return place, network


@pytest.mark.parametrize("bits", [None, 4])
def test_rates(bits: int | None, tmp_path: Path) -> None:
    file, network = kept(tmp_path / "rates.safetensors", Rate(16, TernaryIF()))
    out, more = tmp_path / "whole.safetensors", () if bits is None else ("--bits", bits)
    found = figures("export", file, *IRIS, "--to", "integer", "--out", out, *more)
    wanted = IntegerRates.of(network, bits)
    assert found["form"] == "IntegerRates" and found["word"] == 32 and found["samples"] == len(TEST)
    assert found["differing"] == 0 and found["same_prediction"] > 0.8
    again = isospike.load(out)
    assert torch.equal(again(TEST.double()), wanted.network(TEST.double()))
    sums = wanted(TEST)[network.stages[-1].name]
    assert torch.equal(sums.argmax(1), again(TEST.double()).argmax(1))
    measured = figures("run", out, *IRIS)
    assert measured["accuracy"] == found["accuracy"]
    if bits is None:
        assert figures("run", file, *IRIS, "--arithmetic", "integer")["accuracy"] == found["accuracy"]
    own = isospike.measure(wanted.network, open_data("iris", False).batches())
    assert measured["synaptic_operations"] == own["synaptic_operations"] > 0
    with pytest.raises(InvalidFile, match="is there already"):
        call("export", file, *IRIS, "--to", "integer", "--out", out)


def test_first_spikes(tmp_path: Path) -> None:
    file, network = kept(tmp_path / "first.safetensors", TTFS())
    out = tmp_path / "whole.safetensors"
    found = figures("export", file, *IRIS, "--to", "integer", "--out", out)
    assert found["form"] == "Integers" and found["word"] is None and found["differing"] == 0
    assert torch.equal(isospike.load(out)(TEST.double()), Integers.of(network).network(TEST.double()))
    assert figures("run", file, *IRIS, "--arithmetic", "integer")["accuracy"] == found["accuracy"]
    with pytest.raises(InvalidSetting, match="--bits 8 of a network of first spikes"):
        call("export", file, *IRIS, "--to", "integer", "--bits", 8, "--out", tmp_path / "other.safetensors")


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    file, _ = kept(tmp_path / "rates.safetensors", Rate(16, encoder=Poisson))
    out = "--out", tmp_path / "a.safetensors"
    for more, said in (
        (("--to", "integer", *out), "the input is a Poisson"),
        (("--to", "integer", "--target", "norse", *out), "--target would do nothing with --to integer"),
        (("--to", "nir", "--bits", 8, *out), "--bits would do nothing with --to nir"),
    ):
        with pytest.raises(InvalidSetting, match=said):
            call("export", file, *IRIS, *more)
    with pytest.raises(InvalidFile, match=r"does not end in \.safetensors"):
        call("export", file, *IRIS, "--to", "integer", "--out", tmp_path / "a.nir")
