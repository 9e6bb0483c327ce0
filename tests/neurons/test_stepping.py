"""Neurons that fire step by step: what one of them counts, and that its two loops are one."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from isospike.engine import advance, plain, start
from isospike.errors import InvalidSetting
from isospike.ir.ops.pool import Pool
from isospike.neurons import IF, LIF, BurstIF, CountPool, SignedIF, Stepping, TernaryIF


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


MODELS = {
    "if": IF(),
    "if from zero": IF(initial=number(0.0)),
    "if, reset to zero": IF(reset="zero"),
    "lif": LIF(conductance=number(3.0)),
    "lif, reset to zero": LIF(conductance=number(3.0), reset="zero"),
    "lif, late reset": LIF(conductance=number(30.0), reset="late"),
    "lif, a conductance each": LIF(conductance=torch.linspace(0, 30, 7, dtype=torch.float64)),
    "ternary": TernaryIF(),
    "ternary, plain rule": TernaryIF(level=1.0),
    "ternary, leaky": TernaryIF(slope=number(0.1)),
    "ternary, rectified": TernaryIF(slope=number(0.0)),
    "ternary, several": TernaryIF(most=3),
    "burst": BurstIF(),
    "burst, a threshold each": BurstIF(threshold=torch.linspace(0.2, 1.4, 7, dtype=torch.float64)),
    "signed": SignedIF(),
    "signed, no limit": SignedIF(most=math.inf),
}
DRIVES = st.lists(st.floats(-2.5, 2.5), min_size=7, max_size=7)


def counted(neuron: Stepping, drive: float | Tensor, steps: int) -> Any:
    """Net spikes of a constant drive, or of one that varies with the step."""
    x = torch.as_tensor(drive, dtype=torch.float64)
    x = x.reshape(1, 1, 1) if x.ndim == 0 else x.reshape(-1, 1, 1).clone()
    state = start(neuron, x[0])
    advance(neuron, x, state, steps)
    return int(state.net)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("constant", [False, True])
@settings(deadline=None)  # the first one is compiled
@given(st.lists(DRIVES, min_size=12, max_size=12))
def test_the_fused_loop_is_the_plain_one(name: str, constant: bool, rows: list[list[float]]) -> None:
    neuron = MODELS[name]
    x = torch.tensor(rows, dtype=torch.float64).reshape(6, 2, 7)
    x = x[:1] if constant else x
    one, other = start(neuron, x[0]), start(neuron, x[0])
    spikes = [advance(neuron, x.clone(), one, 6), advance(neuron, x.clone(), one, 6)]
    expected = [plain(neuron, x, other, 6), plain(neuron, x, other, 6)]
    assert torch.equal(torch.cat(spikes), torch.cat(expected))
    for found, wanted in ((one.states[0], other.states[0]), (one.net, other.net), (one.total, other.total)):
        assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(3,), (4, 5, 6), (2, 3, 2, 2)])
def test_parameters_find_their_neurons_in_any_layout(shape: tuple[int, ...]) -> None:
    threshold = torch.rand(shape, dtype=torch.float64) + 0.5
    neuron = IF(threshold=threshold, initial=number(0.0))
    x = torch.full((1, 2, *shape), 1.0, dtype=torch.float64)
    x = x[0].contiguous(memory_format=torch.channels_last)[None] if len(shape) == 3 else x
    state = start(neuron, x[0])
    train = advance(neuron, x, state, 50)
    assert torch.equal(state.net[1], (50 / threshold + 1e-9).floor().clamp_max(50))
    assert torch.equal(train.sum(0), state.net) and train.shape == (50, 2, *shape)


@settings(deadline=None)
@given(st.floats(-1.6, 1.6), st.integers(1, 40))
def test_half_threshold_rounds(z: float, steps: int) -> None:
    wanted = steps * min(max(z, -1.0), 1.0)
    count = counted(TernaryIF(), z, steps)
    assert abs(count - wanted) <= 0.5 + 1e-6
    if abs(abs(wanted) % 1 - 0.5) > 1e-6:
        assert count == math.copysign(math.floor(abs(wanted) + 0.5), wanted)


@settings(deadline=None)
@given(st.floats(-1.6, 1.6), st.integers(1, 40))
def test_the_plain_rule_truncates(z: float, steps: int) -> None:
    wanted = steps * min(max(z, -1.0), 1.0)
    assert counted(TernaryIF(level=1.0), z, steps) == math.trunc(wanted + math.copysign(1e-7, wanted))


def test_the_rounding_rule_halves_the_error() -> None:
    """rms over z in [−1, 1]: 0.289 / T rounding, 0.577 / T truncating; V₀ = θ / 2 with two thresholds is no better
    than plain."""
    z = torch.linspace(-1, 1, 4001, dtype=torch.float64)[None, None]

    def error(neuron: Stepping) -> float:
        state = start(neuron, z[0])
        advance(neuron, z, state, 16)
        return float((state.net[0] - 16 * z[0, 0]).square().mean().sqrt())

    assert error(TernaryIF()) == pytest.approx(0.289, abs=0.003)
    assert error(TernaryIF(level=1.0)) == pytest.approx(0.577, abs=0.006)
    assert error(TernaryIF(level=1.0, initial=number(0.5))) > 0.57


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("level", [0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("slope", [0.1, 0.25, 1 / 3, 0.5, 1.0, 2.0, 3.0])
def test_a_ternary_neuron_comes_to_rest(slope: float, level: float, dtype: torch.dtype) -> None:
    """One drive, which may end on a threshold, and then none: spikes of one sign pay it off until V is between the
    thresholds."""
    down = max(level, 1 - slope * level, slope * (1 - level)) / slope
    drives = torch.tensor([*range(-40, 41), 4 * level, -4 * down], dtype=dtype) / 4
    neuron = TernaryIF(level=level, slope=number(slope)).map_tensors(lambda _, t: t.to(dtype))
    x = torch.cat([drives[None, None], torch.zeros(40, 1, len(drives), dtype=dtype)])
    state = start(neuron, x[0])
    spikes = plain(neuron, x, state, len(x))[:, 0].double()
    plus, minus = spikes.clamp_min(0).sum(0), -spikes.clamp_max(0).sum(0)
    assert not bool(((plus > 0) & (minus > 0)).any()) and bool((plus > 0).any()) and bool((minus > 0).any())
    assert torch.allclose(
        state.states[0][0].double(), drives.double() - plus + minus / slope, rtol=0, atol=200 * torch.finfo(dtype).eps
    )
    tolerance = {torch.float64: 1e-7, torch.float32: 1e-3, torch.float16: 0.3}[dtype]
    assert bool((state.states[0][0] > -down - tolerance / slope).all()) and bool(
        (state.states[0][0] < level + tolerance).all()
    )


@settings(deadline=None)
@given(st.floats(0, 1.3), st.integers(1, 60))
def test_soft_reset_keeps_the_residue(z: float, steps: int) -> None:
    assert counted(IF(initial=number(0.0)), z, steps) == min(math.floor(steps * z + 1e-8), steps)


@settings(deadline=None)
@given(st.floats(0.01, 1.3), st.integers(1, 60))
def test_reset_to_zero_loses_it(z: float, steps: int) -> None:
    assert counted(IF(reset="zero", initial=number(0.0)), z, steps) == steps // math.ceil(1 / z - 1e-7)


@settings(deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=40))
def test_the_signed_neuron_without_limits_is_the_rounded_sum_at_every_step(drives: list[float]) -> None:
    neuron, sums = SignedIF(most=math.inf), torch.tensor(drives, dtype=torch.float64).cumsum(0)
    x = torch.tensor(drives, dtype=torch.float64).reshape(-1, 1, 1)
    state = start(neuron, x[0])
    counts = advance(neuron, x.clone(), state, len(drives)).cumsum(0).flatten()
    assert torch.equal(counts, (sums + 0.5 + 1e-9).floor().clamp_min(0))


@settings(deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=40), st.integers(1, 3))
def test_the_signed_neuron_never_owes(drives: list[float], most: int) -> None:
    x = torch.tensor(drives, dtype=torch.float64).reshape(-1, 1, 1)
    neuron = SignedIF(most=most)
    state = start(neuron, x[0])
    spikes = advance(neuron, x.clone(), state, len(drives))
    assert bool((spikes.cumsum(0) >= 0).all()) and bool((spikes.abs() <= most).all())
    assert torch.equal(state.total, spikes.abs().sum(0))


def test_decay_is_exact() -> None:
    neuron = LIF(
        conductance=number(3.0), capacitance=number(2.0), dt=number(0.01), threshold=number(1e9), initial=number(0.0)
    )
    x = torch.ones(50, 1, 1, dtype=torch.float64)
    state = start(neuron, x[0])
    advance(neuron, x.clone(), state, 50)
    decay = math.exp(-0.01 * 3 / 2)
    assert float(state.states[0]) == pytest.approx((1 - decay**50) / (1 - decay), rel=1e-12)


def test_without_a_leak_it_is_the_plain_neuron() -> None:
    z = torch.linspace(-1, 1.5, 101, dtype=torch.float64)[None, None]
    leak, none = LIF(conductance=number(0.0)), IF()
    one, other = start(leak, z[0]), start(none, z[0])
    assert torch.equal(advance(leak, z, one, 40), advance(none, z, other, 40))


def test_float32_differs_where_rounding_decides_only() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 4, 500, dtype=torch.float64) * 0.5
    one, other = SignedIF(), SignedIF().map_tensors(lambda _, t: t.float())
    a = advance(one, x.clone(), start(one, x[0]), 64)
    b = advance(other, x.float(), start(other, x[0].float()), 64)
    assert float((a != b).double().mean()) < 1e-3


@pytest.mark.parametrize(
    "make",
    [
        lambda: IF(reset="hard"),
        lambda: TernaryIF(level=0.0),
        lambda: TernaryIF(most=0),
        lambda: BurstIF(most=0),
        lambda: SignedIF(most=0),
    ],
)
def test_settings_that_mean_nothing(make: Any) -> None:
    with pytest.raises(InvalidSetting):
        make()


@pytest.mark.parametrize("shape, pool", [
    ((3, 7, 6), Pool((2, 3), (2, 1), (1, 1), (1, 2), True, torch.tensor([1.0, -1.0, 1.0]).double().reshape(3, 1, 1))),
    ((2, 9), Pool((3,), (2,), (1,), (1,), False, torch.ones(1, 1).double())),
    ((2, 4, 5, 6), Pool((2, 2, 2), (2, 2, 2), (0, 1, 0), (1, 1, 1), False, -torch.ones(1, 1, 1, 1).double())),
])  # fmt: skip
def test_a_pool_sends_the_growth_of_the_largest_count(shape: tuple[int, ...], pool: Pool) -> None:
    x = torch.randint(-1, 2, (11, 2, *shape), generator=torch.Generator().manual_seed(0)).double()
    largest = torch.stack([pool(counts) for counts in x.cumsum(0)])
    neuron = CountPool(pool, number(1.0))
    state = start(neuron, x[0])
    train = torch.cat([advance(neuron, part.clone(), state, len(part)) for part in x.split(4)])
    assert torch.equal(train.cumsum(0), largest) and torch.equal(state.net, largest[-1])
    assert torch.equal(state.total, train.abs().sum(0))
