"""The server's numbers are those of independent computations."""

import base64
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import isospike as iso
from isospike.constraints import DoubleExponential
from isospike.data import open_data
from isospike.encoders import Poisson
from isospike.engine import Walk
from isospike.errors import InvalidModel, InvalidSetting
from isospike.explore import Settings, Subject, explained, play
from isospike.explore.scene import plain
from isospike.explore.subject import MEASURED, Ready
from isospike.ir.ops.affine import through
from isospike.measure.prices import USUAL
from isospike.zoo import lenet5


def numbers(packed: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["packed"]), "<f4").reshape(-1, packed["columns"])


def run(client, settings: dict, given: dict) -> dict:
    answer = client.post("/api/run", json={"settings": settings, "input": given})
    assert answer.status_code == 200, answer.text
    return answer.json()


def neuron(client, settings: dict, given: dict, stage: str, place: list[int]) -> dict:
    answer = client.post("/api/neuron", json={"settings": settings, "input": given, "stage": stage, "neuron": place})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_first_spikes_are_those_of_a_simulation(client, conversion, data) -> None:
    x = data.take(torch.tensor([7])).double()
    network = conversion.network(iso.TTFS(), torch.float64)
    trace = iso.simulate(network, x, iso.EventDriven())  # integrates the membranes, and solves nothing at once
    found = run(client, {"coding": "ttfs"}, {"sample": 7})
    assert found["scores"] == pytest.approx(trace.readout[0].tolist(), abs=1e-9)
    stages = {stage["name"]: stage for stage in found["stages"]}
    for stage in network.stages[:-1]:
        times = (trace.times(stage.name)[0] + stage.begin).flatten().numpy()
        assert numbers(stages[stage.name]["times"])[:, 0] == pytest.approx(times, rel=1e-5)
        assert stages[stage.name]["active"] == np.isfinite(times).sum()
    figures = iso.measure(network, (x, torch.tensor([0])))
    assert found["figures"]["energy_spiking_nj"] == pytest.approx(figures["energy_spiking_nj"])
    assert found["figures"]["synaptic_operations"] == figures["synaptic_operations"]
    assert found["end"] == pytest.approx(network.latency)


def test_the_original_is_the_model(client, data) -> None:
    for sample in (0, 3, 11):
        with torch.no_grad():
            expected = lenet5().double()(data.take(torch.tensor([sample])).double())[0]
        found = run(client, {"coding": "ttfs"}, {"sample": sample})
        assert found["original"] == pytest.approx(expected.tolist(), abs=1e-9)
        assert found["scores"] == pytest.approx(expected.tolist(), abs=1e-9)
        first, second = expected.topk(2).values.tolist()
        decision = {"output": int(expected.argmax()), "margin": pytest.approx(first - second)}
        assert found["decision_original"] == decision and found["decision"] == decision


@pytest.mark.parametrize("name", ["rate", "signed"])
def test_rates_are_those_of_a_simulation(client, conversion, data, name: str) -> None:
    x = data.take(torch.tensor([5]))
    network = conversion.network(iso.METHODS[name], torch.float32)
    trace = iso.simulate(network, x)
    found = run(client, {"coding": name}, {"sample": 5})
    assert found["steps"] == 64 and found["scores"] == pytest.approx(trace.readout[0].tolist(), abs=1e-6)
    for stage in found["stages"][1:-1]:
        train = np.frombuffer(base64.b64decode(stage["trains"]), np.int8).reshape(64, *stage["shape"])
        assert (train == trace.trains[stage["name"]][:, 0].numpy()).all()
        assert stage["spikes"] == np.abs(train).sum()
    figures = iso.measure(network, (x, torch.tensor([0])))
    assert found["figures"]["energy_spiking_nj"] == pytest.approx(figures["energy_spiking_nj"])


@pytest.mark.parametrize(
    ("settings", "constraints"),
    [
        ({"jitter": 0.2}, [iso.SpikeJitter(0.2)]),
        ({"ticks": 8}, [iso.TimeSteps(8)]),
        ({"bits": 3}, [iso.WeightBits(3)]),
        ({"bits": 4, "ticks": 16, "jitter": 0.1}, [iso.WeightBits(4), iso.TimeSteps(16), iso.SpikeJitter(0.1)]),
    ],
)
def test_sliders_are_constraints(client, conversion, data, settings: dict, constraints: list) -> None:
    x = data.take(torch.tensor([2])).double()
    ideal = conversion.network(iso.TTFS(), torch.float64)
    network = iso.constrain(ideal, constraints, conversion.batches[0][:MEASURED].double())
    expected = iso.simulate(network, x).readout[0]
    found = run(client, {"coding": "ttfs"} | settings, {"sample": 2})
    assert found["scores"] == pytest.approx(expected.tolist(), abs=1e-9)
    assert found["scores"] != pytest.approx(iso.simulate(ideal, x).readout[0].tolist(), abs=1e-3)
    assert found == run(client, {"coding": "ttfs"} | settings, {"sample": 2})  # noise is drawn from its seed


