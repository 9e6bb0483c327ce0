"""Networks that answer by their first output spike: losses, observation times, and the network that training makes."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

import isospike
from isospike.encoders import EveryInputEncoder
from isospike.errors import InvalidSetting
from isospike.neurons import CausalIF
from isospike.train.early import Early, EarlyAnswers, on_one_clock

QUIET = Early(dropout=0.0)


def images(count: int = 20, seed: int = 0) -> Tensor:
    """Noise with black pixels."""
    x = torch.rand(count, 1, 4, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.where(x < 0.4, 0.0, x)


def trainee(settings: Early = QUIET, widths: tuple[int, ...] = (16, 12, 3)) -> EarlyAnswers:
    return EarlyAnswers((1, 4, 5), widths, settings=settings).double()


def test_every_input_spikes_and_the_largest_first() -> None:
    encoder = EveryInputEncoder(
        (3,), *(torch.tensor(v) for v in (0.0, 2.0)), False, *(torch.tensor(v) for v in (1.0, 1e-4, 8.0))
    )
    lead = encoder.encode(torch.tensor([[2.0, 0.5, 0.0]]))
    assert (encoder.end - lead)[0].tolist() == pytest.approx([1e-4, 0.7501, 1.0001], abs=1e-6)


def test_weights_begin_uniform() -> None:
    for weight, inputs in zip(trainee(widths=(500, 3)).weights, (20, 500), strict=True):
        assert 0.9 / (8 * inputs) ** 0.5 < float(weight.detach().abs().max()) <= 1 / (8 * inputs) ** 0.5


def test_each_hidden_neuron_fires_for_half_of_the_batch() -> None:
    model = trainee()
    _, *hidden, outputs = model.times(images())
    for layer, times in enumerate(hidden):
        assert torch.isfinite(times).sum(0).tolist() == [10] * times.shape[1]
        assert torch.equal(getattr(model, f"observed_{layer}"), times.nan_to_num(posinf=0).amax(0)), (
            "the first batch is the mean so far"
        )
    assert bool(torch.isfinite(outputs).all()) and bool(torch.isinf(model.observed_2).all())


def test_negative_control_without_observation_times_all_fire() -> None:
    _, *hidden, _ = trainee().eval().times(images())
    assert all(bool(torch.isfinite(times).all()) for times in hidden)


def test_the_running_mean_is_what_inference_uses() -> None:
    model = trainee()
    model.times(images(seed=1))
    before = model.observed_0.clone()
    first = model.times(images(seed=2))[1].nan_to_num(posinf=0).amax(0)
    assert torch.allclose(model.observed_0, 0.95 * before + 0.05 * first)
    model.eval()
    kept = model.observed_0.clone()
    times = model.times(images(seed=3))[1]
    assert torch.equal(model.observed_0, kept) and bool(((times <= kept) | torch.isinf(times)).all())


def test_neurons_that_are_mostly_silent_are_watched_for_ever() -> None:
    model = trainee(widths=(3, 3))
    with torch.no_grad():
        model.weights[0][0] = -1.0
    fired = model.times(images())[1]
    assert bool(torch.isinf(model.observed_0[0])) and bool(torch.isfinite(model.observed_0[1:]).all())
    assert torch.isfinite(fired).sum(0).tolist()[1:] == [10, 10]


def test_a_silent_output_has_probability_zero_and_its_sample_teaches_nothing() -> None:
    model, x, y = trainee(Early(dropout=0.0, silence=0.0, decay=0.0)), images(), torch.zeros(20, dtype=torch.long)
    with torch.no_grad():
        model.weights[-1][2] = -5.0
    scores = model(x)
    assert bool((scores[:, 2] == -torch.inf).all())
    probability = (1000 * scores).softmax(1)
    assert bool((probability[:, 2] == 0).all()) and bool(torch.isfinite(probability).all())
    loss = model.loss(x, y)
    loss.backward()
    assert float(loss.detach()) == 0 and all(not weight.grad.any() for weight in model.weights)
    as_the_source_writes_it = (-1000 * torch.where(torch.isfinite(scores), -scores, 0.0)).softmax(1)
    assert bool((as_the_source_writes_it[:, 2] == 1).all()), "with 0 for silence it would win"


def test_only_samples_with_a_silent_output_are_left_out() -> None:
    model, x, y = trainee(Early(dropout=0.0, silence=0.0, decay=0.0, sharpness=10.0)), images(), torch.arange(20) % 3
    with torch.no_grad():
        model.weights[-1][2] = -torch.linspace(0.0, 0.35, 12, dtype=torch.float64)
    scores = model(x)
    heard = torch.isfinite(scores).all(1)
    assert 0 < int(heard.sum()) < 20
    expected = -(10 * scores[heard]).log_softmax(1)[torch.arange(int(heard.sum())), y[heard]].mean()
    loss = model.loss(x, y)
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-9)
    loss.backward()
    assert all(bool(torch.isfinite(weight.grad).all()) for weight in model.weights)


def test_penalties() -> None:
    x, y = images(), torch.arange(20) % 3

    def loss(**constants: float) -> float:
        model = trainee(Early(**{"dropout": 0.0, "silence": 0.0, "decay": 0.0} | constants))
        with torch.no_grad():
            model.weights[0][1] = -0.01
        return float(model.loss(x, y).detach())

    weights = list(trainee().weights)
    with torch.no_grad():
        weights[0][1] = -0.01
    silent = sum(max(0.0, -float(row.sum())) for weight in weights for row in weight.detach())
    assert loss(silence=2.0) - loss() == pytest.approx(2 * silent, rel=1e-9) and silent > 0.2
    assert loss(decay=3.0) - loss() == pytest.approx(
        3 * sum(float(weight.detach().square().sum()) for weight in weights), rel=1e-9
    )


def test_dropout_silences_in_training_and_can_be_repeated() -> None:
    lossy, whole = trainee(Early(dropout=0.5)), trainee()
    kept = torch.isfinite(lossy.times(images(400))[1]).double().mean()
    assert float(kept) == pytest.approx(0.25, abs=0.03)
    (generator,) = lossy.generators()
    draws = []
    for _ in range(2):
        generator.manual_seed(7)
        draws.append(lossy.times(images())[1])
    assert torch.equal(*draws)
    whole.load_state_dict(lossy.state_dict())
    assert all(
        torch.equal(a, b) for a, b in zip(lossy.eval().times(images()), whole.eval().times(images()), strict=True)
    )


def crossing(arrivals: Tensor, weight: Tensor) -> float:
    """When V, with α = θ = 1, first reaches its threshold: from one arrival to the next, a straight line each."""
    v, slope, now = 0.0, 1.0, 0.0
    for arrival, w in [*sorted(zip(arrivals.tolist(), weight.tolist(), strict=True)), (float("inf"), 0.0)]:
        if slope > 0 and now + (1 - v) / slope <= arrival:
            return now + (1 - v) / slope
        if arrival == float("inf"):
            break
        v, slope, now = v + slope * (arrival - now), slope + w, arrival
    return float("inf")


def test_the_spikes_that_are_left_stand_for_those_that_are_lost() -> None:
    """In training the weights behind layers that lose a share p of their spikes act 1 / (1 − p) times as strongly;
    later they do not."""
    model = trainee(Early(dropout=0.6))
    for training, factors in ((True, (1.0, 2.5, 2.5)), (False, (1.0, 1.0, 1.0))):
        times = [t.detach() for t in model.train(training).times(images(5))]
        for layer, (weight, factor) in enumerate(zip(model.weights, factors, strict=True)):
            own = times[layer] - times[layer].amin(1, keepdim=True) + QUIET.lag
            expected = torch.tensor(
                [[crossing(row, neuron) for neuron in factor * weight.detach()] for row in own], dtype=torch.float64
            )
            heard = torch.isfinite(times[layer + 1])
            assert bool(heard.any()) and torch.allclose(times[layer + 1][heard], expected[heard], rtol=1e-9, atol=0)
        assert torch.equal(heard, expected <= QUIET.window), "output neurons lose no spike"


def test_the_network_integrates_to_the_same_spikes(tmp_path) -> None:
    model = trainee()
    model.loss(images(), torch.arange(20) % 3)  # observation times
    model.eval()
    x = images(50, seed=5)
    times = [t.detach() for t in model.times(x)]
    isospike.save(model.result(), tmp_path / "early.safetensors")
    for network in (model.result(), isospike.load(tmp_path / "early.safetensors")):
        trace = isospike.simulate(network, x, isospike.EventDriven())
        assert all(isinstance(stage.neuron, CausalIF) for stage in network.stages)
        for stage, expected in zip(network.stages, times[1:], strict=True):
            assert torch.allclose(trace.times(stage.name), expected, rtol=1e-9, atol=1e-9)
        assert 0 < float(torch.isinf(times[1]).double().mean()) < 1
        assert torch.equal(trace.readout.argmax(1), times[-1].argmin(1)) and torch.equal(
            trace.readout.argmax(1), model(x).argmax(1)
        )
    figures = isospike.measure(network, [(x, torch.zeros(50).long())], isospike.EventDriven())
    fired = torch.cat([t.isfinite().flatten() for t in times[1:-1]]).double().mean()
    assert figures["spikes_per_neuron"] == pytest.approx(float(fired))


def test_clocks_follow_one_another() -> None:
    model = trainee().eval()
    own = model.times(images())
    moved = on_one_clock(own, QUIET.lag)
    assert torch.equal(moved[0], own[0])
    for before, after in pairwise(moved):
        assert bool((after.amin(1) > before.amin(1)).all()), "nothing fires before it has heard something"
    assert torch.allclose(
        moved[2] - own[2], own[0].amin(1, keepdim=True) + own[1].amin(1, keepdim=True) - 2 * QUIET.lag
    )


def test_training_learns() -> None:
    """Which half of the image is brighter."""
    x = images(400, seed=9)
    y = (x[..., :2, :].sum((1, 2, 3)) > x[..., 2:, :].sum((1, 2, 3))).long()
    model = EarlyAnswers((1, 4, 5), (24, 2), settings=Early(sharpness=50.0, dropout=0.0)).double()
    before = float((model.eval()(x).argmax(1) == y).double().mean())
    optimizer = torch.optim.Adam(model.train().parameters(), lr=5e-3)
    for _ in range(15):
        for part in torch.arange(400).split(50):
            optimizer.zero_grad()
            model.loss(x[part], y[part]).backward()
            optimizer.step()
    assert float((model.eval()(x).argmax(1) == y).double().mean()) > max(0.9, before + 0.1)


def test_settings_that_mean_nothing() -> None:
    with pytest.raises(InvalidSetting, match="layers of"):
        EarlyAnswers((1, 4, 5), ())
    with pytest.raises(InvalidSetting, match="ends before the last input"):
        EarlyAnswers((1, 4, 5), (3,), settings=Early(window=1.0))
