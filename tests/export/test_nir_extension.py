"""isospike's extension of NIR: what is read back is the network, bit for bit, and other tools refuse the file."""

import gzip
import json
import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from exactness import FAMILY, graph_of
from isospike import (
    TTFS,
    EventDriven,
    Rate,
    SpikeJitter,
    SpikingNetwork,
    TimeSteps,
    constrain,
    convert,
    load,
    simulate,
)
from isospike.errors import InvalidFile, InvalidSetting, IsospikeError
from isospike.export.nir import NIR, ExtendedNIR, Golden, beside, read, verify
from isospike.ir.record import to_tree
from isospike.ranges import calibrate
from isospike.simulate import ClosedForm
from random_networks import random_network
from zoo import ZOO, inputs

nir = pytest.importorskip("nir", reason="the package `nir` is not installed: pip install 'isospike[nir]'")
h5py = pytest.importorskip("h5py")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of h5py and numpy

HERE = Path(__file__).parent
NAMES = (
    "linear", "conv", "conv groups", "conv 1d", "batch norm before relu", "max pool stride", "max pool uneven kernel",
    "average pool",
    "residual", "residual of the input", "residual, projected", "lenet 5",
)  # fmt: skip


def same(found: SpikingNetwork, wanted: SpikingNetwork, x: torch.Tensor) -> None:
    """Equal records, equal bits, and equal spike times in both simulators."""
    ours, theirs = found.body.tensors(), wanted.body.tensors()
    assert list(ours) == list(theirs) and to_tree(found.body) == to_tree(wanted.body)
    for path, t in theirs.items():
        assert ours[path].dtype == t.dtype and torch.equal(ours[path], t), path
    for run in (ClosedForm(), EventDriven()):
        try:
            traces = [simulate(one, x.to(wanted.dtype), run) for one in (found, wanted)]
        except InvalidSetting as error:  # neurons without a gate, in closed form
            assert isinstance(run, ClosedForm), error
            continue
        assert torch.equal(traces[0].readout, traces[1].readout)
        for stage in wanted.stages[:-1]:
            assert torch.equal(traces[0].times(stage.name), traces[1].times(stage.name)), stage.name


def kept(network: SpikingNetwork, path: Path) -> SpikingNetwork:
    ExtendedNIR.of(network).write(path)
    return read(path)


def of(name: str, coding: str = "identical", dtype: torch.dtype = torch.float64) -> SpikingNetwork:
    torch.manual_seed(0)
    model, shape = ZOO[name]()
    graph = graph_of(model.double(), shape)
    return FAMILY[coding].network(graph, calibrate(graph, [inputs(shape, 8)])).to(dtype)


@pytest.mark.parametrize("name", NAMES)
def test_the_zoo(name: str, tmp_path: Path) -> None:
    network = of(name)
    same(kept(network, tmp_path / "net.nir"), network, inputs(network.body.encoder.shape, 3, 1))


@pytest.mark.parametrize("coding", FAMILY)
def test_every_coding_in_both_precisions(coding: str, tmp_path: Path) -> None:
    for dtype in (torch.float64, torch.float32):
        network = of("lenet 5", coding, dtype)
        same(kept(network, tmp_path / f"{dtype}.nir"), network, inputs(network.body.encoder.shape, 2, 1))


def test_files_of_version_1_go_on_being_read(tmp_path: Path) -> None:
    """One of these, and the network in isospike's own format that it was written from."""
    (tmp_path / "net.nir").write_bytes(gzip.decompress((HERE / "extension1.nir.gz").read_bytes()))
    network = load(HERE.parent / "network" / "format3" / "ttfs-positive.safetensors")
    same(read(tmp_path / "net.nir"), network, torch.rand(3, *network.body.encoder.shape))


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_random_networks(tmp_path_factory: pytest.TempPathFactory, rng: random.Random) -> None:
    model, shape = random_network(rng)
    graph = graph_of(model.double(), shape)
    network = FAMILY[rng.choice(list(FAMILY))].network(graph, calibrate(graph, [inputs(shape, 8)]))
    same(kept(network, tmp_path_factory.mktemp("random") / "net.nir"), network, inputs(shape, 2, 1))


