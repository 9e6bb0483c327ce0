"""The file format: files of format 3 go on being read, a field more breaks none, and a network comes back with the
hardware it is on."""

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, make_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from isospike import (
    EventDriven,
    SlopeMismatch,
    SpikeJitter,
    TimeSteps,
    WeightBits,
    WeightNoise,
    constrain,
    convert,
    load,
    save,
    simulate,
)
from isospike.constraints import Constraint, Noise
from isospike.errors import InvalidFile
from isospike.ir.record import Record, from_tree, to_tree
from isospike.network import Stage

FORMAT3 = Path(__file__).parent / "format3"  # written by the code of November 2026, outputs beside them
NAMES = sorted(path.stem for path in FORMAT3.glob("*.safetensors") if path.stem != "expected")
X = torch.rand(20, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_format_3_answers_as_it_did(name: str, tmp_path: Path) -> None:
    expected = load_file(FORMAT3 / "expected.safetensors")
    network = load(FORMAT3 / f"{name}.safetensors")
    x, y = expected[f"{name}.x"], expected[f"{name}.y"]
    run = EventDriven() if name in ("early", "double-exponential") else None
    assert torch.allclose(simulate(network, x, run).readout, y, rtol=1e-5, atol=1e-6)
    save(network, tmp_path / "again.safetensors")  # and is written in today's
    assert torch.equal(
        simulate(load(tmp_path / "again.safetensors"), x, run).readout, simulate(network, x, run).readout
    )


def test_there_are_files_of_every_kind() -> None:
    assert len(NAMES) == 14


def plain() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


def edited(path: Path, change: Callable[[Any], None]) -> Path:
    """A file with another header."""
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["isospike"])
    change(header)
    save_file(tensors, path, {"isospike": json.dumps(header)})
    return path


def neuron(header: Any) -> Any:
    return header["network"]["fields"]["stages"][0]["fields"]["neuron"]["fields"]


def jitter(**fields: object) -> dict[str, object]:
    return {
        "record": "SpikeJitter",
        "of": "isospike.constraints.spike_jitter",
        "version": 1,
        "fields": {"sd": 0.1, **fields},
    }


def saved(folder: Path) -> Path:
    save(convert(plain(), X, input_range=(0.0, 1.0)), folder / "m.safetensors")
    return folder / "m.safetensors"


