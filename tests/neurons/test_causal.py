"""Neurons that fire before all inputs have arrived: sorted sums, the kernel that stops early, and integration spike by
spike are one."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.neurons import CausalIF
from isospike.neurons.base import Synapses
from isospike.neurons.causal import causal_times, on_clock, sorted_sums

LAG = 2.0**-13


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def integrated(times: Tensor, weight: Tensor, ramp: Tensor, threshold: Tensor, observed: float = math.inf) -> Tensor:
    """Spike times by the event-driven face, whose clock starts at the first arrival."""
    window = 2.0**12
    rows = csr_array(weight.T.numpy())
    neuron = CausalIF(ramp, threshold, number(observed), number(LAG), number(window))
    leads = np.where(np.isfinite(times.numpy()), window - times.numpy(), 0.0)
    leads = neuron.event_driven(leads, Synapses(rows.indptr, rows.indices, rows.data), tuple(ramp.shape))
    return torch.from_numpy(np.where(leads > 0, window - leads, np.inf))


# Times, weights and thresholds on a grid, so that two ways of adding them up agree to the last bit on which spike
# comes first: where a
# membrane only just touches its threshold there is no tolerance.
SIXTEENTHS = st.integers(0, 48).map(lambda n: n / 16)
WEIGHTS = st.integers(-24, 24).map(lambda n: n / 16)
INPUTS, NEURONS, BATCH = 6, 4, 3


@st.composite
def layers(draw) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Times with silent and simultaneous inputs, weights of either sign with gaps, ramps, thresholds."""

    def numbers(of, *shape: int) -> Tensor:
        count = math.prod(shape)
        return torch.tensor(draw(st.lists(of, min_size=count, max_size=count)), dtype=torch.float64).reshape(shape)

    times = numbers(st.one_of(SIXTEENTHS, st.just(math.inf)), BATCH, INPUTS)
    return (
        times,
        numbers(WEIGHTS, NEURONS, INPUTS),
        numbers(st.integers(0, 24).map(lambda n: n / 16), NEURONS),
        numbers(st.just(1.0), NEURONS),
    )


