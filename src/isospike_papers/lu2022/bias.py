"""Constant current and always-on input carry a bias without lasting error; a membrane conductance carries negative
ones, and only roughly.

One layer of random neurons, and a trained dense network with biases on MNIST.  Not in the paper, which sets biases to
zero in its networks and proposes conductances for later work.  Source: Lu 2022, Tables I and VII, section VI-B;
Rueckauer 2017 for the other two."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isospike import SpikingNetwork, convert
from isospike.codings import Rate
from isospike.codings.linear_lif import conductance_for, conductance_for_onset
from isospike.codings.normalise import Unscaled
from isospike.encoders import RegularSpikes
from isospike.engine import advance, start
from isospike.measure import curve
from isospike.neurons import LIF
from isospike.plot import tidy
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value, at_most
from isospike_papers.lu2022.parts.neurons import rms
from isospike_papers.lu2022.parts.setting import dense_mnist, scalar
from isospike_papers.shared.recipe import TRAINS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIDDEN, RATE = 60, 0.05  # k Δt: 5 Hz in steps of 0.01 s, at which no rate saturates
TIMES, LAYER_TIMES = (30, 100, 300, 1000, 3000), (30, 100, 300, 1000, 3000, 20000)
WAYS = ("constant current", "always-on input", "conductance, asymptotic", "conductance, onset")
ERROR, AGREEMENT, ACCURACY, SPIKES = "relative error", "agreement [%]", "SNN accuracy [%]", "spikes a neuron"
LEFT_OUT = "left out"
NEURONS, INPUTS, DRAWS, LOWEST = 200, 20, 8, {"strong": -0.6, "weak": -0.1}


class Biases(Claim):
    """Three ways to carry a bias in a linear LIF network."""

    source = "Lu 2022, Tables I and VII and section VI-B (not an experiment of the paper's)"
    options = {"samples": (64, 500, None)} | TRAINS | {"epochs": (1, 10, 10)}

    def measure(self, setup: Setup) -> Found:
        """The layer, then the network."""
        subject = dense_mnist(setup, HIDDEN, bias=True)
        assert isinstance(subject.model, nn.Sequential)
        data = subject.split.reported["test set"].first(setup.samples)
        first = subject.model[1]
        assert isinstance(first, nn.Linear)
        negative = float((first.bias < 0).double().mean())
        layers = {name: one_layer(lowest, setup.seed) for name, lowest in LOWEST.items()}
        original = nn.Sequential(subject.model, nn.ReLU())
        network = {}
        for way in (*WAYS[:3], LEFT_OUT):
            batches = data.batches() if way != "always-on input" else ((with_one(x), y) for x, y in data.batches())
            reference = original if way != "always-on input" else nn.Sequential(WithoutOne(), original)
            network[way] = curve(carried(subject.model, way), batches, reference, TIMES)
        rows = [
            Row(f"one layer, {name} biases, {way}, T = {t}", {ERROR: found})
            for name, layer in layers.items()
            for way, at in layer.items()
            for t, found in at.items()
        ]
        for way, moments in network.items():
            for m in moments:
                figures: dict[str, Value] = {
                    ERROR: m.relative_error,
                    AGREEMENT: _percent(m.agreement),
                    ACCURACY: _percent(m.accuracy),
                    SPIKES: m.spikes_per_neuron,
                }
                rows.append(Row(f"MNIST, {way}, T = {m.steps}", figures))
        errors = {way: {m.steps: m.relative_error or 0.0 for m in moments} for way, moments in network.items()}
        return Found(
            rows=tuple(rows),
            held=_claims(layers, errors),
            notes=(
                f"One layer: {NEURONS} neurons with {INPUTS} inputs of 0 to 1, positive weights of sum 0.6 and biases "
                f"down to −0.6 (strong) or −0.1 (weak), {DRAWS} draws of inputs; error rms over rms.",
                "The leak takes g V_th / 2 only under drives far above the onset, and up to g V_th at it.  With "
                "strong biases neurons are near it, and the onset's rule, whose conductance is 0.76 times as large at "
                "this sum of weights, is nearer; with weak ones the asymptotic rule is, once T is long enough for the "
                "counts to show it.  In shorter windows too weak a leak makes up for what neurons lose by starting "
                "empty.",
                "The onset needs 0 < Σω < V_th C, so it is not defined for most trained neurons and is left out of "
                "the network.",
                f"Network: 784-{HIDDEN}-10 with biases, {100 * negative:.0f} % of the hidden ones negative; "
                f"{len(data)} test images, k Δt = {RATE:g}.  A positive bias cannot be a conductance: the third way "
                "carries positive ones as constant currents.",
                "The leak takes −g V_th / 2 from a neuron only while its potential is uniform between 0 and V_th.  "
                "One that is pushed below 0 by negative inputs is pulled up by the leak instead, and can fire where "
                "it should be silent.  No time removes that error.",
                "Always on: an input that sends k Δt spikes a step, and in the hidden layer a relay neuron for the "
                "output's biases; both belong to its cost in spikes.",
            ),
            draw=lambda: _figure(layers, errors),
        )


def coding() -> Rate:
    """No leak, weights as they are, potentials from 0."""
    return Rate(
        TIMES[-1],
        LIF(conductance=scalar(0.0), dt=scalar(1.0)),
        Unscaled(1 / RATE),
        initial=0.0,
        encoder=partial(RegularSpikes, rate=RATE),
    )


def one_layer(lowest: float, seed: int) -> dict[str, dict[int, float]]:
    """Relative error of one layer's outputs, by way and T."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.rand(NEURONS, INPUTS, generator=generator, dtype=torch.float64)
    weight = 0.6 * weight / weight.sum(1, keepdim=True)
    bias = lowest * torch.rand(NEURONS, generator=generator, dtype=torch.float64)
    x = torch.rand(DRAWS, INPUTS, generator=generator, dtype=torch.float64)
    expected = (F.linear(x, weight, bias)).clamp_min(0)
    encoder = RegularSpikes((INPUTS,), scalar(0.0), scalar(1.0), False, RATE)
    found: dict[str, dict[int, float]] = {way: {} for way in WAYS}
    for t in LAYER_TIMES:
        drive = encoder.train(encoder.drive(x), 0, t, None) @ weight.T
        on = encoder.train(encoder.drive(torch.ones(1, INPUTS, dtype=torch.float64)), 0, t, None)[..., :1]
        shifted = {"constant current": drive + bias * RATE, "always-on input": drive + on * bias}
        conductances = {
            "conductance, asymptotic": [conductance_for(float(b) * RATE) for b in bias],
            "conductance, onset": [
                conductance_for_onset(float(b) * RATE, float(w)) for b, w in zip(bias, weight.sum(1), strict=True)
            ],
        }
        for way in WAYS:
            g = torch.tensor(conductances.get(way, [0.0] * NEURONS), dtype=torch.float64)
            neuron = LIF(conductance=g, dt=scalar(1.0), initial=scalar(0.0))
            current = shifted.get(way, drive).contiguous()
            state = start(neuron, current[0])
            advance(neuron, current.clone(), state, t)
            found[way][t] = rms(state.net / (t * RATE) - expected) / rms(expected)
    return found