def test_what_a_file_lacks_has_its_default(tmp_path: Path) -> None:
    def older(header: Any) -> None:
        for name in ("constraints", "reach", "notes"):
            del header["network"]["fields"][name]
        del header["network"]["fields"]["stages"][0]["fields"]["neuron"]["fields"]["ticks"]

    path = saved(tmp_path)
    expected = load(path)(X)
    network = load(edited(path, older))
    assert torch.equal(network(X), expected) and network.body.reach == () and network.stages[0].neuron.ticks == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda h: h["network"]["fields"].update(colour="red"),
            r"`Body` in the file has fields \['colour'\].*Update isospike",
        ),
        (lambda h: h["network"].update(version=2), "`Body` in the file has version 2.*Update isospike"),
        (lambda h: h["network"]["fields"].pop("encoder"), r"`Body` in the file lacks \['encoder'\]"),
        (lambda h: h.update(format=5), "has format 5.*reads formats 3 and 4.*Update isospike"),
        (
            lambda h: h["network"]["fields"]["stages"][0]["fields"].update(shape=[6, 1 << 50]),
            "shape .6, 1125899906842624.*neurons a stage",
        ),
        (lambda h: h["network"]["fields"]["stages"][0]["fields"].update(shape=[-6]), "shape .-6"),
        (lambda h: h["network"]["fields"]["encoder"]["fields"].update(shape=["4"]), "shape"),
        (
            lambda h: h["network"]["fields"]["stages"][0]["fields"]["neuron"].update(record="Elsewhere", of="a.b"),
            "`Elsewhere` of `a.b`, which is not defined",
        ),
        (
            lambda h: h["network"]["fields"].update(constraints=3),
            "Body.constraints=3.*an object of .*SpikeJitter.*, in a tuple.*Convert the model again",
        ),
        (lambda h: h["network"]["fields"].update(constraints=[3]), r"Body.constraints=\(3,\)"),
        (lambda h: h["network"]["fields"].update(encoder=None), "Body.encoder=None.*an object of .*LatencyEncoder"),
        (lambda h: h["network"]["fields"].update(stages=["x"]), "Body.stages="),
        (lambda h: h["network"]["fields"].update(steps=-1), "Body.steps=-1.*a whole number from 0"),
        (lambda h: h["network"]["fields"].update(notes=[1]), r"Body.notes=\(1,\)"),
        (lambda h: h["network"]["fields"].update(reach=[["0", 1.0]]), "Body.reach="),
        (
            lambda h: h["network"]["fields"].update(reach=[["0", float("nan"), 1.0]]),
            "holds nan, which is no part of a network",
        ),
        (
            lambda h: h["network"]["fields"].update(seen=[0.0, {"float": "nan"}]),
            "holds nan, which is no part of a network",
        ),
        (
            lambda h: h["network"]["fields"].update(constraints=[jitter(seed="x")]),
            "SpikeJitter.seed='x'.*a whole number",
        ),
        (lambda h: h["network"]["fields"].update(constraints=[jitter(sd=-1.0)]), "SpikeJitter.sd=-1.0.*0 or more"),
        *(
            change
            for ticks in (-1, 1e308, "x", True, None)
            for change in (
                (
                    lambda h, ticks=ticks: h["network"]["fields"]["encoder"]["fields"].update(ticks=ticks),
                    "LatencyEncoder.ticks=.*a whole number from 0",
                ),
                (lambda h, ticks=ticks: neuron(h).update(ticks=ticks), "FirstSpikeIF.ticks=.*a whole number from 0"),
            )
        ),
    ],
)
def test_a_file_that_cannot_be_read_rightly_is_refused(
    change: Callable[[Any], None], reason: str, tmp_path: Path
) -> None:
    import re

    with pytest.raises(InvalidFile) as caught:
        load(edited(saved(tmp_path), change))
    assert re.search(reason, str(caught.value), re.S), caught.value


@pytest.mark.parametrize(("tensor", "number"), [("neuron.window", -1.0), ("begin", 99.0), ("end", -99.0)])
def test_no_file_turns_time_back(tensor: str, number: float, tmp_path: Path) -> None:
    path = saved(tmp_path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    at = f"stages.0.{tensor}"
    save_file({**tensors, at: torch.full_like(tensors[at], number)}, path, metadata)
    with pytest.raises(InvalidFile, match="ends before it begins"):
        load(path)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in ("ttfs", "rate-window")]
)  # both have many layers, and no part of their own
def test_no_file_has_numbers_that_are_none(name: str, tmp_path: Path) -> None:
    """Each tensor of each kind of file in turn; infinity is a number where a neuron's observation never ends."""
    path = tmp_path / "m.safetensors"
    tensors = load_file(FORMAT3 / f"{name}.safetensors")
    with safe_open(FORMAT3 / f"{name}.safetensors", "pt") as file:
        metadata = file.metadata()
    for at, tensor in tensors.items():
        for number in (torch.nan, torch.inf, -torch.inf):
            wrong = tensor.clone()
            wrong.view(-1)[-1:] = number
            save_file({**tensors, at: wrong}, path, metadata)
            if number == torch.inf and at.endswith("observed"):
                load(path)
                continue
            with pytest.raises(InvalidFile, match=f"`{at.split('.')[-1]}` of a .* has NaN or infinite numbers"):
                load(path)


