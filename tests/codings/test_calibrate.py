"""Calibration after conversion against the same corrections worked out by hand, in plain loops over time."""

import torch
from torch import Tensor, nn

import isospike as iso
from isospike.codings import Calibrate
from isospike.neurons import IF


def fired(drive: Tensor, initial: Tensor | float) -> Tensor:
    """Spikes, (steps, batch, *shape), of integrate-and-fire neurons with θ = 1 and soft reset."""
    v, spikes = torch.zeros_like(drive[0]) + initial, []
    for x in drive:
        v = v + x
        spikes.append((v >= 1 - 1e-9).double())
        v = v - spikes[-1]
    return torch.stack(spikes)


def test_biases_and_potentials_are_what_each_layer_misses() -> None:
    """b += mean(x − u N / T) of a channel; then V₀ += T mean(x − u N / T) / u of a neuron; the next layer sees
    both."""
    torch.manual_seed(0)
    conv, dense, steps, start = nn.Conv2d(1, 3, 3).double(), nn.Linear(27, 8).double(), 5, 0.25
    model = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), dense, nn.ReLU(), nn.Linear(8, 2)).double()
    x = torch.rand(20, 1, 5, 5, dtype=torch.float64)
    network = iso.convert(
        model,
        x.split(8),
        iso.Rate(steps, IF(), initial=start, correction=Calibrate(samples=12)),
        input_range=(0.0, 1.0),
    )
    x = x[:12]
    first, second = (stage.neuron for stage in network.stages[:2])
    with torch.no_grad():
        exact = torch.relu(conv(x)), torch.relu(dense(torch.relu(conv(x)).flatten(1)))
        drive = (conv(x) / first.unit).expand(steps, *exact[0].shape)
        bias = (exact[0] / first.unit - fired(drive, start).mean(0)).mean((0, 2, 3)).reshape(3, 1, 1)
        initial = start + steps * (exact[0] / first.unit - fired(drive + bias, start).mean(0)).mean(0)
        assert torch.allclose(first.bias, conv.bias.reshape(3, 1, 1) / first.unit + bias, rtol=0, atol=1e-12)
        assert torch.allclose(first.initial, initial, rtol=0, atol=1e-12)
        drive = dense((fired(drive + bias, initial) * first.unit).flatten(2)) / second.unit
        bias = (exact[1] / second.unit - fired(drive, start).mean(0)).mean(0)
        initial = start + steps * (exact[1] / second.unit - fired(drive + bias, start).mean(0)).mean(0)
        assert torch.allclose(second.bias, dense.bias / second.unit + bias, rtol=0, atol=1e-12)
        assert torch.allclose(second.initial, initial, rtol=0, atol=1e-12)
