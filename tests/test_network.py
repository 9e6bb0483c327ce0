"""A spiking network as a module and as a file: what is read back is what was written, to the last bit."""

import copy
import json
import stat
import struct
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from exactness import graph_of
from isospike import TTFS, EventDriven, SpikingNetwork, convert, load, save, simulate
from isospike.codings.ttfs import MAPPINGS
from isospike.errors import InvalidFile
from isospike.ir.record import Record, subclasses
from isospike.ranges import calibrate
from zoo import HIGH, LOW, ZOO, inputs


def converted(name: str) -> tuple[SpikingNetwork, Tensor]:
    model, shape = ZOO[name]()
    x = inputs(shape)
    return convert(model.double(), x, input_range=(LOW, HIGH)), x


@pytest.mark.parametrize("name", ZOO)
def test_a_file_holds_the_whole_network(name: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model, shape = ZOO[name]()
    graph, x = graph_of(model, shape), inputs(shape)
    ranges = calibrate(graph, [x])
    for mapping in MAPPINGS:
        network = TTFS(mapping=mapping).network(graph, ranges)  # type: ignore[arg-type]
        save(network, path)
        again = load(path)
        before, after = simulate(network, x), simulate(again, x)
        assert torch.equal(after.readout, before.readout)
        assert after.codes.keys() == before.codes.keys()
        assert all(torch.equal(after.codes[stage], before.codes[stage]) for stage in before.codes)
        assert again.body.coding == network.body.coding
        assert f"mapping='{mapping}'" in again.body.coding
        assert {key: t.dtype for key, t in again.state_dict().items()} == {
            key: t.dtype for key, t in network.state_dict().items()
        }
        save(again, tmp_path / "again.safetensors")
        assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_a_file_is_data_for_everyone_to_read(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save(converted("linear")[0], path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.safetensors"]
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    assert set(header) - {"__metadata__"} == set(load_file(path))  # tensors and a header, nothing else
    assert json.loads(header["__metadata__"]["isospike"])["format"] == 4
    assert len(content) == 8 + size + max(
        entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"
    )


def test_a_file_names_classes_and_brings_none(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save(converted("linear")[0], path)
    tensors = load_file(path)
    (size,) = struct.unpack("<Q", path.read_bytes()[:8])
    text = json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"]["isospike"]
    known = {cls.__qualname__ for cls in subclasses(Record)}
    assert "FirstSpikeIF" in known and '"FirstSpikeIF"' in text
    for name in ("Undefined", "antigravity.Record", "this"):
        save_file(tensors, path, {"isospike": text.replace('"FirstSpikeIF"', json.dumps(name))})
        with pytest.raises(
            InvalidFile, match=f"`{name}` of `isospike.neurons.first_spike`, which is not defined here"
        ):
            load(path)
    assert not {"antigravity", "this"} & sys.modules.keys()


def test_precision() -> None:
    network, x = converted("lenet 5")
    expected = network(x)
    assert network.dtype == expected.dtype == torch.float64
    single = copy.deepcopy(network).to(torch.float32)
    assert single.dtype == single(x.float()).dtype == torch.float32
    assert 0 < float((single(x.float()) - expected).abs().max()) <= 1e-4 * float(expected.abs().max())
    for double in (copy.deepcopy(single).double(), copy.deepcopy(single).to(torch.float64)):
        assert double.dtype == torch.float64
        assert torch.equal(double(x), copy.deepcopy(single).double()(x))
    assert torch.equal(network(x), expected)  # the copies were copies


def test_a_copy_has_tensors_of_its_own() -> None:
    network, x = converted("residual")
    expected = network(x)
    twin = copy.deepcopy(network)
    assert torch.equal(twin(x), expected)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(1.5)
    assert torch.equal(network(x), expected)
    assert not torch.equal(twin(x.clamp(0, 1)), network(x.clamp(0, 1)))


def test_a_state_dict_carries_every_tensor() -> None:
    network, x = converted("conv")
    assert network.state_dict().keys() == {path.replace(".", "/") for path in network.body.tensors()}
    other = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(x), network(x))
    assert torch.equal(simulate(other, x, EventDriven()).readout, simulate(network, x, EventDriven()).readout)


def test_parameters_are_those_that_run() -> None:
    """Twice the read-out's weights and ramp are twice the output."""
    network, x = converted("linear")
    expected = network(x)
    last = f"stages/{len(network.stages) - 1}/"
    touched = 0
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith(last) and name.endswith(("weight", "neuron/ramp")):
                parameter.mul_(2)
                touched += 1
    assert touched == 2
    assert torch.allclose(network(x), 2 * expected, rtol=1e-12, atol=1e-12)


def test_nothing_is_trained_unless_asked() -> None:
    network, _ = converted("linear")
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_calibration_that_can_be_read_only_once() -> None:
    """A generator gives what a list gives: no batch of it is lost."""
    model, shape = ZOO["linear"]()
    batches = list(inputs(shape, 12).flip(0).split(4))
    largest = max(range(3), key=lambda i: float(model.double()(batches[i]).detach().abs().max()))
    batches.insert(0, batches.pop(largest))  # the first one read is the one that matters
    for declared in (None, (LOW, HIGH)):
        once, often = (
            convert(model, calibration, input_range=declared) for calibration in ((x for x in batches), batches)
        )
        assert all(
            torch.equal(a, b) for a, b in zip(once.state_dict().values(), often.state_dict().values(), strict=True)
        )
