"""What a network does with one input: its spikes, its answer, what it costs."""

import base64
import math
import warnings
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from isospike.engine import SpikingNetwork
from isospike.errors import IsospikeError
from isospike.explore.settings import Settings
from isospike.explore.subject import FILE, Ready, Subject
from isospike.ir.layout import packed as in_layout
from isospike.measure import Prices
from isospike.network import Body, Stage
from isospike.simulate import ClosedForm, Stepped
from isospike.web import packed


@dataclass(frozen=True, eq=False)
class Scene:
    """
    | field     | shape            | meaning                                                            |
    |-----------|------------------|--------------------------------------------------------------------|
    | `network` |                  | that was run                                                       |
    | `body`    |                  | what it is made of                                                 |
    | `x`       | (1, *input)      | the input, in the network's precision                              |
    | `input`   | (1, *input)      | its codes: leads of spikes, or what drives the first layer a step  |
    | `scores`  | (outputs,)       | the read-out                                                       |
    | `codes`   | (1, *shape) each | by stage                                                           |
    | `trains`  | (steps, *shape)  | by stage and "input", spikes of each step; none for first spikes,  |
    |           |                  | and none for an input of currents                                  |
    | `sent`    |                  | by stage, how many spikes                                          |
    | `figures` |                  | the meter's                                                        |
    """

    network: SpikingNetwork
    body: Body
    x: Tensor
    input: Tensor
    scores: Tensor
    codes: dict[str, Tensor]
    trains: dict[str, Tensor]
    sent: dict[str, float]
    figures: dict[str, Any] = field(default_factory=dict)

    def code(self, source: str) -> Tensor:
        """What synapses read from a source, (1, *shape)."""
        return self.input if source == "input" else self.codes[source]

    def times(self, stage: Stage) -> Tensor:
        """First spikes on the network's clock; infinity where a neuron stays silent.  Returns `shape`."""
        if self.body.steps:
            return self._first(stage.name)
        code = self.codes[stage.name][0]
        return torch.where(stage.neuron.spikes(code) > 0, stage.end - code, torch.inf)

    @property
    def input_times(self) -> Tensor:
        """The same of the input neurons; currents flow from the beginning.  Returns `shape`."""
        if "input" in self.trains:
            return self._first("input")
        code = self.input[0]
        if self.body.steps:
            return torch.where(code != 0, 0.0, torch.inf)
        return torch.where(code > 0, self.body.encoder.end - code, torch.inf)

    def _first(self, name: str) -> Tensor:
        """The step of the first spike."""
        sent = self.trains[name] != 0
        return torch.where(sent.any(0), 1 + sent.int().argmax(0).to(self.scores.dtype), torch.inf)


@torch.no_grad()
def play(ready: Ready, x: Tensor, prices: Prices) -> Scene:
    """Run one input, (1, *shape), and count.  Inputs outside the declared range are clipped where the network clips,
    and the figures count them."""
    network, body, meter = ready.network, ready.body, ready.meter.again()
    x = network.own(x)
    codes: dict[str, Tensor] = {}
    trains: dict[str, list[Tensor]] = {}

    def watch(stage: Stage, code: Tensor) -> None:
        codes[stage.name] = code
        if not body.steps:
            meter.watch(stage, code)

    def listen(stage: Stage, train: Tensor) -> None:
        trains.setdefault(stage.name, []).append(train[:, 0].to(torch.int8))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the figures say how many inputs were clipped
        encoded = body.encoder.encode(x)
        if not body.steps or body.encoder.constant:
            meter.input(x)
        if body.steps:
            simulator = Stepped()
            if not body.encoder.constant:  # the same spikes as the simulation draws
                seeded = torch.Generator().manual_seed(simulator.seed)
                train = body.encoder.train(in_layout(encoded), 0, body.steps, seeded)
                meter.sent(train.sum(0))
                meter.outside += body.encoder.outside(x)
                trains["input"] = [train[:, 0].to(torch.int8)]
            readout = simulator.prepare(network)(x, watch, listen, meter.tally)
        else:
            readout = ClosedForm().prepare(network)(x, watch)
    sent = {name: total.spikes for name, total in meter.totals.items()}
    joined = {name: torch.cat(parts) for name, parts in trains.items()}
    return Scene(network, body, x, encoded, readout[0].flatten(), codes, joined, sent, meter.figures(prices))


def warm(subject: Subject) -> None:
    """Run every coding once, so that what is compiled is compiled; codings that this model cannot have are left out.
    Raises `IsospikeError` if none is left, or where a file's own network does not run."""
    first = subject.data.take(torch.tensor([0]))
    for name in list(subject.codings):
        try:
            play(subject.ready(Settings(name)), first, subject.prices)
        except IsospikeError as error:
            if name == FILE or len(subject.codings) == 1:
                raise
            subject.left_out[name] = error.what
            del subject.codings[name]


def plain(scene: Scene) -> dict[str, Any]:
    """The scene as JSON: for every stage its first spikes and, for rate codes, its spikes step by step."""
    body = scene.body
    stages = [_input(scene)]
    for stage in body.stages[:-1]:
        times = scene.times(stage).flatten()
        stages.append(
            {
                "name": stage.name,
                "kind": "pool" if stage.neuron.relays else "neurons",
                "neuron": type(stage.neuron).__name__,
                "shape": list(stage.shape),
                "begin": float(stage.begin),
                "end": float(stage.end),
                "spikes": scene.sent[stage.name],
                "active": int(torch.isfinite(times).sum()),
                "times": packed([times.numpy()]),
                **({"trains": _bytes(scene.trains[stage.name])} if body.steps else {}),
            }
        )
    read = body.stages[-1]
    about = {"name": read.name, "kind": "read-out", "neuron": type(read.neuron).__name__, "shape": list(read.shape)}
    stages.append(about | {"begin": float(read.begin), "end": float(read.end)})
    return {
        "steps": body.steps,
        "end": float(body.steps) if body.steps else float(body.stages[-1].end),
        "stages": stages,
        "scores": [float(score) for score in scene.scores],
        "spikes": sum(scene.sent[stage.name] for stage in body.stages[:-1] if not stage.neuron.relays),
        "neurons": sum(math.prod(stage.shape) for stage in body.stages[:-1] if not stage.neuron.relays),
        "figures": scene.figures,
    }


def _input(scene: Scene) -> dict[str, Any]:
    body, times = scene.body, scene.input_times.flatten()
    code = scene.input[0].flatten()
    more: dict[str, Any] = {"trains": _bytes(scene.trains["input"])} if "input" in scene.trains else {}
    if body.encoder.constant:
        more = {"currents": packed([code.numpy()])}
    return {
        "name": "input",
        "kind": "input",
        "neuron": type(body.encoder).__name__,
        "shape": list(body.encoder.shape),
        "begin": 0.0,
        "end": float(body.steps) if body.steps else body.encoder.end,
        "spikes": None if body.encoder.constant else _sent(scene, times),
        "active": int(torch.isfinite(times).sum()),
        "times": packed([times.numpy()]),
        **more,
    }


def _sent(scene: Scene, times: Tensor) -> int:
    """Spikes of the input neurons."""
    return int(scene.trains["input"].sum() if "input" in scene.trains else torch.isfinite(times).sum())


def _bytes(train: Tensor) -> str:
    return base64.b64encode(train.contiguous().numpy().tobytes()).decode()
