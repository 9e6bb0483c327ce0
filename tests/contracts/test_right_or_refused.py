"""Every simulator on every kind of network: right in values, against an oracle that shares no simulator's code, or
refused by name.

What a kind of network lists under `right` is the matrix.  A simulator that is not listed must refuse it, and name one
that is."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import isospike as iso
from isospike.activations import QCFS
from isospike.constraints import DoubleExponential
from isospike.encoders import Bernoulli, Poisson, RegularSpikes
from isospike.engine import generators
from isospike.errors import InvalidSetting
from isospike.ir.ops.affine import through
from isospike.neurons import IF, LIF, BurstIF, SignedIF, TernaryIF
from isospike.simulate import Simulator, StepByStep
from isospike.train.early import Early, EarlyAnswers
from simulate_by_hand import euler

STEPS, TICKS, MARGIN = 24, 16, 1.5
SIMULATORS: dict[str, Simulator] = {
    "ClosedForm": iso.ClosedForm(),
    "EventDriven": iso.EventDriven(),
    "Clocked": iso.Clocked(TICKS),
    "Stepped": iso.Stepped(seed=3),
    "StepByStep": StepByStep(seed=3),
    "EarlyExit": iso.EarlyExit(MARGIN, every=5, seed=3),
}
X = torch.rand(9, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
RANDOM = (Bernoulli, Poisson)
IMAGES = torch.rand(9, 2, 6, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


@dataclass(frozen=True)
class Kind:
    """A network with inputs, and by simulator what it must answer to them."""

    network: iso.SpikingNetwork
    x: Tensor
    right: dict[str, Callable[[], Tensor]]
    tolerance: float = 1e-9
    remake: Callable[[], iso.SpikingNetwork] | None = None  # where the network draws: with its draws at the beginning


# ---------------------------------------------------------------- networks whose layers answer once


def dense(activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    torch.manual_seed(7)
    return (
        nn.Sequential(nn.Linear(6, 12), activation(), nn.Linear(12, 8), activation(), nn.Linear(8, 3))
        .double()
        .eval()
        .requires_grad_(False)
    )


def linear() -> nn.Sequential:
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(6, 3)).double().requires_grad_(False)


def layers(
    model: nn.Sequential,
    network: iso.SpikingNetwork,
    ticks: int = 0,
    disturb: Callable[[Tensor], Tensor] = lambda lead: lead,
) -> Tensor:
    """The network as a chain of quantised, clipped and disturbed rectifiers: what its clock, its windows and its
    hardware make of it."""

    def on_clock(value: Tensor, window: float) -> Tensor:
        return (
            torch.floor(value * ticks / window + 0.5 + 1e-9).clamp(0, ticks) * window / ticks
            if ticks
            else value.clamp(0, window)
        )

    value = on_clock(X, 1.0)
    *hidden, last = (layer for layer in model if isinstance(layer, nn.Linear))
    for layer, stage in zip(hidden, network.stages, strict=False):
        value = disturb(on_clock(layer(value), float(stage.end - stage.begin)))
    return last(value)


def ttfs(**settings: object) -> Kind:
    model = dense()
    network = iso.convert(model, X, iso.TTFS(**settings), (0.0, 1.0))  # type: ignore[arg-type]
    return Kind(
        network,
        X,
        {
            "ClosedForm": lambda: model(X),
            "EventDriven": lambda: model(X),
            "Clocked": lambda: layers(model, network, TICKS),
        },
    )


def staircase(levels: int) -> Kind:
    model = dense(partial(QCFS, levels, 0.9))
    right: dict[str, Callable[[], Tensor]] = dict.fromkeys(("ClosedForm", "EventDriven"), lambda: model(X))
    if levels == TICKS:
        # On the clock of its neurons the inputs are, too
        right["Clocked"] = lambda: model(torch.floor(X * TICKS + 0.5) / TICKS)
    return Kind(iso.convert(model, X, iso.TTFS(), (0.0, 1.0)), X, right)


def time_steps(steps: int, make: Callable[[], nn.Sequential] = dense) -> Kind:
    model = make()
    network = iso.constrain(iso.convert(model, X, iso.TTFS(), (0.0, 1.0)), iso.TimeSteps(steps), [X])
    names = ("ClosedForm", "EventDriven", "Clocked") if steps == TICKS else ("ClosedForm", "EventDriven")
    return Kind(network, X, dict.fromkeys(names, lambda: layers(model, network, steps)))


def jitter() -> Kind:
    model, sd = dense(), 0.02

    def network() -> iso.SpikingNetwork:
        return iso.constrain(iso.convert(model, X, iso.TTFS(), (0.0, 1.0)), iso.SpikeJitter(sd, seed=5))

    def late(ticks: int) -> Tensor:
        (generator,) = generators(network().body.constraints)

        def disturb(lead: Tensor) -> Tensor:
            moved = lead - sd * torch.randn(lead.shape, generator=generator, dtype=lead.dtype)
            return torch.where(lead > 0, moved.clamp_min(0), lead)

        return layers(model, network(), ticks, disturb)

    return Kind(
        network(),
        X,
        {"ClosedForm": lambda: late(0), "EventDriven": lambda: late(0), "Clocked": lambda: late(TICKS)},
        remake=network,
    )


def curved() -> Kind:
    model = dense()
    return Kind(
        DoubleExponential(1e7)(iso.convert(model, X, iso.TTFS(), (0.0, 1.0))),
        X,
        {"EventDriven": lambda: model(X)},
        1e-5,
    )


def ungated(ramp_from: str) -> Kind:
    """One layer of neurons that fire early, integrated in small steps."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).double().requires_grad_(False)
    model[0].weight[:, :2], model[0].weight[:, 2:] = 1.0, -4.0
    x = X[:3, :4] * torch.tensor([0.5, 0.5, 0.1, 0.1]) + torch.tensor([0.5, 0.5, 0.15, 0.15])
    network = iso.convert(model, x, iso.TTFS(gated=False, ramp_from=ramp_from), (0.0, 1.0))  # type: ignore[arg-type]
    return Kind(network, x, {"EventDriven": lambda: small_steps(network, model, x)}, 1e-3)


