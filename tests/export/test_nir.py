"""NIR: what is written means the same to isospike, to other tools, and by NIR's own equations worked out by hand."""

import json
import math
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import isospike as iso
from isospike import Rate, SpikingNetwork, Stepped
from isospike.encoders import RegularSpikes
from isospike.errors import InvalidFile, InvalidSetting, IsospikeError, UnsupportedOperation
from isospike.export.nir import NIR, TARGETS, ExtendedNIR, Golden, beside, environment, read, read_graph, verify
from isospike.export.nir.plain import plain
from isospike.ir.ops.affine import through
from isospike.neurons import IF, LIF, BurstIF, Stepping
from isospike.simulate import StepByStep

nir = pytest.importorskip("nir", reason="the package `nir` is not installed: pip install 'isospike[nir]'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of h5py and numpy


class Sum(nn.Module):
    """A residual block between two convolutions, means over the plane, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (
            nn.Conv2d(1, 4, 3, padding=1),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.Conv2d(4, 4, 3, padding=1),
        )
        self.last = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.a(x))
        x = torch.relu(x + self.c(torch.relu(self.b(x))))
        return self.last(x.mean((2, 3)))


def pools() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 3, groups=2), nn.ReLU(), nn.AvgPool2d(2, stride=1),
        nn.Flatten(), nn.Linear(24, 8), nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip


def dense() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(100, 20), nn.ReLU(), nn.Linear(20, 3))


def drawn(seed: int) -> nn.Module:
    """Convolutions of random width, kernel, stride, padding and groups, average pools between some, dense layers."""
    rng = random.Random(seed)
    layers, channels, size = list[nn.Module](), 1, 10
    for _ in range(rng.randint(1, 3)):
        kernel, stride, padding = rng.choice((1, 2, 3)), rng.choice((1, 1, 2)), rng.choice((0, 1))
        groups = rng.choice((1, channels))
        width = groups * rng.randint(1, 3) if groups > 1 else rng.randint(2, 6)
        if (after := (size + 2 * padding - kernel) // stride + 1) < 2:
            break
        layers += [
            nn.Conv2d(channels, width, kernel, stride, padding, groups=groups),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        channels, size = width, after
        if size >= 4 and rng.random() < 0.5:
            layers.append(nn.AvgPool2d(rng.choice((2, 3)), stride=2))
            size = (size - layers[-1].kernel_size) // 2 + 1
    layers.append(nn.Flatten())
    features = channels * size**2
    for _ in range(rng.randint(0, 2)):
        layers += [nn.Linear(features, width := rng.randint(3, 20)), nn.ReLU()]
        features = width
    return nn.Sequential(*layers, nn.Linear(features, 3))


MODELS: dict[str, Callable[[], nn.Module]] = {"pools": pools, "dense": dense, "residual": Sum}
SEEDS = range(8)
MODELS |= {f"random {seed}": partial(drawn, seed) for seed in SEEDS}
NEURONS: dict[str, Stepping] = {
    "if-zero": IF(reset="zero"),
    "lif-zero": LIF(reset="zero"),
    "burst-integer": BurstIF(most=math.inf),
}


def images(count: int = 6) -> Tensor:
    return torch.rand((count, 1, 10, 10), generator=torch.Generator().manual_seed(1))


def network(name: str = "pools", neuron: Stepping | None = None, steps: int = 12, **more: object) -> SpikingNetwork:
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    coding = Rate(steps=steps, neuron=neuron or IF(reset="zero"), initial=0.0, **more)  # type: ignore[arg-type]
    return iso.convert(model, images(32), coding=coding, input_range=(0.0, 1.0))


def exported(target: str, name: str, neuron: str) -> NIR:
    """Skips what the target refuses."""
    try:
        return NIR.of(network(name, NEURONS[neuron]), target)
    except InvalidSetting as error:
        assert error.what and error.supported and error.remedy
        pytest.skip(error.what)


NAMES = "pools", "dense", "residual"
CASES = [(target, name, neuron) for target in TARGETS for name in NAMES for neuron in NEURONS]
OWN = {"any": "if-zero", "snntorch": "if-zero", "norse": "if-zero", "sinabs": "burst-integer"}
RANDOM = [(target, f"random {seed}", neuron) for target, neuron in OWN.items() for seed in SEEDS]


@pytest.mark.parametrize(("target", "name", "neuron"), [*CASES, *RANDOM])
def test_what_is_read_back_sends_the_same_spikes(target: str, name: str, neuron: str, tmp_path: Path) -> None:
    made = exported(target, name, neuron)
    made.write(tmp_path / "net.nir")
    found, x = read(tmp_path / "net.nir"), images().double()
    wanted, got = (StepByStep().trace(one, x) for one in (made.network, found))
    assert list(wanted.trains) == list(got.trains)
    for stage, train in wanted.trains.items():
        assert train.any() or name.startswith("random"), stage  # random layers may be silent
        assert torch.equal(train, got.trains[stage]), stage
    torch.testing.assert_close(got.readout, wanted.readout, rtol=1e-12, atol=0)
    assert made.network.body.encoder.tensors().keys() == found.body.encoder.tensors().keys()
    assert [s.neuron.about for s in found.stages] == [s.neuron.about for s in made.network.stages]


def test_what_each_target_takes() -> None:
    """The table of docs/interop.md: a cell is written, or refused."""
    taken = set()
    for target, name, neuron in CASES:
        try:
            NIR.of(network(name, NEURONS[neuron]), target)
        except InvalidSetting:
            continue
        taken.add((target, name, neuron))
    assert taken == {
        *(("any", name, "if-zero") for name in NAMES),
        *(("snntorch", name, "if-zero") for name in NAMES),
        *(("norse", name, neuron) for name in ("pools", "dense") for neuron in ("if-zero", "lif-zero")),
        *(("sinabs", name, "burst-integer") for name in ("pools", "dense")),
    }


@pytest.mark.parametrize(("target", "name", "neuron"), [case for case in (*CASES, *RANDOM[:26:5]) if case[0] != "any"])
def test_other_tools_send_the_same_spikes(target: str, name: str, neuron: str, tmp_path: Path) -> None:
    try:
        environment(target)
    except InvalidSetting as error:
        pytest.skip(f"{error.what} {error.remedy}")
    made = exported(target, name, neuron)
    path = tmp_path / "net.nir"
    made.write(path)
    golden = Golden.of(made, images())
    golden.write(beside(path))
    found = verify(path, target)
    assert found.equal, found
    assert found.error is not None and found.error < (1e-15 if neuron != "lif-zero" else 1e-6)
    assert all(layer.spikes for layer in found.layers) or name.startswith("random")
    assert len(found.layers) == len(made.network.stages) - 1
    # One spike that was not sent shows, where and when
    node = list(golden.spikes)[-1]
    golden.spikes[node][3].flat[0] += 1
    golden.write(beside(path))
    found = verify(path, target)
    wrong = [layer for layer in found.layers if layer.differing]
    assert found.outcome == "differs" and [(w.node, w.differing, w.first_step) for w in wrong] == [(node, 1, 3)]


def by_hand(graph: "nir.NIRGraph", x: np.ndarray, steps: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """NIR's equations for a chain of Affine and IF nodes, in single precision: V ← V + I; above θ a spike, V ← 0."""
    potential: dict[str, np.ndarray] = {}
    sent: dict[str, list[np.ndarray]] = {}
    total = 0.0
    for _ in range(steps):
        now, name = x.astype(np.float32), "input"
        while name != "output":
            name = next(b for a, b in graph.edges if a == name)
            node = graph.nodes[name]
            match type(node).__name__:
                case "Flatten":
                    now = now.reshape(len(now), -1)
                case "Affine":
                    now = now @ node.weight.T + node.bias
                case "IF":
                    v = potential.get(name, np.float32(0)) + now
                    now = (v > node.v_threshold).astype(np.float32)
                    potential[name] = np.where(now > 0, node.v_reset, v)
                    sent.setdefault(name, []).append(now)
        total = total + now.astype(np.float64)
    return {name: np.stack(parts) for name, parts in sent.items()}, total / steps


def test_the_graph_means_the_same_by_nirs_own_equations() -> None:
    made = NIR.of(network("dense", steps=40))
    golden = Golden.of(made, images())
    spikes, readout = by_hand(made.graph, golden.input[0], 40)
    assert golden.spikes.keys() == spikes.keys()
    for node, train in golden.spikes.items():
        np.testing.assert_array_equal(spikes[node], train)
    np.testing.assert_allclose(readout, golden.readout, rtol=1e-12)


def test_single_precision_is_exact() -> None:
    """The same potentials, and so the same spikes, in single as in double precision; thresholds lie between them."""
    made = NIR.of(network("pools", steps=40))
    x = _on_grid(made)
    first, stage = made.network.stages[0], made.network.stages[1]
    assert isinstance(first.neuron, Stepping) and isinstance(stage.neuron, Stepping)
    sent = Stepped().trace(made.network, x).trains[first.name]
    drives = []
    for kind in (torch.float64, torch.float32):
        chain = tuple(step.map_tensors(lambda _, t, kind=kind: t.to(kind)) for step in stage.groups[0].chain)
        drives.append(
            torch.stack([through(chain, now.to(kind)) + stage.neuron.bias.to(kind) for now in sent]).cumsum(0)
        )
    assert torch.equal(drives[0], drives[1].double())
    assert float((drives[0] - drives[0].round()).abs().max()) > 0
    below = float((1 - stage.neuron.threshold).max())
    assert 0 < below < 2**-6 and math.log2(below).is_integer()
    assert bool((drives[0] / (2 * below) == (drives[0] / (2 * below)).round()).all())


def _on_grid(made: NIR) -> Tensor:
    return (images().double() / made.step).round() * made.step


def test_the_grid_changes_little() -> None:
    own = network("pools", steps=40)
    made = NIR.of(own)
    a, b = (Stepped().trace(one, _on_grid(made).to(one.dtype)).readout.double() for one in (own, made.network))
    assert float((a - b).abs().max()) < 0.15 * float(a.abs().max())


@pytest.mark.parametrize("kind", ["pool", "group", "factor", "mean"])
def test_plain_maps_are_the_maps(kind: str) -> None:
    model: nn.Module = {
        "pool": nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.AvgPool2d(2, padding=1), nn.Conv2d(3, 2, 3)),
        "group": nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3, groups=2, dilation=2)),
        "factor": nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 1, groups=4)),
        "mean": nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)),
    }[kind]
    found = iso.convert(model.eval().double(), images(8).double(), coding=Rate(initial=0.0), input_range=(0.0, 1.0))
    for stage in found.stages:
        for group in stage.groups:
            shape = found.body.shapes[group.source]
            x = torch.rand((3, *shape), dtype=torch.float64)
            exact = tuple(step.map_tensors(lambda _, t: t.double()) for step in group.chain)
            made = plain(exact, shape, stage.name)
            torch.testing.assert_close(through(made, x), through(exact, x), rtol=1e-12, atol=1e-12)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "first spikes": (
        lambda: NIR.of(iso.convert(dense().eval(), images(), input_range=(0.0, 1.0))),
        "no node for the neurons of TTFS",
    ),
    "initial potential": (lambda: NIR.of(_with(initial=0.5)), "begins at a potential of 0.5"),
    "soft reset": (lambda: NIR.of(network("dense", IF())), "reset `soft`"),
    "leak without a time step": (lambda: NIR.of(network("dense", LIF(reset="zero"))), "has a leak"),
    "bursts in sinabs": (lambda: NIR.of(network("dense", IF()), "sinabs"), "send 1 spikes"),
    "residual in norse": (lambda: NIR.of(network("residual"), "norse"), "adds 2 sources"),
    "max pool": (lambda: NIR.of(_max_pool()), "is a max pool"),
    "target": (lambda: NIR.of(network("dense"), "lava"), "target `lava` is not known"),
    "too many steps": (lambda: NIR.of(network("pools", steps=1 << 16)), "less than 5 bits"),
}