def carried(model: nn.Sequential, way: str) -> SpikingNetwork:
    """The network, its biases carried in one of the ways."""
    if way == "always-on input":
        return convert(nn.Sequential(always_on(model), nn.ReLU()), torch.zeros(1, 785), coding(), (0.0, 1.0))
    network = convert(nn.Sequential(model, nn.ReLU()), torch.zeros(1, 1, 28, 28), coding(), (0.0, 1.0))
    if way == "constant current":
        return network
    change = _unbiased if way == LEFT_OUT else _leaking
    stages = tuple(
        replace(stage, neuron=change(stage.neuron)) if isinstance(stage.neuron, LIF) else stage
        for stage in network.stages
    )
    return SpikingNetwork(replace(network.body, stages=stages))


def _unbiased(neuron: LIF) -> LIF:
    return replace(neuron, bias=0 * neuron.bias.detach())


def _leaking(neuron: LIF) -> LIF:
    """Negative biases, a step in units of the threshold, become conductances; positive ones stay."""
    bias = neuron.bias.detach().double()
    g = torch.tensor([conductance_for(min(float(b), 0.0)) for b in bias], dtype=torch.float64)
    leaking = replace(neuron, bias=bias.clamp_min(0), conductance=g)
    return replace(leaking, **{name: getattr(leaking, name).to(neuron.bias.dtype) for name in ("bias", "conductance")})