def test_the_margin_lengthens_windows(client, conversion) -> None:
    found = {margin: run(client, {"coding": "ttfs", "margin": margin}, {"sample": 1}) for margin in (0.0, 1.0)}
    for margin, one in found.items():
        assert one["end"] == pytest.approx(conversion.network(iso.TTFS(margin=margin), torch.float64).latency)
    assert found[0.0]["end"] < found[1.0]["end"]
    assert found[0.0]["scores"] == pytest.approx(found[1.0]["scores"], abs=1e-9)
    few = run(client, {"coding": "rate", "steps": 3}, {"sample": 1})
    assert few["steps"] == 3 and len(base64.b64decode(few["stages"][1]["trains"])) == 3 * 6 * 28 * 28


def test_a_drawing_is_prepared_as_the_data_are(client, data) -> None:
    pixels = (data.images[4].double() / 255).flatten().tolist()
    same = run(client, {"coding": "ttfs"}, {"drawn": pixels})
    assert same == run(client, {"coding": "ttfs"}, {"sample": 4})
    decisions = {
        run(client, {"coding": "ttfs"}, {"drawn": (data.images[i] / 255).flatten().tolist()})["decision"]["output"]
        for i in range(10)
    }
    assert len(decisions) > 4


def test_a_drawing_is_normalised() -> None:
    """With a mean and a deviation, and where images are floating point."""
    from isospike.explore import image

    sample = open_data("mnist-sample", False, None, ((0.25,), (0.5,)))
    ink = (sample.images[3].double() / 255).flatten().tolist()
    assert torch.equal(image(sample, (1, 28, 28), ink), sample.take(torch.tensor([3])))
    real = replace(sample, images=sample.images.float() / 255)
    assert image(real, (1, 28, 28), ink) == pytest.approx(real.take(torch.tensor([3])), abs=1e-6)


def activations(sample: torch.Tensor) -> dict[str, torch.Tensor]:
    """By stage, what the modules of the original say."""
    model, found, value = lenet5().double(), {}, sample.double()
    after = {2: "0", 3: "3", 6: "4", 7: "7", 10: "8", 14: "12", 15: "15"}
    for i, module in enumerate(model):
        value = module(value)
        if i in after:
            found[after[i]] = value[0]
    return found


def test_a_neuron_shows_both_values(client, data) -> None:
    expected = activations(data.take(torch.tensor([9])))
    assert [type(module) for module in lenet5()][2::4][:2] == [nn.ReLU, nn.ReLU]
    for stage, place in (
        ("0", [2, 14, 13]),
        ("3", [1, 7, 7]),
        ("4", [3, 4, 5]),
        ("7", [0, 2, 2]),
        ("8", [17, 0, 0]),
        ("12", [5]),
        ("15", [9]),
    ):
        found = neuron(client, {"coding": "ttfs"}, {"sample": 9}, stage, place)
        assert found["original"] == pytest.approx(float(expected[stage][tuple(place)]), abs=1e-9)
        assert found["decoded"] == pytest.approx(found["original"], abs=1e-9)
        assert found["difference"] == found["decoded"] - found["original"] and found["rounding"]
        rates = neuron(client, {"coding": "rate"}, {"sample": 9}, stage, place)
        assert rates["original"] == found["original"] and rates["decoded"] == pytest.approx(found["original"], abs=0.6)


def test_the_arithmetic_adds_up(client, conversion, data) -> None:
    """Of the dense layer: its weights and the spikes that arrive give the sum, the line ends at the threshold."""
    network = conversion.network(iso.TTFS(), torch.float64)
    trace = iso.simulate(network, data.take(torch.tensor([9])).double())
    leads = trace.codes["8"][0].flatten()
    fired = int((trace.codes["12"][0] > 0).nonzero()[0])
    batch = lenet5().double()[13]
    weights = lenet5().double()[12].weight * (batch.weight / (batch.running_var + batch.eps).sqrt())[:, None]
    found = neuron(client, {"coding": "ttfs"}, {"sample": 9}, "12", [fired])
    terms = {symbol: size for symbol, _, size in found["terms"]}
    assert terms["Σ J x"] == pytest.approx(float(weights[fired] @ leads), abs=1e-9)
    incoming = found["incoming"]
    assert incoming["synapses"] == 120 and incoming["arriving"] == int((leads > 0).sum())
    assert len(incoming["rows"]) == min(40, incoming["arriving"])
    added = [abs(row["adds"]) for row in incoming["rows"]]
    assert added == sorted(added, reverse=True)
    for row in incoming["rows"]:
        (channel, *_) = row["place"]
        assert row["weight"] == pytest.approx(float(weights[fired, channel]))
        assert row["adds"] == pytest.approx(float(weights[fired, channel] * leads[channel]))
        assert row["time"] == pytest.approx(float(trace.stage("8").end - leads[channel]))
    line = numbers(found["membrane"]["line"])
    assert line[-1, 1] == pytest.approx(found["membrane"]["threshold"], rel=1e-5)
    assert line[-1, 0] == pytest.approx(float(trace.stage("12").end - trace.codes["12"][0][fired]), rel=1e-5)