def _with(**settings: float) -> SpikingNetwork:
    return iso.convert(
        dense().eval(), images(), coding=Rate(steps=8, neuron=IF(reset="zero"), **settings), input_range=(0.0, 1.0)
    )  # type: ignore[arg-type]


def _max_pool() -> SpikingNetwork:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 3)).eval()
    return iso.convert(
        model, images(), coding=Rate(steps=8, neuron=IF(reset="zero"), initial=0.0), input_range=(0.0, 1.0)
    )


@pytest.mark.parametrize("case", REFUSED)
def test_what_nir_cannot_say_is_refused(case: str) -> None:
    make, what = REFUSED[case]
    with pytest.raises(InvalidSetting, match=what) as error:
        make()
    assert error.value.supported and error.value.remedy


def foreign(*nodes: object, shape: tuple[int, ...] = (2,)) -> "nir.NIRGraph":
    """A graph of another tool: nodes behind one another."""
    names = [f"n{i}" for i in range(len(nodes))]
    made = {
        "input": nir.Input({"input": np.array(shape)}),
        **dict(zip(names, nodes, strict=True)),
        "output": nir.Output({"output": None}),
    }
    chain = ["input", *names, "output"]
    return nir.NIRGraph(made, list(pairwise(chain)), type_check=False)