def rows(times: Tensor, weight: Tensor, ramp: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same layer with its ramp as an input."""
    return torch.cat([times.new_zeros(len(times), 1), times], 1), torch.cat([ramp[None], weight.T]), threshold


@settings(deadline=None, max_examples=300)  # the first one is compiled
@given(layers())
def test_sorted_sums_are_the_integral(layer: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    times, weight, ramp, threshold = layer
    times = times[torch.isfinite(times).any(1)]
    arrivals = on_clock(times, number(LAG))
    found, expected = causal_times(arrivals, weight, ramp, threshold), integrated(times, weight, ramp, threshold)
    assert torch.allclose(found, expected, rtol=1e-9, atol=1e-9)  # infinities equal infinities
    assert torch.allclose(sorted_sums(*rows(arrivals, weight, ramp, threshold)), found, rtol=1e-12, atol=1e-12)


def test_a_dense_layer_of_real_weights() -> None:
    """Black pixels arrive together, some neurons never fire, and all three agree."""
    generator = torch.Generator().manual_seed(0)
    times = torch.rand(5, 200, generator=generator, dtype=torch.float64)
    times = torch.where(times < 0.6, 1.0, times)
    times[:, 7], times[3, 8:] = math.inf, math.inf
    weight = torch.randn(60, 200, generator=generator, dtype=torch.float64) / 4
    one = torch.ones(60, dtype=torch.float64)
    arrivals = on_clock(times, number(LAG))
    found = causal_times(arrivals, weight, one, one)
    assert 0.1 < float(torch.isfinite(found).double().mean()) < 1
    assert bool((found < arrivals.nan_to_num(posinf=0).amax(1, keepdim=True)).any()), (
        "some fire before their inputs are complete"
    )
    assert torch.allclose(found, integrated(times, weight, one, one), rtol=1e-9, atol=1e-9)
    assert torch.allclose(found, sorted_sums(*rows(arrivals, weight, one, one)), rtol=1e-11, atol=1e-11)
    single = causal_times(arrivals.float(), weight.float(), one.float(), one.float())
    both = torch.isfinite(found) & torch.isfinite(single)
    assert single.dtype == torch.float32 and float((single[both] - found[both]).abs().median()) < 1e-5


def test_by_hand() -> None:
    """α = 1, θ = 1: V(0.5) = 0.5, slope 2 from then on, so t = 0.75, before the second input at 0.8 can hold it
    back."""
    times = torch.tensor([[0.5, 0.8]], dtype=torch.float64)
    weight = torch.tensor([[1.0, -5.0], [0.0, 0.0], [-1.0, -1.0], [-0.5, 2.0]], dtype=torch.float64)
    one = torch.ones(4, dtype=torch.float64)
    #   alone: t = 1; flat then falling: never; V(0.8) = 0.65, slope 2.5 from then on: t = 0.8 + 0.35 / 2.5
    assert causal_times(times, weight, one, one).tolist() == [[0.75, 1.0, math.inf, pytest.approx(0.94)]]


@pytest.mark.parametrize("second, fires", [(0.75, 0.75), (0.5, math.inf)])
def test_a_threshold_that_is_touched_is_reached(second: float, fires: float) -> None:
    times, one = torch.tensor([[0.5, second]], dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    weight = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    assert causal_times(times, weight, one, one).item() == fires
    assert integrated(times - 0.5 + LAG, weight, one, one - 0.5 + LAG).item() == pytest.approx(
        fires - 0.5 + LAG if fires < math.inf else fires
    )


def test_what_comes_after_the_spike_does_not_matter() -> None:
    """Negative control: without the causal set the late input would move the spike."""
    times, one = torch.tensor([[0.5, 0.8]], dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    early = [
        causal_times(times, torch.tensor([[1.0, late]], dtype=torch.float64), one, one).item()
        for late in (-9.0, 0.0, 9.0)
    ]
    assert early == [0.75] * 3
    everything = (1 + 1.0 * 0.5 + 9.0 * 0.8) / (1 + 1.0 + 9.0)
    assert abs(everything - 0.75) > 0.03


def test_gradients_are_slopes() -> None:
    generator = torch.Generator().manual_seed(1)
    times = torch.rand(4, 12, generator=generator, dtype=torch.float64)
    times[1, 3], times[2] = math.inf, times[2].clamp_min(0.4)
    weight = torch.randn(7, 12, generator=generator, dtype=torch.float64) / 2
    ramp, threshold = (
        torch.linspace(0.5, 1.5, 7, dtype=torch.float64),
        torch.linspace(0.8, 1.2, 7, dtype=torch.float64),
    )
    mix = torch.randn(4, 7, generator=generator, dtype=torch.float64)

    def value(times: Tensor, weight: Tensor, ramp: Tensor, threshold: Tensor) -> Tensor:
        fired = causal_times(times, weight, ramp, threshold)
        return (mix * torch.where(torch.isfinite(fired), fired, 0.0)).sum()

    given = (times, weight, ramp, threshold)
    leaves = [t.clone().requires_grad_() for t in given]
    fired = causal_times(*leaves)
    assert 0.5 < float(torch.isfinite(fired).double().mean()) < 1
    found = torch.autograd.grad(value(*leaves), leaves)
    for place, gradient in enumerate(found):
        numeric = torch.zeros_like(given[place])
        for i in range(numeric.numel()):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [t.clone() for t in given]
                moved[place].view(-1)[i] += step
                ends.append(value(*moved))
            numeric.view(-1)[i] = (ends[0] - ends[1]) / 2e-6
        assert float((gradient - numeric).abs().max() / numeric.abs().max()) <= 1e-6
    assert not found[0][1, 3], "a silent input has no gradient"
    plain = torch.autograd.grad((mix * sorted_sums(*rows(*leaves)).nan_to_num(posinf=0)).sum(), leaves)
    assert all(torch.allclose(one, other, rtol=1e-10, atol=1e-12) for one, other in zip(found, plain, strict=True))


def test_the_clock_starts_with_the_first_spike() -> None:
    times = torch.tensor([[2.0, 3.0, math.inf], [math.inf] * 3], dtype=torch.float64)
    assert on_clock(times, number(0.5)).tolist() == [[0.5, 1.5, math.inf], [math.inf] * 3]
    one = torch.ones(2, dtype=torch.float64)
    weight = torch.full((2, 3), 0.5, dtype=torch.float64)
    late = integrated(times, weight, one, one)
    assert torch.equal(late[0], integrated(times - 1, weight, one, one)[0]), "a later pattern is the same pattern"
    assert late[1].tolist() == [math.inf] * 2, "without a first spike the ramp does not start"


def test_the_observation_time_silences_late_spikes() -> None:
    times, one = torch.tensor([[LAG]], dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    weight = torch.tensor([[1.0], [0.0], [-0.5]], dtype=torch.float64)
    all_of_them = integrated(times, weight, one, one)
    assert all_of_them[0].tolist() == pytest.approx([0.5, 1.0, 2.0], abs=1e-3)
    kept = integrated(times, weight, one, one, observed=float(all_of_them[0, 1]))
    assert torch.equal(kept[0, :2], all_of_them[0, :2]) and kept[0, 2] == math.inf


def test_a_silent_neuron_has_no_lead_and_no_spike() -> None:
    neuron = CausalIF(*(number(v) for v in (1.0, 1.0, math.inf, LAG, 8.0)))
    code = torch.tensor([[0.0, 7.5]])
    assert neuron.spikes(code).tolist() == [[0.0, 1.0]] and torch.equal(neuron.value(code), code)
    with pytest.raises(InvalidSetting, match="CausalIF has no closed form"):
        neuron.closed_form(lambda _: code)
    assert neuron.retimed(number(8.0), number(8.0), number(8.0)) is neuron
    with pytest.raises(InvalidSetting, match="CausalIF cannot wait 4 instead of 8"):
        neuron.retimed(number(4.0), number(8.0), number(8.0))