@pytest.mark.parametrize("dtype", [torch.int32, torch.float16, torch.float64, torch.complex64, torch.bool])
def test_all_numbers_of_a_file_are_of_one_precision(dtype: torch.dtype, tmp_path: Path) -> None:
    network = convert(plain(), X.float(), input_range=(0.0, 1.0))
    save(network, tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", "pt") as file:
        metadata = file.metadata()
    tensors = load_file(tmp_path / "m.safetensors")
    for at, tensor in tensors.items():
        save_file({**tensors, at: tensor.to(dtype)}, tmp_path / "other.safetensors", metadata)
        with pytest.raises(InvalidFile, match=r"its numbers are .*torch\.float32"):
            load(tmp_path / "other.safetensors")
    save(network.double(), tmp_path / "m.safetensors")
    assert torch.equal(load(tmp_path / "m.safetensors")(X), network(X))


def test_shapes_are_looked_at_before_numbers_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file whose shapes do not fit no tensor is made."""
    path = edited(saved(tmp_path), lambda h: h["network"]["fields"]["stages"][0]["fields"].update(shape=[7]))
    read: list[str] = []

    class Watched:
        def __init__(self, *args: object) -> None:
            self.file = safe_open(*args)

        def __enter__(self) -> "Watched":
            self.file.__enter__()
            return self

        def __exit__(self, *error: object) -> None:
            self.file.__exit__(*error)

        def get_tensor(self, name: str) -> Tensor:
            read.append(name)
            return self.file.get_tensor(name)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    monkeypatch.setattr("isospike.network.file.safe_open", Watched)
    with pytest.raises(InvalidFile, match="its synapses lead to"):
        load(path)
    assert not read
    load(saved(tmp_path))
    assert read


@pytest.mark.parametrize("address", ["https://example.org/a/net.safetensors", "hf://own/net.safetensors"])
def test_an_address_is_refused(address: str) -> None:
    """Nothing is fetched: whoever opens a network says where it is from."""
    for path in (address, Path(address)):
        with pytest.raises(InvalidFile, match=f"`{address}` is an address") as error:
            load(path)
        assert error.value.remedy == f"Download it first: curl -LO {address}; then open net.safetensors."


def test_a_header_larger_than_its_file_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)
    path.write_bytes(struct.pack("<Q", 1 << 60) + path.read_bytes()[8:])
    with pytest.raises(InvalidFile, match="not a whole safetensors file"):
        load(path)


# Classes of one's own.


@dataclass(frozen=True, eq=False)
class Renamed(Record):
    """Its second version calls `size` length, and counts it in other units."""

    length: float
    colour: str = "red"
    version: ClassVar[int] = 2

    @classmethod
    def upgraded(cls, entries: dict[str, Any], version: int) -> dict[str, Any]:
        return {"length": 10 * entries["size"]}


def test_a_class_reads_what_its_older_versions_wrote() -> None:
    written = to_tree(Renamed(30.0, "blue"))
    assert from_tree(written, {}).colour == "blue"
    older = {**written, "version": 1, "fields": {"size": 3.0}}
    assert (from_tree(older, {}).length, from_tree(older, {}).colour) == (30.0, "red")
    with pytest.raises(InvalidFile, match="version 3"):
        from_tree({**written, "version": 3}, {})


def test_a_class_of_an_installed_package_need_not_have_been_imported(tmp_path: Path) -> None:
    """The package announces its module by an entry point; nothing else that a file names is ever imported."""
    (tmp_path / "blinking.py").write_text(
        "from dataclasses import dataclass\nfrom isospike.constraints import Constraint\n\n"
        "@dataclass(frozen=True, eq=False)\nclass Blink(Constraint):\n    share: float = 0.5\n"
    )
    info = tmp_path / "blinking-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: blinking\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[isospike.records]\nblinking = blinking\n")
    path = saved(tmp_path)
    blink = {"record": "Blink", "of": "blinking", "version": 1, "fields": {"share": 0.25}}
    edited(path, lambda h: h["network"]["fields"].update(constraints=[blink]))
    with pytest.raises(InvalidFile, match="`Blink` of `blinking`, which is not defined here"):
        load(path)
    script = (
        f"from isospike import load; (c,) = load({str(path)!r}).body.constraints; print(type(c).__module__, c.share)"
    )
    found = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["blinking", "0.25"]


# Hardware.


@pytest.mark.parametrize(
    "hardware",
    [
        [SpikeJitter(0.05, seed=3)], [SlopeMismatch(0.02, seed=1)], [WeightNoise(0.02)], [TimeSteps(8)], [WeightBits(4)],
        [WeightBits(4), TimeSteps(16), WeightNoise(0.01), SpikeJitter(0.02), SpikeJitter(0.02)],
    ],
    ids=lambda cs: "+".join(type(c).__name__ for c in cs),
)  # fmt: skip
def test_a_network_comes_back_with_the_hardware_that_it_is_on(hardware: list[Constraint], tmp_path: Path) -> None:
    ideal = convert(plain(), X, input_range=(0.0, 1.0))
    chip = constrain(ideal, hardware, [X])
    before = simulate(chip, X).readout  # what was drawn before does not matter
    save(chip, tmp_path / "chip.safetensors")
    again = load(tmp_path / "chip.safetensors")
    for run in (None, EventDriven()):
        assert torch.equal(simulate(again, X, run).readout, simulate(chip, X, run).readout)
    assert torch.equal(again(X), before) and not torch.equal(before, ideal(X))
    assert list(map(repr, again.body.constraints)) == list(map(repr, chip.body.constraints))


def test_noise_is_drawn_from_its_seed_and_apart() -> None:
    ideal = convert(plain(), X, input_range=(0.0, 1.0))

    def jittered(*hardware: Constraint) -> Tensor:
        return simulate(constrain(ideal, hardware), X).readout

    one, other = jittered(SpikeJitter(0.05, seed=1)), jittered(SpikeJitter(0.05, seed=2))
    assert torch.equal(one, jittered(SpikeJitter(0.05, seed=1))) and not torch.equal(one, other)
    # Two of one seed are not one of twice the size.
    twice, single = (jittered(*[SpikeJitter(sd)] * n) - ideal(X) for n, sd in ((2, 0.01), (1, 0.02)))
    assert float((twice - single).abs().max()) > 1e-3


def test_batches_of_one_simulation_draw_apart() -> None:
    chip = constrain(convert(plain(), X, input_range=(0.0, 1.0)), SpikeJitter(0.05))
    run = EventDriven().prepare(chip)
    assert not torch.equal(run(X), run(X))


@dataclass(frozen=True, eq=False)
class Unkept(Noise):
    """Holds what no file can."""

    how: Any = None

    def spikes(self, stage: Stage, lead: Tensor, generator: torch.Generator) -> Tensor:
        return lead


def test_what_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    network = constrain(convert(plain(), X, input_range=(0.0, 1.0)), Unkept(0.1, how=torch.relu))
    with pytest.raises(InvalidFile, match=r"constraints.0.how` is a .*, which cannot be kept in a file"):
        save(network, tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_the_network_of_a_tuned_file_has_its_clock(tmp_path: Path) -> None:
    from isospike.train import prepare

    network = convert(plain(), X, input_range=(0.0, 1.0))
    tuned = prepare(network, [TimeSteps(16), WeightBits(4), SpikeJitter(0.1)], [X]).network()
    save(tuned, tmp_path / "m.safetensors")
    # Jitter does not last
    assert [type(c).__name__ for c in load(tmp_path / "m.safetensors").body.constraints] == [
        "TimeSteps",
        "WeightBits",
    ]
    assert replace(tuned.body.constraints[1]).steps


def _twin(module: str, value: float) -> type[Record]:
    twin = make_dataclass("Twin", [("rate", float, value)], bases=(Record,), frozen=True, eq=False)
    twin.__module__, twin.__qualname__ = module, "Twin"
    return twin


def test_a_class_is_found_by_its_module_as_well_as_its_name() -> None:
    ours, theirs = _twin("ours.neurons", 1.0), _twin("theirs.neurons", 2.0)
    for twin in (ours, theirs):
        assert type(from_tree(to_tree(twin()), {})) is twin
    moved = to_tree(ours()) | {"of": "ours.units"}
    assert type(from_tree(moved, {})) is ours, "within a package modules may move"
    with pytest.raises(InvalidFile, match=r"needs `Twin` of `others.neurons`, which is not defined here"):
        from_tree(to_tree(ours()) | {"of": "others.neurons"}, {})
    second = _twin("ours.more", 3.0)
    with pytest.raises(InvalidFile, match=r"there are ours.neurons and ours.more"):
        from_tree(moved, {})
    assert type(from_tree(to_tree(second()), {})) is second