ONE = np.ones(2, np.float32)


def test_a_foreign_neuron_fires_above_its_threshold_and_is_reset_to_zero() -> None:
    graph = foreign(nir.IF(r=2 * ONE, v_threshold=ONE))
    x = torch.tensor([[0.25, 0.375]], dtype=torch.float64)  # V: ½, 1 (not above), 1½ fires; ¾, 1½ fires
    trains = StepByStep().trace(read_graph(graph, 6), x).trains["n0"][:, 0]
    assert trains[:, 0].tolist() == [0, 0, 1, 0, 0, 1] and trains[:, 1].tolist() == [0, 1, 0, 1, 0, 1]
    soft = StepByStep().trace(read_graph(graph, 6, "soft"), x).trains["n0"][:, 0]
    assert soft[:, 0].tolist() == [0, 1, 0, 1, 0, 1] and soft[:, 1].tolist() == [0, 1, 1, 1, 0, 1]


def test_a_foreign_leak_is_eulers() -> None:
    graph = foreign(nir.LIF(tau=4e-4 * ONE, r=4 * ONE, v_leak=0 * ONE, v_threshold=ONE))
    x = torch.tensor([[0.5, 0.25]], dtype=torch.float64)
    v, want = np.zeros(2), []
    for _ in range(8):
        v = v + 1e-4 / 4e-4 * (4 * x[0].numpy() - v)
        want.append((v > 1 + 1e-8).astype(int).tolist())
        v = np.where(v > 1 + 1e-8, 0, v)
    found = StepByStep().trace(read_graph(graph, 8), x).trains["n0"][:, 0]
    assert found.tolist() == want and found.any()