class WithoutOne(nn.Module):
    """Images without the input that is always on."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :784].reshape(-1, 1, 28, 28)


def with_one(x: Tensor) -> Tensor:
    """Flat images, and an input that is always on."""
    return torch.cat([x.flatten(1), x.new_ones(len(x), 1)], 1)


def always_on(model: nn.Sequential) -> nn.Sequential:
    """The same function of flat images and a one, without biases: the one is handed on by a hidden neuron."""
    first, last = model[1], model[3]
    assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
    one, two = nn.Linear(785, HIDDEN + 1, bias=False), nn.Linear(HIDDEN + 1, 10, bias=False)
    with torch.no_grad():
        one.weight.copy_(
            torch.cat([torch.cat([first.weight, first.bias[:, None]], 1), F.one_hot(torch.tensor([784]), 785)])
        )
        two.weight.copy_(torch.cat([last.weight, last.bias[:, None]], 1))
    return nn.Sequential(one, nn.ReLU(), two)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _claims(layers: dict[str, dict[str, dict[int, float]]], network: dict[str, dict[int, float]]) -> tuple[Held, ...]:
    exact, leak, begins, last, late = WAYS[:2], WAYS[2], WAYS[3], TIMES[-1], LAYER_TIMES[-1]
    strong, weak = layers["strong"], layers["weak"]
    worst = max(
        *(layer[way][late] for layer in layers.values() for way in exact), *(network[way][last] for way in exact)
    )
    fall = min(layer[way][LAYER_TIMES[1]] / layer[way][late] for way in exact for layer in layers.values())
    stays = min(layer[way][late] / layer[WAYS[0]][late] for way in (leak, begins) for layer in layers.values())
    near, far = strong[leak][late] / strong[begins][late], weak[begins][late] / weak[leak][late]
    more = network[leak][last] / max(network[way][last] for way in exact)
    kept = network[leak][last] / network[LEFT_OUT][last]
    return (
        at_most("current and always-on input leave little error in the end", worst, 0.02, "layer and network"),
        Held(
            "one layer: their error falls about as 1 / T",
            fall,
            f"by 100 or more from T = {LAYER_TIMES[1]} to {late}",
            fall >= 100,
        ),
        Held(
            "one layer: that of a conductance stays",
            stays,
            f"at least 4 times the current's at T = {late}, by either rule",
            stays >= 4,
        ),
        Held(
            "one layer, near the onset: its rule is the better one",
            near,
            "the asymptotic rule's error is larger",
            near > 1,
        ),
        Held("one layer, far above it: the asymptotic rule is", far, "the onset rule's error is larger", far > 1),
        Held("network: a conductance is worse than the other two", more, f"error larger at T = {last}", more > 1),
        Held("network: but better than no bias at all", kept, f"error at most half at T = {last}", kept <= 0.5),
    )


def _figure(layers: dict[str, dict[str, dict[int, float]]], network: dict[str, dict[int, float]]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 3.9), layout="constrained")
    found = (layers["strong"], layers["weak"], network)
    titles = ("a  one layer, biases down to −0.6", "b  one layer, biases down to −0.1", "c  dense network on MNIST")
    styles = dict(
        zip(
            (*WAYS, LEFT_OUT),
            (("o-", "#1f4e79"), ("s--", "#2e7d32"), ("^-", "#c55a11"), ("v-", "#b8860b"), ("x:", "#707070")),
            strict=True,
        )
    )
    for axes, errors, title in zip(figure.subplots(1, 3), found, titles, strict=True):
        for way, at in errors.items():
            axes.plot(list(at), list(at.values()), styles[way][0], color=styles[way][1], ms=4, lw=1, label=way)
        axes.set(xscale="log", yscale="log")
        tidy(axes, title, xlabel="time steps T", ylabel="relative error of the outputs")
        axes.legend(fontsize=7.5, frameon=False)
    return figure
