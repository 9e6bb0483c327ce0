"""A neuron's equations with its numbers, term by term."""

from dataclasses import dataclass

import torch

from isospike.explore.scene import Scene
from isospike.explore.synapses import Incoming
from isospike.network import Stage
from isospike.neurons import Accumulator, CountPool, FirstSpikeIF, Integrator, SpikePool, Stepping
from isospike.neurons.base import Neuron

MOVED = 1e-6  # of a window: a spike that is sent so far from its crossing was moved by more than rounding
SENT = "lead of the spike as it was sent, after the ends of the window, the clock and jitter"


@dataclass(frozen=True)
class Arithmetic:
    """equations: each in symbols, and with its numbers.  terms: symbol, meaning and number of each."""

    equations: tuple[tuple[str, str], ...]
    terms: tuple[tuple[str, str, float], ...]


def arithmetic(scene: Scene, stage: Stage, at: tuple[int, ...], received: Incoming, decoded: float) -> Arithmetic:
    """What makes spikes of what a neuron receives.  decoded: the value of its spikes."""
    match stage.neuron:
        case FirstSpikeIF():
            return _first_spike(scene, stage, stage.neuron, at, received, decoded)
        case Integrator() as neuron:
            tau, ramp = float(neuron.tau), _own(neuron.ramp, stage, at) * float(neuron.onset)
            total = tau * received.total
            return Arithmetic(
                (("V = (Σ J x + α ρ) / τ", f"V = ({_n(total)} + {_part(ramp)}) / {_n(tau)} = {_n(decoded)}"),),
                (
                    ("Σ J x", "weights times leads of the spikes that arrive", total),
                    ("α ρ", "what the ramp current adds: the bias", ramp),
                    ("V", "potential at the end: the score", decoded),
                ),
            )
        case Stepping() as neuron:
            return _stepping(scene, stage, neuron, at, received, decoded)
        case Accumulator() as neuron:
            bias, mean = _own(neuron.bias, stage, at), received.total / scene.body.steps
            return Arithmetic(
                (("y = Σ w N / T + b", f"y = {_n(mean)} + {_part(bias)} = {_n(decoded)}"),),
                (
                    ("Σ w N / T", "what arrived, a step", mean),
                    ("b", "bias", bias),
                    ("y", "the score", decoded),
                ),
            )
    return _pool(scene, stage, at, decoded)


def _first_spike(
    scene: Scene, stage: Stage, neuron: FirstSpikeIF, at: tuple[int, ...], received: Incoming, decoded: float
) -> Arithmetic:
    ramp, slope, threshold, unit = (
        _own(t, stage, at) for t in (neuron.ramp + neuron.fall, neuron.slope, neuron.threshold, neuron.unit)
    )
    onset, window, tau, end = float(neuron.onset), float(neuron.window), float(neuron.tau), float(stage.end)
    total, climbed = tau * received.total, ramp * onset
    due = (total + climbed - tau * threshold) / slope + window
    sent = float(scene.codes[stage.name][0][at])
    filled = (
        f"x = ({_n(total)} + {_part(climbed)} − {_part(tau * threshold)}) / {_part(slope)} + {_n(window)} = {_n(due)}"
    )
    spike = f"t = {_n(end)} − {_n(sent)} = {_n(end - sent)}" if sent > 0 else "x ≤ 0: the neuron stays silent"
    moved = sent > 0 and abs(sent - due) > MOVED * window
    return Arithmetic(
        (
            ("x = (Σ J x + α ρ − τ θ) / s + B", filled),
            ("t = t_max − x", spike),
            ("value = x · unit", f"value = {_n(sent)} · {_n(unit)} = {_n(decoded)}"),
        ),
        (
            ("Σ J x", "weights times leads of the spikes that arrive", total),
            ("α ρ", "what the ramp current adds", climbed),
            ("τ θ", "threshold", tau * threshold),
            ("s", "slope of the potential once the window has begun", slope),
            ("B", "length of the window", window),
            ("x", "lead at which the threshold is crossed; none at 0 or below", due),
            *([("x sent", SENT, sent)] if moved or (sent <= 0 < due) else []),
            ("unit", "value of a lead of 1", unit),
        ),
    )


def _stepping(
    scene: Scene, stage: Stage, neuron: Stepping, at: tuple[int, ...], received: Incoming, decoded: float
) -> Arithmetic:
    steps, count = scene.body.steps, float(scene.trains[stage.name].sum(0)[at])
    bias, unit = steps * _own(neuron.bias, stage, at), _own(neuron.unit, stage, at)
    return Arithmetic(
        (
            (
                "V ← V + Σ w s(t) + b,   a spike at V ≥ θ",
                f"Σ w N + T b = {_n(received.total)} + {_part(bias)} = {_n(received.total + bias)}",
            ),
            ("value = unit · N / T", f"value = {_n(unit)} · {count:g} / {steps} = {_n(decoded)}"),
        ),
        (
            ("Σ w N", "what arrived over all steps", received.total),
            ("T b", "what the bias added over all steps", bias),
            ("V(0)", "potential at the start", _own(neuron.begin()[0], stage, at)),
            ("θ", "threshold", _own(neuron.threshold, stage, at)),
            ("N", "spikes, less negative ones", count),
            ("unit", "value of one spike a step", unit),
        ),
    )


def _pool(scene: Scene, stage: Stage, at: tuple[int, ...], decoded: float) -> Arithmetic:
    first = _largest(stage.neuron, stage, at)
    if scene.body.steps:
        count, which = float(scene.trains[stage.name].sum(0)[at]), "largest" if first else "smallest"
        return Arithmetic(
            ((f"N = {which} count in its patch", f"N = {count:g}"),),
            (("N", "spikes, less negative ones", count), ("value", "that they stand for", decoded)),
        )
    sent, which = float(scene.codes[stage.name][0][at]), "first" if first else "last"
    time = float(stage.end) - sent
    return Arithmetic(
        ((f"t = {which} spike of its patch", f"t = {_n(time)}" if sent > 0 else "it stays silent"),),
        (("x", "lead of its spike, 0 if it is silent", sent), ("value", "that the spike stands for", decoded)),
    )


def _largest(neuron: Neuron, stage: Stage, at: tuple[int, ...]) -> bool:
    return not isinstance(neuron, SpikePool | CountPool) or _own(neuron.pool.sign, stage, at) >= 0


def _own(field: torch.Tensor, stage: Stage, at: tuple[int, ...]) -> float:
    """A parameter of one neuron."""
    return float(field.expand(stage.shape)[at])


def _n(value: float) -> str:
    """A number on its own."""
    return f"{value + 0.0:.5g}".replace("-", "−")  # there is no −0


def _part(value: float) -> str:
    """A number that stands after a sign."""
    return f"({_n(value)})" if value < 0 else _n(value)