def test_nodes_of_another_tool() -> None:
    weight = np.random.default_rng(0).normal(size=(3, 2, 3, 3)).astype(np.float32)
    shape = (2, 8, 8)
    conv = nir.Conv2d((8, 8), weight, 1, "same", 1, 1, np.ones(3, np.float32))
    pair = np.array([2, 2])
    level = np.full((3, 4, 4), 2.0, np.float32)
    graph = foreign(
        conv, nir.SumPool2d(pair, pair, 0 * pair), nir.Scale(np.full((3, 4, 4), 0.5, np.float32)), nir.IF(level / level, level),
        nir.AvgPool2d(pair, pair, 0 * pair), nir.Flatten({"input": np.array([3, 2, 2])}, 0, -1), nir.Linear(np.ones((2, 12), np.float32)),
        shape=shape,
    )  # fmt: skip
    x = torch.rand((4, *shape), dtype=torch.float64)
    found = StepByStep().trace(read_graph(graph, 5, "soft"), x)
    drive = (
        0.5
        * 4
        * nn.functional.avg_pool2d(
            nn.functional.conv2d(x, torch.from_numpy(weight).double(), torch.ones(3).double(), padding=1), 2
        )
    )
    v, total = torch.zeros_like(drive), torch.zeros_like(drive)
    for _ in range(5):
        v = v + drive
        s = (v >= 2).double()
        v, total = v - 2 * s, total + s
    torch.testing.assert_close(found.trains["n3"].double().sum(0), total)
    want = nn.functional.avg_pool2d(total, 2).flatten(1).sum(1) / 5
    torch.testing.assert_close(found.readout, torch.stack([want, want], 1))


