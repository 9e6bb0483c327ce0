"""The arithmetic of one neuron: what it receives, what its membrane does, what its spikes stand for."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from isospike.encoders.rate import RateEncoder
from isospike.errors import InvalidSetting, IsospikeError
from isospike.explore.scene import Scene
from isospike.explore.synapses import Incoming, incoming
from isospike.explore.terms import arithmetic
from isospike.measure.membrane import membrane, risen, trajectory
from isospike.network import Stage
from isospike.neurons import Accumulator, FirstSpikeIF, Integrator, Stepping
from isospike.web import packed

LISTED = 40  # incoming spikes
ROUNDING = 256  # units in the last place that a sum over a layer may be off


def explained(scene: Scene, original: dict[str, Tensor], stage: Any, place: Any) -> dict[str, Any]:
    """One neuron as JSON.  original: the activations of the original, by layer.  stage: a name, or "input".  place: in
    the stage's shape.  Raises `InvalidSetting` for a neuron that is not there."""
    shapes = scene.body.shapes
    if not isinstance(stage, str) or stage not in shapes:
        what = f"the network has no stage `{str(stage)[:40]}`."
        raise InvalidSetting(what, f"{', '.join(shapes)}.", "Choose one of these.")
    at = _place(stage, place, tuple(shapes[stage]))
    about = {"stage": stage, "place": list(at)}
    if stage == "input":
        return about | _pixel(scene, at)
    found = next(one for one in scene.body.stages if one.name == stage)
    code = scene.codes[stage] if stage in scene.codes else scene.scores.reshape(1, *found.shape)
    decoded = float(found.neuron.value(code)[0][at])
    received = incoming(scene, found, at)
    made = arithmetic(scene, found, at, received, decoded)
    line, why = _line(scene, found, at, received)
    wanted = float(original[stage][at])
    within = ROUNDING * torch.finfo(code.dtype).eps * max(1.0, abs(wanted))
    return about | {
        "neuron": type(found.neuron).__name__,
        "decoded": decoded,
        "original": wanted,
        "difference": decoded - wanted,
        "rounding": abs(decoded - wanted) <= within,
        "equations": made.equations,
        "terms": made.terms,
        "membrane": line,
        "why": why,
        "incoming": received.listed(LISTED),
    }


def _place(stage: str, place: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    whole = isinstance(place, list) and all(type(one) is int for one in place)
    if not whole or len(place) != len(shape) or not all(0 <= i < n for i, n in zip(place, shape, strict=True)):
        what = f"stage `{stage}` has no neuron {str(place)[:60]}."
        raise InvalidSetting(what, f"Places in its shape {list(shape)}, from 0.", "Choose one of these.")
    return tuple(place)


def _pixel(scene: Scene, at: tuple[int, ...]) -> dict[str, Any]:
    """An input neuron: what its spike or its current stands for."""
    body = scene.body
    encoder, code, x = body.encoder, float(scene.input[0][at]), float(scene.x[0][at])
    if (sent := scene.trains.get("input")) is not None:
        code = float(sent.sum(0)[at]) / body.steps
    low, high = (float(end.expand(encoder.shape)[at]) for end in (encoder.low, encoder.high))
    most = encoder.rate if isinstance(encoder, RateEncoder) else encoder.end
    decoded = low + (high - low) * code / most
    terms = (
        ("x", "input of the original, preprocessed", x),
        ("low", "smallest of the declared range", low),
        ("high", "largest of the declared range", high),
    )
    if sent is not None:
        spikes = f"N = {code * body.steps:g} spikes in {body.steps} steps, r = {most:g}"
        equations = (("x ≈ low + (high − low) N / (r T)", spikes),)
    elif body.steps:
        equations = (("c = (x − low) / (high − low)", f"c = {code:.5g} at every step"),)
    else:
        spike = f"t = {float(scene.input_times[at]):.5g}" if code > 0 else "x is the smallest: no spike"
        equations = (("t = τ (1 − (x − low) / (high − low))", spike),)
    return {
        "neuron": type(encoder).__name__,
        "decoded": decoded,
        "original": x,
        "difference": decoded - x,
        "rounding": abs(decoded - x) <= ROUNDING * torch.finfo(scene.x.dtype).eps * max(1.0, abs(x)),
        "equations": equations,
        "terms": terms,
        "membrane": None,
        "why": "An input neuron has no membrane: its value sets its spike, or its current.",
        "incoming": None,
    }


def _line(
    scene: Scene, stage: Stage, at: tuple[int, ...], received: Incoming
) -> tuple[dict[str, Any] | None, str | None]:
    """The potential over time, or why there is none."""
    begin, neuron = float(stage.begin), stage.neuron
    try:
        if isinstance(neuron, FirstSpikeIF) and not neuron.fall.any():
            arriving = {group.source: scene.code(group.source) for group in stage.groups}
            found = trajectory(stage, arriving, at)
        elif isinstance(neuron, FirstSpikeIF | Stepping):
            found, begin = membrane(scene.network, scene.x, stage.name, [at])[0], 0.0
        elif isinstance(neuron, Integrator | Accumulator):
            times, potentials = _summed(scene, stage, at, received)
            return _drawn(times, potentials, None, (), float(times[0]), float(stage.end)), None
        else:
            return None, "A pool has no membrane that is drawn: it passes on the first spike of its patch, or counts."
    except IsospikeError as error:
        return None, error.what
    times = found.times.double() + begin
    sent = [begin + float(t) for t in found.spikes]
    return _drawn(times, found.potentials, found.threshold, sent, begin, begin + found.window), None


def _drawn(
    times: Tensor, potentials: Tensor, threshold: float | None, spikes: Sequence[float], begin: float, end: float
) -> dict[str, Any]:
    line = packed([times.double().numpy(), potentials.double().numpy()])
    return {"line": line, "threshold": threshold, "spikes": list(spikes), "begin": begin, "end": end}


def _summed(scene: Scene, stage: Stage, at: tuple[int, ...], received: Incoming) -> tuple[Tensor, Tensor]:
    """The potential of a read-out: of first spikes up to its end, of rates the mean after each step."""
    neuron = stage.neuron
    if isinstance(neuron, Integrator):
        ramp, onset, tau = float(neuron.ramp.expand(stage.shape)[at]), float(neuron.onset), float(neuron.tau)
        lead = torch.cat([one.code for one in received.parts]).double()
        times, potentials = risen(lead, torch.cat([one.weight for one in received.parts]).double(), ramp, onset, tau)
        return times + float(stage.end), potentials
    assert isinstance(neuron, Accumulator)
    steps = torch.arange(1, scene.body.steps + 1, dtype=torch.float64)
    total = torch.zeros_like(steps)
    for part in received.parts:
        if part.trains is None:
            total += steps * float(part.code.double() @ part.weight.double())
        else:
            total += (part.trains.double() @ part.weight.double()).cumsum(0)
    return steps, total / steps + float(neuron.bias.expand(stage.shape)[at])