def beyond_its_window() -> Kind:
    """Constant thresholds where they are exact, but for an activation that its window does not hold."""
    model = nn.Sequential(nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 2)).double().requires_grad_(False)
    model[0].weight[:], model[0].bias[:] = torch.tensor([[0.9, -2.0]]), 1.5
    x = torch.tensor([[1.0, 0.1], [0.9, 0.2]], dtype=torch.float64)
    network = iso.convert(
        model, x * 0.8, iso.TTFS("positive", gated=False, ramp_from="previous", margin=-0.5), (0.0, 1.0)
    )
    return Kind(network, x, {"EventDriven": lambda: small_steps(network, model, x)}, 1e-3)


def small_steps(network: iso.SpikingNetwork, model: nn.Sequential, x: Tensor) -> Tensor:
    neuron, stage = network.stages[0].neuron, network.stages[0]
    window, weight = float(neuron.window), through(stage.groups[0].chain, torch.eye(x.shape[1], dtype=torch.float64)).T
    leads = torch.zeros(len(x), stage.shape[0], dtype=torch.float64)
    for sample, i in itertools.product(range(len(x)), range(stage.shape[0])):
        ramp, slope, threshold = (
            float(t.expand(stage.shape)[i]) for t in (neuron.ramp, neuron.slope, neuron.threshold)
        )
        spike = euler(
            (-x[sample]).tolist(),
            weight[i].tolist(),
            ramp,
            float(neuron.onset),
            slope,
            threshold,
            window,
            gate=-math.inf,
            steps=20_000,
        )
        leads[sample, i] = 0.0 if math.isinf(spike) else window - spike
    return model[2](leads * neuron.unit)


def never_falls() -> Kind:
    kind = ttfs(mapping="positive", gated=False, ramp_from="previous")
    return replace(kind, right=kind.right | {"Clocked": lambda: clocked_by_units(kind.network)})


def clocked_by_units(network: iso.SpikingNetwork) -> Tensor:
    """The same chain for rescaled rows: in units of each neuron's own activation, ticks count from the end of the
    window."""
    model, value = dense(), torch.floor(X * TICKS + 0.5) / TICKS
    *hidden, last = (layer for layer in model if isinstance(layer, nn.Linear))
    for layer, stage in zip(hidden, network.stages, strict=False):
        tick = float(stage.end - stage.begin) / TICKS
        unit = stage.neuron.unit
        value = torch.floor(layer(value) / unit / tick + 0.5 + 1e-9).clamp(0, TICKS) * tick * unit
    return last(value)


def early_answers() -> Kind:
    model = EarlyAnswers((6,), (10, 3), settings=Early(dropout=0.0)).double()
    # Other samples: a spike at its neuron's own observation time would hang on rounding
    model.loss(X.flip(1), torch.arange(len(X)) % 3)
    model.eval()

    def leads() -> Tensor:
        times = model.times(X)[-1]
        return torch.where(times.isfinite(), model.settings.window - times, 0.0)

    return Kind(model.result(), X, {"EventDriven": leads})


# ---------------------------------------------------------------- networks that fire step by step


def pooled() -> nn.Sequential:
    torch.manual_seed(2)
    conv = nn.Conv2d(2, 4, 3)
    return (
        nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))
        .double()
        .eval()
    )