UNREADABLE: dict[str, tuple[Callable[[], "nir.NIRGraph"], str]] = {
    "CubaLIF": (
        lambda: foreign(nir.CubaLIF(ONE, ONE, ONE, ONE, ONE), nir.Threshold(ONE)),
        "`n0` .CubaLIF., `n1` .Threshold.",
    ),
    "v_reset": (lambda: foreign(nir.IF(ONE, ONE, ONE)), "`n0` .* v_reset"),
    "v_leak": (lambda: foreign(nir.LIF(ONE, ONE, ONE, ONE)), "`n0` .* v_leak"),
    "τ": (lambda: foreign(nir.LIF(1e-5 * ONE, ONE, 0 * ONE, ONE)), "`n0` .* τ"),
    "τ below 0": (lambda: foreign(nir.LIF(-ONE, ONE, 0 * ONE, ONE)), "`n0` .* τ"),
    "threshold 0": (lambda: foreign(nir.IF(ONE, 0 * ONE)), "`n0` .* v_threshold"),
    "threshold below 0": (lambda: foreign(nir.LIF(ONE, ONE, 0 * ONE, -ONE)), "`n0` .* v_threshold"),
    "complex": (lambda: foreign(nir.Affine(1j * np.eye(2), ONE)), "`n0` .* complex"),
    "NaN": (lambda: foreign(nir.Affine(np.eye(2), math.nan * ONE)), "`n0` .* NaN, infinite"),
    "endless τ": (lambda: foreign(nir.LIF(math.inf * ONE, math.inf * ONE, 0 * ONE, ONE)), "`n0` .* NaN, infinite"),
    "circle": (lambda: replaced(foreign(nir.IF(ONE, ONE), nir.Affine(np.eye(2), ONE)), ("n1", "n0")), "in a circle"),
    "sizes": (lambda: foreign(nir.Affine(np.ones((3, 4)), np.ones(3))), "`n0` .Affine. does not fit"),
}


def replaced(graph: "nir.NIRGraph", edge: tuple[str, str]) -> "nir.NIRGraph":
    graph.edges.append(edge)
    return graph


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_has_no_form_here_is_refused_by_name(case: str) -> None:
    make, what = UNREADABLE[case]
    with pytest.raises(IsospikeError, match=what) as error:
        read_graph(make())
    assert error.value.supported and error.value.remedy


def test_spikes_as_input(tmp_path: Path) -> None:
    made = NIR.of(network("dense", encoder=RegularSpikes))
    golden = Golden.of(made, images())
    assert made.step == 1 and set(np.unique(golden.input)) == {0.0, 1.0} and len(golden.input) == 12


def test_golden_spikes_are_kept_without_pickles(tmp_path: Path) -> None:
    path = tmp_path / "net.golden.npz"
    golden = Golden.of(NIR.of(network("dense")), images())
    golden.write(path)
    with np.load(path, allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)
    again = Golden.read(path)
    assert again.spikes.keys() == golden.spikes.keys() and np.array_equal(again.input, golden.input)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InvalidFile, match="holds no golden spikes"):
        Golden.read(path)