def test_what_the_hardware_does_is_kept(tmp_path: Path) -> None:
    x = inputs((2, 6, 6), 6)
    network = constrain(of("residual"), [TimeSteps(16), SpikeJitter(0.01, seed=7)], [x])
    found = kept(network, tmp_path / "net.nir")
    assert len(found.body.constraints) == 2
    same(found, network, x)


def test_the_file_is_what_the_docs_say(tmp_path: Path) -> None:
    """Spike times worked out by hand, in NumPy, from the datasets of the file."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5), nn.ReLU6(), nn.Linear(5, 3)).double().eval()
    x = torch.rand(7, 6, dtype=torch.float64)
    network = convert(model, x, TTFS("dynamic", forced_spikes=True), (0.0, 1.0))
    ExtendedNIR.of(network).write(tmp_path / "net.nir")
    trace = simulate(network, x, EventDriven())
    with h5py.File(tmp_path / "net.nir") as file:
        nodes, edges = file["node/nodes"], [(a.decode(), b.decode()) for a, b in file["node/edges"][()]]
        header = json.loads(file["node/metadata/isospike"][()])
        assert header["extension"] == 2 and file["node/type"][()] == b"NIRGraph"
        given = {key: value[()] for key, value in nodes["input/metadata"].items()}
        lead = (x.numpy() - given["low"]) / (given["high"] - given["low"]) * given["window"]
        name, spiking = "input", 0
        while name != "output":
            name = next(b for a, b in edges if a == name)
            node = nodes[name]
            if node["type"][()] == b"Linear":
                lead = lead @ node["weight"][()].T
            elif node["type"][()] == b"isospike.FirstSpikeIF":
                own = {key.removeprefix("neuron."): value[()] for key, value in node["metadata"].items()}
                climbed = (own["ramp"] + own["fall"]) * own["onset"]
                threshold = (own["slope"] * own["window"] + climbed) / own["tau"] + own["shift"]
                due = (lead + climbed - own["tau"] * threshold) / own["slope"] + own["window"]
                lead = np.clip(due, 0, own["window"] - own["gate"])
                stage = network.stages[spiking]
                np.testing.assert_allclose(lead, trace.codes[stage.name], rtol=1e-9, atol=1e-9)
                assert lead.any() and own["end"] - own["begin"] == float(stage.end - stage.begin)
                spiking += 1
        assert spiking == 2


def test_golden_spike_times_are_those_of_the_membranes(tmp_path: Path) -> None:
    """Against the event-driven simulator in double precision."""
    network = of("lenet 5", dtype=torch.float32)
    x = inputs(network.body.encoder.shape, 3, 1)
    path, made = tmp_path / "net.nir", ExtendedNIR.of(network)
    made.write(path)
    Golden.timed(made, x).write(beside(path))
    golden = Golden.read(beside(path))
    trace = simulate(network.to(torch.float64), x.double(), EventDriven())
    assert list(golden.times) == [made.nodes[stage.name] for stage in network.stages[:-1]] and not golden.spikes
    for stage in network.stages[:-1]:
        wanted, found = trace.times(stage.name).numpy(), golden.times[made.nodes[stage.name]]
        window = float(stage.end - stage.begin)
        np.testing.assert_allclose(found.clip(max=window), wanted.clip(max=window), atol=1e-4 * window)
    np.testing.assert_allclose(golden.readout, trace.readout.numpy(), atol=1e-4)
    found_ = verify(path, "isospike")
    assert found_.equal and found_.error == 0
    assert [layer.spikes for layer in found_.layers] == [int(np.isfinite(t).sum()) for t in golden.times.values()]


@pytest.mark.parametrize("what", ["a spike earlier", "a spike less", "another read-out", "another network"])
def test_what_differs_from_the_golden_spike_times_is_said(what: str, tmp_path: Path) -> None:
    network = of("linear")
    x = inputs(network.body.encoder.shape, 5, 1)
    path, made = tmp_path / "net.nir", ExtendedNIR.of(network)
    made.write(path)
    golden = Golden.timed(made, x)
    node = next(iter(golden.times))
    at = tuple(np.argwhere(np.isfinite(golden.times[node]))[0])
    if what == "a spike earlier":
        golden.times[node][at] *= 0.999
    elif what == "a spike less":
        golden.times[node][at] = np.inf
    elif what == "another read-out":
        golden.readout[0, 0] += 0.01
    else:
        golden = replace(golden, times={"other": golden.times[node]})
    golden.write(beside(path))
    found = verify(path, "isospike")
    assert found.outcome == "differs" and not found.equal
    spikes = [layer.differing for layer in found.layers]
    if what in ("a spike earlier", "a spike less"):
        assert spikes == [1] and found.why.startswith("1 of ")
    elif what == "another network":
        assert "other spike times" in found.why
    else:
        assert spikes == [0] and found.error == pytest.approx(0.01)


def test_golden_spikes_of_rates_travel_with_the_extension_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    x = torch.rand(7, 6)
    made = ExtendedNIR.of(convert(model, x, Rate(steps=8), (0.0, 1.0)))
    made.write(tmp_path / "net.nir")
    golden = Golden.timed(made, x)
    ((train),) = golden.spikes.values()
    assert train.shape == (8, 7, 8) and train.sum() > 0 and not golden.times
    golden.write(beside(tmp_path / "net.nir"))
    assert verify(tmp_path / "net.nir", "isospike").equal
    train[3, 2, 1] = 1 - train[3, 2, 1]
    golden.write(beside(tmp_path / "net.nir"))
    found = verify(tmp_path / "net.nir", "isospike")
    assert [(layer.differing, layer.first_step) for layer in found.layers] == [(1, 3)]


def test_other_readers_refuse_it(tmp_path: Path) -> None:
    """All read with `nir.read`, which knows no such node; and no plain graph is written of first spikes."""
    network = of("linear")
    ExtendedNIR.of(network).write(tmp_path / "net.nir")
    with pytest.raises(AssertionError):
        nir.read(tmp_path / "net.nir")
    with pytest.raises(InvalidSetting, match="no node for the neurons of TTFS") as error:
        NIR.of(network)
    assert "--target isospike" in error.value.remedy


def test_settings_of_other_graphs_are_refused(tmp_path: Path) -> None:
    ExtendedNIR.of(of("linear")).write(tmp_path / "net.nir")
    for settings_ in ({"steps": 3}, {"reset": "soft"}, {"dt": 0.1}):
        with pytest.raises(InvalidSetting, match="nothing to say"):
            read(tmp_path / "net.nir", **settings_)  # type: ignore[arg-type]


def test_another_precision_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="bfloat16"):
        ExtendedNIR.of(of("linear").to(torch.bfloat16))


Edit = Callable[[Any], None]  # of an open file's nodes


def put(group: Any, name: str, value: Any) -> None:
    """A dataset in place of that which was there."""
    if name in group:
        del group[name]
    group[name] = value


def header(change: Callable[[Any], None]) -> Edit:
    def edit(node: Any) -> None:
        read_ = json.loads(node["metadata/isospike"][()])
        change(read_)
        put(node["metadata"], "isospike", json.dumps(read_))

    return edit


FIRST = "nodes/s_0"  # the node of the first stage's neurons
HOSTILE: dict[str, tuple[Edit, str]] = {
    "no metadata": (lambda node: node.pop("metadata"), "metadata hold no network"),
    "no header": (lambda node: put(node["metadata"], "isospike", "{"), "metadata hold no network"),
    "header of a number": (lambda node: put(node["metadata"], "isospike", "3"), "metadata hold no network"),
    "deep header": (lambda node: put(node["metadata"], "isospike", "[" * 100_000), "metadata hold no network"),
    "version": (header(lambda h: h.update(extension=99)), "version 99 of isospike's extension"),
    "unknown class": (header(lambda h: h["network"].update(record="Popen", of="subprocess")), "`Popen`"),
    "no body": (header(lambda h: h.update(network=None)), "do not belong together"),
    "NaN window": (lambda node: put(node[f"{FIRST}/metadata"], "neuron.window", math.nan), "NaN"),
    "infinite end": (lambda node: put(node[f"{FIRST}/metadata"], "end", math.inf), "NaN or infinite"),
    "window of text": (lambda node: put(node[f"{FIRST}/metadata"], "neuron.window", "2"), "`s_0` holds"),
    "no window": (lambda node: node[f"{FIRST}/metadata"].pop("neuron.window"), "neuron.window` is missing"),
    "one more tensor": (lambda node: put(node[f"{FIRST}/metadata"], "more", 1.0), "do not belong together"),
    "no path": (lambda node: node[f"{FIRST}/metadata"].pop("isospike"), "is missing"),
    "the path of another": (lambda node: put(node[f"{FIRST}/metadata"], "isospike", "encoder"), "is missing"),
    "path of a number": (lambda node: put(node[f"{FIRST}/metadata"], "isospike", 3), "`s_0` holds"),
    "shift of another shape": (
        lambda node: put(node[f"{FIRST}/metadata"], "neuron.shift", np.ones((5, 7))),
        "cannot be read|damaged|shape",
    ),
    "weights of another shape": (lambda node: put(node["nodes/s_0_0_0"], "weight", np.ones((5, 99))), "."),
    "whole numbers": (lambda node: put(node["nodes/s_0_0_0"], "weight", np.ones((5, 7), np.int64)), "."),
    "a bias": (lambda node: put(node["nodes/s_0_0_0"], "bias", np.ones(3)), "`bias` of node `s_0_0_0`"),
    "another stride": (lambda node: put(node["nodes/s_0_0_0"], "stride", np.array([2, 2])), "`stride` of node"),
    "a window below zero": (lambda node: put(node[f"{FIRST}/metadata"], "neuron.window", -1.0), "window of stage"),
    "an end before its begin": (lambda node: put(node[f"{FIRST}/metadata"], "begin", 99.0), "window of stage"),
    "leads that stand for nothing": (
        lambda node: put(node[f"{FIRST}/metadata"], "neuron.unit", 0 * node[f"{FIRST}/metadata/neuron.unit"][()]),
        "stage `0` has neurons whose leads stand for 0 or less",
    ),
    "no ramp": (
        lambda node: put(node[f"{FIRST}/metadata"], "neuron.ramp", 0 * node[f"{FIRST}/metadata/neuron.ramp"][()]),
        "ramps of stage `0` are not those",
    ),
    "a range upside down": (
        lambda node: put(node["nodes/input/metadata"], "low", node["nodes/input/metadata/high"][()] + 1),
        "range runs from high to low",
    ),
    "another kind of neuron": (lambda node: put(node[FIRST], "type", "isospike.Bogus"), "`type` of node `s_0`"),
    "a rate neuron": (lambda node: put(node[FIRST], "type", "IF"), "`type` of node `s_0`"),
    "one node less": (lambda node: node["nodes"].pop("output"), "nodes and edges"),
    "other edges": (lambda node: put(node, "edges", node["edges"][()][::-1]), "nodes and edges"),
    "edges of numbers": (lambda node: put(node, "edges", np.ones((2, 2))), "nodes and edges"),
    "input of another shape": (lambda node: put(node["nodes/input"], "shape", np.array([1, 2])), "`shape` of node `input`"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_damaged_file_is_refused(case: str, tmp_path: Path) -> None:
    edit, what = HOSTILE[case]
    path = tmp_path / "net.nir"
    ExtendedNIR.of(of("conv")).write(path)
    with h5py.File(path, "r+") as file:
        edit(file["node"])
    with pytest.raises(InvalidFile, match=what) as error:
        read(path)
    assert str(path) in error.value.what and error.value.supported and error.value.remedy


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    ExtendedNIR.of(of("linear")).write(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), max(len(whole) // 20, 1)):
        path.write_bytes(whole[:length])
        with pytest.raises(IsospikeError) as error:
            read(path)
        assert error.value.supported and error.value.remedy
