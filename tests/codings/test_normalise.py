"""How the ranges of rate codes are chosen."""

import pytest
import torch
from torch import nn

import isospike
from isospike.codings import Rate
from isospike.codings.normalise import SpikeNorm
from isospike.errors import InvalidData, InvalidSetting
from isospike.importers import read
from isospike.neurons import IF
from isospike.passes import canonical


@pytest.mark.parametrize("steps", [1, 20])
@pytest.mark.parametrize("reset", ["soft", "zero"])
def test_spike_norm_is_the_largest_input_of_a_step(reset: str, steps: int) -> None:
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=p.dtype) * 0.5)
    x = torch.rand(10, 6, generator=generator, dtype=torch.float64)
    graph = canonical(read(model, x).with_range(torch.zeros(6), torch.ones(6)))
    coding = Rate(neuron=IF(reset=reset), normalise=SpikeNorm(steps), initial=0.0)  # type: ignore[arg-type]
    ranges = coding.ranges(graph, x.split(4))
    with torch.no_grad():
        drive = model[0](x)
        first = drive.max()
        v, second = torch.zeros_like(drive), -torch.inf
        for _ in range(steps):
            v = v + drive
            s = (v >= first * (1 - 1e-12)).double()
            v = v - s * first if reset == "soft" else v * (1 - s)
            second = max(second, float(model[2](s * first).max()))
    assert [float(t.max()) for t in ranges.high.values()] == pytest.approx([float(first), second], rel=1e-9)
    assert ranges.samples == 10


def test_spike_norm_keeps_every_rate_below_one() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 3, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12, 3),
    ).eval()
    x = torch.rand(8, 1, 8, 8)
    network = isospike.convert(model, x, Rate(512, IF(), SpikeNorm(32), initial=0.0), input_range=(0.0, 1.0))
    with torch.no_grad():
        assert float((network(x) - model(x)).abs().max()) < 0.05 * float(model(x).abs().max())


def test_spike_norm_wants_samples_and_steps() -> None:
    graph = canonical(
        read(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)), torch.zeros(1, 2)).with_range(
            torch.zeros(2), torch.ones(2)
        )
    )
    with pytest.raises(InvalidData, match="no calibration sample"):
        Rate(normalise=SpikeNorm()).ranges(graph, [])
    with pytest.raises(InvalidSetting, match="steps=0"):
        SpikeNorm(0)


def test_ranges_below_a_clip_are_in_activations() -> None:
    torch.manual_seed(3)
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Hardtanh(0.0, 0.9), torch.nn.Linear(7, 2)).double()
    with torch.no_grad():
        model[0].weight *= 0.3
    x = torch.rand(20, 5, dtype=torch.float64)
    largest = float(model[0](x).detach().max())
    network = isospike.convert(model, x, Rate(16, IF(), SpikeNorm(16)), input_range=(0.0, 1.0))
    assert 0 < largest < 0.9 and float(network.stages[0].neuron.unit) == pytest.approx(largest, rel=1e-9)  # type: ignore[attr-defined]