def test_a_file_that_is_no_graph(tmp_path: Path) -> None:
    (tmp_path / "net.nir").write_text("no")
    with pytest.raises(InvalidFile, match="is no NIR graph"):
        read(tmp_path / "net.nir")
    with pytest.raises(InvalidFile, match="does not exist"):
        read(tmp_path / "other.nir")


def test_damaged_metadata_are_refused_with_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    for text in ("{", '{"network": {"record": 3, "tensors": {}}}', '{"network": {}}'):
        made = NIR.of(network("dense"))
        made.graph.metadata["isospike"] = text
        with pytest.raises(InvalidFile, match="`the graph`: metadata of isospike"):
            read_graph(made.graph)
        made.write(path)
        with pytest.raises(InvalidFile, match=f"`{path}`: metadata of isospike"):
            read(path)


@pytest.mark.parametrize("factor", [None, 0, "two", [1]])
def test_a_damaged_factor_is_refused(factor: object) -> None:
    made = NIR.of(network("dense"))
    node = made.graph.nodes[next(iter(made.nodes.values()))]
    kept = json.loads(node.metadata["isospike"]) | {"factor": factor}
    if factor is None:
        del kept["factor"]
    node.metadata["isospike"] = json.dumps(kept)
    with pytest.raises(IsospikeError) as error:
        read_graph(made.graph)
    assert error.value.supported and error.value.remedy


def test_an_edited_threshold_is_what_counts() -> None:
    """Metadata say what NIR has no word for, and nothing else."""
    made = NIR.of(network("dense"))
    node = next(iter(made.nodes.values()))
    made.graph.nodes[node].v_threshold *= 2
    found = read_graph(made.graph)
    assert isinstance(found.stages[0].neuron, Stepping)
    assert float(found.stages[0].neuron.threshold.max()) > 1.9
    assert made.differing(images()) > 0
    assert replace(made, network=found).differing(images()) == 0


@pytest.mark.parametrize("more", [{"reset": "soft"}, {"dt": 1e-4}], ids=str)
def test_settings_that_a_graph_of_isospike_has_itself_are_refused(more: dict[str, Any]) -> None:
    graph = NIR.of(network("dense")).graph
    with pytest.raises(InvalidSetting, match=r"says how its neurons fire[\s\S]*Leave them out"):
        read_graph(graph, **more)
    assert read_graph(graph, steps=5).body.steps == 5


def test_what_cannot_be_verified_is_said_before_the_tool_runs(tmp_path: Path) -> None:
    made = NIR.of(network("dense"))
    Golden.of(made, images()).write(beside(tmp_path / "net.nir"))
    with pytest.raises(InvalidFile, match="does not exist"):
        verify(tmp_path / "none.nir", "norse")
    made.write(tmp_path / "net.nir")
    (tmp_path / "net.nir").write_bytes((tmp_path / "net.nir").read_bytes()[:5000])
    with pytest.raises(InvalidFile, match="is no NIR graph"):
        verify(tmp_path / "net.nir", "norse")
    ExtendedNIR.of(network("dense")).write(tmp_path / "own.nir")
    with pytest.raises(InvalidSetting, match=r"for isospike alone[\s\S]*--target isospike"):
        verify(tmp_path / "own.nir", "norse")
    with pytest.raises(InvalidFile, match="no golden spikes"):
        verify(tmp_path / "own.nir", "isospike")
    NIR.of(network("dense")).write(tmp_path / "net.nir")
    with pytest.raises(InvalidSetting, match="for other tools than isospike"):
        verify(tmp_path / "net.nir", "isospike")


def test_no_environment_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ISOSPIKE_INTEROP", str(tmp_path))
    monkeypatch.setattr("isospike.export.nir.compare.find_spec", lambda _: None)
    with pytest.raises(InvalidSetting, match="not installed") as error:
        environment("norse")
    assert "make interop" in error.value.remedy
    with pytest.raises(InvalidSetting, match="cannot be run"):
        environment("any")


def test_unsupported_is_one_error_for_all_nodes() -> None:
    with pytest.raises(UnsupportedOperation, match=r"n0.*n1"):
        read_graph(UNREADABLE["CubaLIF"][0]())