def test_the_read_out_ends_at_its_score(client) -> None:
    for coding in ("ttfs", "rate", "signed"):
        scores = run(client, {"coding": coding}, {"sample": 6})["scores"]
        for output in (0, 9):
            found = neuron(client, {"coding": coding}, {"sample": 6}, "15", [output])
            assert found["membrane"]["threshold"] is None
            assert numbers(found["membrane"]["line"])[-1, 1] == pytest.approx(scores[output], abs=1e-4)


def test_a_rate_neuron_spends_what_it_receives(client) -> None:
    """Σ w N + T b = V(T) − V(0) + θ N, for neurons whose reset is soft."""
    found = neuron(client, {"coding": "rate"}, {"sample": 6}, "12", [3])
    terms, line = {symbol: size for symbol, _, size in found["terms"]}, numbers(found["membrane"]["line"])
    received = terms["Σ w N"] + terms["T b"]
    assert received == pytest.approx(line[-1, 1] - line[0, 1] + terms["θ"] * terms["N"], abs=1e-3)
    assert len(found["membrane"]["spikes"]) == terms["N"]


def test_an_input_neuron(client, data) -> None:
    pixel = float(data.images[6][0, 14, 13]) / 255
    for coding in ("ttfs", "rate"):
        found = neuron(client, {"coding": coding}, {"sample": 6}, "input", [0, 14, 13])
        assert found["original"] == pytest.approx(pixel, abs=1e-6) and found["decoded"] == pytest.approx(
            pixel, abs=1e-6
        )


def test_a_jittered_spike_is_told_from_its_crossing(client) -> None:
    ideal = next(
        one
        for k in range(84)
        if (one := neuron(client, {"coding": "ttfs"}, {"sample": 9}, "12", [k]))["decoded"] > 0.5
    )
    moved = neuron(client, {"coding": "ttfs", "jitter": 0.5}, {"sample": 9}, "12", ideal["place"])
    assert moved["original"] == ideal["original"] and abs(moved["difference"]) > 1e-3
    sent = {symbol: size for symbol, _, size in moved["terms"]}
    assert "x sent" not in {symbol for symbol, *_ in ideal["terms"]}
    assert sent["x sent"] * sent["unit"] == pytest.approx(moved["decoded"]) and sent["x"] != pytest.approx(
        sent["x sent"], abs=1e-3
    )


def test_a_file_is_explored_with_its_model(conversion, data, tmp_path: Path) -> None:
    iso.save(conversion.network(iso.TTFS(margin=0.1), torch.float32), tmp_path / "kept.safetensors")
    file = iso.load(tmp_path / "kept.safetensors")
    subject = Subject("kept", conversion, data, file)
    assert list(subject.codings) == ["file", "ttfs", "rate", "signed"]
    assert set(subject.reasons("file")) == {"margin", "steps"}
    x = data.take(torch.tensor([0]))
    scene = play(subject.ready(Settings("file")), x, subject.prices)
    assert torch.equal(scene.scores, iso.simulate(file, x).readout[0])
    with pytest.raises(InvalidSetting, match="margin"):
        subject.ready(Settings("file", margin=0.2))
    other = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10)).eval()
    with pytest.raises(InvalidModel, match="no network of this model"):
        Subject("other", iso.Conversion(other, data.first(8)), data, file)
    curved = DoubleExponential(5.0)(file)
    with pytest.raises(InvalidModel, match="does not explain"):
        Subject("curved", conversion, data, curved)


@pytest.mark.parametrize("name", ["regular", "kim2020"])
def test_input_spikes_are_those_that_the_network_received(conversion, data, name: str) -> None:
    """A coding whose input neurons send spikes, evenly or at random: layer 0 received what the page shows."""
    coding = replace(iso.METHODS[name], encoder=Poisson) if name == "kim2020" else iso.METHODS[name]
    network = conversion.network(coding, torch.float32)
    x, heard = data.take(torch.tensor([3])), []
    scene = play(Ready(network), x, USUAL)
    figures = iso.measure(network, (x, torch.tensor([0])))
    assert scene.figures["synaptic_operations"] == pytest.approx(figures["synaptic_operations"])
    walk = Walk(
        network.body,
        x,
        torch.Generator().manual_seed(0),
        drives=lambda stage, drive: heard.append(drive.clone()) if stage.name == "0" else None,
    )
    walk.until(network.body.steps)
    (group,), neuron = network.stages[0].groups, network.stages[0].neuron
    expected = through(group.chain, scene.trains["input"].float()) + neuron.current
    assert torch.allclose(torch.cat(heard)[:, 0], expected, atol=1e-5)
    shown = explained(scene, {}, "input", [0, 14, 14])
    assert shown["decoded"] == pytest.approx(float(scene.trains["input"].sum(0)[0, 14, 14]) / network.body.steps)
    about = next(stage for stage in plain(scene)["stages"] if stage["name"] == "input")
    assert about["spikes"] == int(scene.trains["input"].sum()) and "trains" in about


def test_few_networks_are_kept(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isospike.explore.subject.KEPT", 1 << 20)
    for k in range(12):
        subject.ready(Settings("ttfs", margin=k / 16))
    assert len(subject._ready) <= 3