def rate(pool: str = "online", **settings: object) -> Kind:
    # Whoever leaves early leaves the others other draws
    x = IMAGES[:1] if settings.get("encoder") in RANDOM else IMAGES
    network = iso.convert(pooled(), IMAGES, iso.Rate(STEPS, pool=pool, **settings), (0.0, 1.0))  # type: ignore[arg-type]
    right: dict[str, Callable[[], Tensor]] = dict.fromkeys(
        ("Stepped", "StepByStep"), lambda: every_step(network, x, 3)[-1]
    )
    right["EarlyExit"] = lambda: decided(every_step(network, x, 3))
    if pool == "window":
        right = {"Stepped": right["Stepped"]}
    if math.isinf(getattr(settings.get("neuron"), "most", 0.0)) and settings.get("encoder") not in RANDOM:
        shorter = iso.SpikingNetwork(replace(network.body, steps=TICKS))
        right["Clocked"] = lambda: every_step(shorter, x, 3)[-1]
    return Kind(network, x, right)


def every_step(network: iso.SpikingNetwork, x: Tensor, seed: int) -> list[Tensor]:
    """The read-out after each step, layer by layer over the whole time, by the neurons' equations alone."""
    body, generator = network.body, torch.Generator().manual_seed(seed)
    drive = body.encoder.drive(x)
    trains = {"input": torch.cat([body.encoder.train(drive, t, 1, generator) for t in range(body.steps)])}
    for stage in body.stages:
        (group,) = stage.groups
        current = torch.stack([through(group.chain, spikes) for spikes in trains[group.source]])
        if stage is body.stages[-1]:
            return [current[: t + 1].sum(0) / (t + 1) + stage.neuron.current for t in range(body.steps)]
        trains[stage.name] = pool(stage, current) if stage.neuron.relays else spikes_of(stage, current)
    raise AssertionError


def spikes_of(stage: iso.network.Stage, x: Tensor) -> Tensor:
    neuron, sent = stage.neuron, []
    states = tuple(torch.zeros_like(x[0]) + value for value in neuron.begin())
    for drive in x:
        told = (sum(sent, start=torch.zeros_like(drive)),) if neuron.told else ()
        s, states = type(neuron).step((*states, *told), drive + neuron.bias, neuron.parameters())
        sent.append(s)
    return torch.stack(sent)


def pool(stage: iso.network.Stage, x: Tensor) -> Tensor:
    if not stage.neuron.whole:  # the pool's count is the largest of its inputs' counts
        counts = torch.stack([F.max_pool2d(count, 2) for count in x.cumsum(0)])
        return counts.diff(dim=0, prepend=torch.zeros_like(counts[:1]))
    _, winner = F.max_pool2d(x.sum(0), 2, return_indices=True)
    return torch.stack([spikes.flatten(2).gather(2, winner.flatten(2)).reshape(winner.shape) for spikes in x])


def decided(outs: list[Tensor]) -> Tensor:
    """The read-out at the first look at which the winner's sum leads by the margin, sample by sample."""
    looks = [*range(5, STEPS, 5), STEPS]
    answer = outs[-1].clone()
    for end in reversed(looks[:-1]):
        best = outs[end - 1].topk(2, dim=1).values
        leaves = end * (best[:, 0] - best[:, 1]) >= MARGIN
        answer[leaves] = outs[end - 1][leaves]
    return answer


KINDS: dict[str, Callable[[], Kind]] = {
    "ttfs": ttfs,
    "ttfs, ramp of ch. 2": partial(ttfs, ramp_from="previous", margin=0.1),
    "ttfs, forced": partial(ttfs, forced_spikes=True),
    "ttfs, constant thresholds where they are exact": never_falls,
    "ttfs, constant thresholds, early": partial(ungated, "own"),
    "ttfs, constant thresholds, an activation beyond its window": beyond_its_window,
    "staircase": partial(staircase, TICKS),
    "staircase of another clock": partial(staircase, 5),
    "time steps": partial(time_steps, TICKS),
    "time steps of another clock": partial(time_steps, 7),
    "time steps of another clock, no hidden layer": partial(time_steps, 7, linear),
    "jitter": jitter,
    "double exponential": curved,
    "early answers": early_answers,
    "rate, if": partial(rate, neuron=IF()),
    "rate, reset to zero": partial(rate, neuron=IF(reset="zero")),
    "rate, leaky": partial(rate, neuron=LIF()),
    "rate, ternary": partial(rate, neuron=TernaryIF()),
    "rate, burst": partial(rate, neuron=BurstIF()),
    "rate, signed": partial(rate, neuron=SignedIF()),
    "rate, signed without limits": partial(rate, neuron=SignedIF(most=math.inf)),
    "rate, signed without limits, regular spikes": partial(
        rate, neuron=SignedIF(most=math.inf), encoder=RegularSpikes
    ),
    "rate, signed without limits, random spikes": partial(rate, neuron=SignedIF(most=math.inf), encoder=Poisson),
    "rate, signed without limits, pools of the window": partial(rate, pool="window", neuron=SignedIF(most=math.inf)),
    "rate, regular spikes": partial(rate, encoder=RegularSpikes),
    "rate, bernoulli": partial(rate, encoder=Bernoulli),
    "rate, poisson": partial(rate, encoder=Poisson),
    "rate, pools of the window": partial(rate, pool="window"),
}
kind_of = cache(lambda name: KINDS[name]())


