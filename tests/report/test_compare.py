"""Codings side by side, and the choice among them."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import isospike as iso
import isospike_cli
from isospike.activations import StReLU
from isospike.errors import InvalidFile, InvalidSetting
from isospike.importers import read
from isospike.report import Row, applicable, choose, compare, compared
from isospike_cli import rates

LENET = "isospike.zoo:lenet5"


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 20), nn.ReLU(), nn.Linear(20, 4)).double()


def x() -> Tensor:
    return torch.rand(40, 6, generator=torch.Generator().manual_seed(0))


def test_rows_are_what_each_coding_measures() -> None:
    net = model().float()
    labels = net(x()).argmax(1)
    rows = compare(
        net, x(), [(x(), labels)], {name: iso.METHODS[name] for name in ("ttfs", "rate", "ternary")}, 16, (0.0, 1.0)
    )
    assert [(row.coding, row.steps) for row in rows] == [
        ("ttfs", None),
        *((name, t) for name in ("rate", "ternary") for t in (1, 2, 4, 8, 16)),
    ]
    ttfs, last = rows[0], rows[5]
    assert ttfs.agreement == 1.0 and ttfs.relative_error < 1e-5 and ttfs.windows == 2 and ttfs.bits is None
    alone = iso.convert(net, x(), replace(iso.METHODS["rate"], steps=16), input_range=(0.0, 1.0))  # type: ignore[type-var]
    (moment,) = iso.curve(alone, [(x(), labels)], net, at=[16])
    assert (last.synaptic_operations, last.energy_nj, last.agreement) == (
        moment.synaptic_operations,
        moment.energy_spiking_nj,
        moment.agreement,
    )
    assert last.bits == 1.0 and rows[-1].bits == pytest.approx(1.585, abs=1e-3) and last.accuracy_original == 1.0


def row(coding: str, accuracy: float | None, energy: float, agreement: float = 1.0) -> Row:
    return Row(
        coding,
        4,
        1,
        accuracy,
        None if accuracy is None else 0.95,
        agreement,
        0.0,
        1.0,
        1.0,
        1.0,
        0.0,
        energy / 100,
        energy,
        100.0,
    )


def test_the_cheapest_that_is_good_enough() -> None:
    rows = [row("a", 0.90, 1.0), row("b", 0.945, 5.0), row("c", 0.95, 9.0), row("d", 0.96, 20.0)]
    assert choose(rows, 0.5).coding == "b" and choose(rows, 0.1).coding == "c" and choose(rows, 10).coding == "a"
    with pytest.raises(InvalidSetting, match="a is nearest"):
        choose(rows[:1], 0.5)
    assert choose([row("a", None, 1.0, 0.5), row("b", None, 2.0, 0.999)], 0.5).coding == "b"


def test_trained_clips_decide_what_applies() -> None:
    plain = read(model(), x().double())
    clipped = read(nn.Sequential(nn.Linear(6, 20), StReLU(), nn.Linear(20, 4)).double(), x().double())
    assert set(applicable(clipped, iso.METHODS)) == set(iso.METHODS)
    assert set(iso.METHODS) - set(applicable(plain, iso.METHODS)) == {"ding2021", "yan2021", "bu2022", "han2023"}
    with pytest.raises(InvalidSetting):
        compare(model(), x(), [(x(), None)], {})


def call(*args: object) -> str:
    name, *rest = map(str, args)
    result = CliRunner().invoke(isospike_cli.app(name), rest)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_the_commands(tmp_path: Path) -> None:
    sample, few = ("--data", "mnist-sample"), ("--samples", 40)
    file = tmp_path / "rate.safetensors"
    call(
        "convert",
        LENET,
        *sample,
        "--coding",
        "rate",
        "--normalise",
        "percentile:99.9",
        "--steps",
        32,
        "--neuron",
        "signed",
        "--out",
        file,
    )
    curve = json.loads(call("run", file, *sample, *few, "--curve", "--json"))["curve"]
    assert [moment["steps"] for moment in curve] == [1, 2, 4, 8, 16, 32] and curve[-1]["accuracy"] >= 0.95
    assert "SOPs" in call("run", file, *sample, *few, "--curve")
    layers = json.loads(call("diagnose", file, *sample, *few, "--json"))["layers"]
    assert layers[0]["name"] == "input" and layers[0]["made"] == 0 and len(layers) == len(iso.load(file).stages)
    assert "clipping" in call("diagnose", file, *sample, *few)
    codings = ("--methods", "ttfs,signed", "--steps", 8)
    rows = json.loads(call("compare", LENET, *sample, *few, *codings, "--out", tmp_path / "out", "--json"))["rows"]
    assert [(row["coding"], row["steps"]) for row in rows] == [("ttfs", None), *(("signed", t) for t in (1, 2, 4, 8))]
    with open(tmp_path / "out" / "compare.csv") as table:
        assert [line["coding"] for line in csv.DictReader(table)] == [row["coding"] for row in rows]
    assert (tmp_path / "out" / "compare.png").stat().st_size > 10_000 and json.loads(
        (tmp_path / "out" / "compare.json").read_text()
    ) == rows
    assert "signed" in call("compare", LENET, *sample, *few, *codings)
    assert json.loads(call("choose", LENET, *sample, *few, *codings, "--within", 5, "--json"))["coding"] in (
        "ttfs",
        "signed",
    )
    assert "isospike convert" in call("choose", LENET, *sample, *few, *codings, "--within", 5)
    report = json.loads(call("check", LENET, *sample, *few, "--coding", "signed-integer", "--steps", 64, "--json"))
    assert (
        report["agreement"] >= 0.95 and list(report["simulators"]) == ["Stepped"] and report["differing_spikes"] < 1e-3
    )


@pytest.mark.parametrize(
    "wrong",
    [
        ("--coding", "rate", "--normalise", "percentile:abc:def"), ("--coding", "rate", "--normalise", "nothing"), ("--coding", "rate", "--neuron", "lif2"),
        ("--coding", "rate", "--encoder", "morse"), ("--coding", "ttfs", "--steps", 4), ("--coding", "phase"), ("--coding", "rate", "--pool", "step"),
        ("--coding", "rate", "--normalise", "percentile:101"),
    ],
)  # fmt: skip
def test_options_that_mean_nothing(wrong: tuple[object, ...], tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting):
        call("convert", LENET, "--data", "mnist-sample", *wrong, "--out", tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_comparison_is_written_as_it_goes_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = ("--data", "mnist-sample", "--samples", 20, "--steps", 4, "--out", tmp_path)

    class Stop(Exception):
        pass

    def stopping(conversion: iso.Conversion, name: str, *rest: Any) -> list[Row]:
        if name == "signed":
            raise Stop
        return compared(conversion, name, *rest)

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(rates, "compared", stopping)
        call("compare", LENET, *few, "--methods", "rate,signed")
    begun = json.loads((tmp_path / "compare.json").read_text())
    assert {row["coding"] for row in begun} == {"rate"}
    with pytest.raises(InvalidFile, match="--overwrite; --resume"):
        call("compare", LENET, *few, "--methods", "rate,signed")
    with pytest.raises(InvalidSetting, match="measured with samples = 20, not 10"):
        call("compare", LENET, *few, "--methods", "rate", "--samples", 10, "--resume")
    for row in begun:
        row["agreement"] = 0.5  # to know it again
    (tmp_path / "compare.json").write_text(json.dumps(begun))
    rows = json.loads(call("compare", LENET, *few, "--methods", "rate,signed", "--resume", "--json"))["rows"]
    assert [row["agreement"] for row in rows if row["coding"] == "rate"] == [0.5] * 3
    assert [row["steps"] for row in rows if row["coding"] == "signed"] == [1, 2, 4]
    assert json.loads((tmp_path / "compare.json").read_text()) == rows
    few_more = json.loads(call("compare", LENET, *few, "--methods", "ttfs", "--resume", "--json"))["rows"]
    assert [row["coding"] for row in few_more] == ["ttfs"]  # the others stay in the file
    assert {row["coding"] for row in json.loads((tmp_path / "compare.json").read_text())} == {"rate", "signed", "ttfs"}
    with pytest.raises(InvalidSetting, match="measured with prices = 45nm"):
        call("compare", LENET, *few, "--methods", "rate", "--prices", "loihi", "--resume")
    (tmp_path / "compare.json").write_text("[")
    with pytest.raises(InvalidFile, match="cannot be gone on with"):
        call("compare", LENET, *few, "--resume")
    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(rates, "compared", stopping)
        call("compare", LENET, *few, "--methods", "signed", "--overwrite")
    assert not (tmp_path / "compare.json").exists()  # nothing of other settings is left to go on with
    again = json.loads(call("compare", LENET, *few, "--methods", "rate", "--overwrite", "--json"))["rows"]
    assert again[0]["agreement"] != 0.5