def answer(kind: Kind, simulator: str) -> Tensor:
    network = kind.network if kind.remake is None else kind.remake()
    return iso.simulate(network, kind.x, SIMULATORS[simulator]).readout


def named(message: str, right: dict[str, Callable[[], Tensor]]) -> bool:
    return any(f"{name}(" in message for name in right)


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("name", KINDS)
def test_right_or_refused(name: str, simulator: str) -> None:
    kind = kind_of(name)
    if simulator in kind.right:
        expected = kind.right[simulator]().detach()
        scale = float(expected.abs().max())
        assert float((answer(kind, simulator) - expected).abs().max()) <= kind.tolerance * scale
        return
    with pytest.raises(InvalidSetting) as refused:
        answer(kind, simulator)
    assert named(str(refused.value), kind.right), f"no simulator that is right is named in: {refused.value}"


@pytest.mark.parametrize("name", KINDS)
def test_the_network_itself_is_right_or_refuses(name: str) -> None:
    """A call is the closed form, or all steps with the seed 0."""
    kind = kind_of(name)
    if name.startswith("rate"):
        assert torch.allclose(kind.network(kind.x), every_step(kind.network, kind.x, 0)[-1], rtol=1e-9, atol=1e-9)
    elif "ClosedForm" in kind.right:
        network = kind.network if kind.remake is None else kind.remake()
        assert torch.allclose(network(kind.x), kind.right["ClosedForm"](), rtol=1e-9, atol=1e-9)
    else:
        with pytest.raises(InvalidSetting, match=r"EventDriven\(\)"):
            kind.network(kind.x)


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("name", KINDS)
def test_measured_or_refused(name: str, simulator: str) -> None:
    """The accuracy on labels that are the right answer's own decisions, or a refusal; spikes over time are counted in
    `Stepped` only."""
    kind = kind_of(name)
    counted = simulator in kind.right and (kind.network.body.steps == 0 or simulator == "Stepped")
    if simulator == "StepByStep":
        return  # measured as `Stepped`, which sends the same spikes
    if counted:
        labels = kind.right[simulator]().argmax(1)
        network = kind.network if kind.remake is None else kind.remake()
        assert iso.measure(network, [(kind.x, labels)], SIMULATORS[simulator])["accuracy"] == 1.0
        return
    with pytest.raises(InvalidSetting) as refused:
        iso.measure(kind.network, [(kind.x, None)], SIMULATORS[simulator])
    assert named(str(refused.value), kind.right)


@pytest.mark.parametrize("simulator", [name for name in SIMULATORS if name not in ("ClosedForm", "EventDriven")])
def test_hardware_that_disturbs_spikes_is_refused_over_time(simulator: str) -> None:
    disturbed = iso.SpikingNetwork(
        replace(kind_of("rate, signed without limits").network.body, constraints=(iso.SpikeJitter(0.1),))
    )
    for run in (
        lambda: iso.simulate(disturbed, IMAGES, SIMULATORS[simulator]),
        lambda: disturbed(IMAGES),
        lambda: iso.measure(disturbed, [(IMAGES, None)]),
    ):
        with pytest.raises(InvalidSetting, match="perturbation"):
            run()


def test_an_early_exit_says_how_long_it_took() -> None:
    kind = kind_of("rate, if")
    trace = iso.simulate(kind.network, kind.x, SIMULATORS["EarlyExit"])
    assert (
        trace.steps is not None
        and len(set(trace.steps.tolist())) > 1
        and set(trace.steps.tolist()) <= {5, 10, 15, 20, STEPS}
    )
    outs, trains = every_step(kind.network, kind.x, 3), iso.simulate(kind.network, kind.x).trains
    for sample, steps in enumerate(trace.steps.tolist()):
        assert torch.allclose(trace.readout[sample], outs[steps - 1][sample], rtol=1e-9, atol=1e-9)
        for name, train in trains.items():
            assert torch.allclose(trace.codes[name][sample], train[:steps, sample].double().sum(0) / steps, atol=1e-12)
    with pytest.raises(InvalidSetting, match="Stepped"):
        trace.times(kind.network.stages[0].name)
