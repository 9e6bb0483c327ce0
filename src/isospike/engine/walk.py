"""A batch on its way through the time steps of a network whose neurons fire step by step.

Layer by layer over stretches of time: within a step nothing flows backwards, so a layer may run through a stretch
before the next one starts.  A stretch is as long as fits the cache; memory does not grow with the number of
steps.  What a constant input drives is computed once, and the read-out sees sums only, unless it
hears every step."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from isospike.engine.advance import advance_pooled, start
from isospike.engine.events import Events, events
from isospike.engine.fused import SMALL, Heard
from isospike.engine.once import Watch
from isospike.engine.pooled import Pooled, pooled
from isospike.ir.layout import packed
from isospike.ir.ops.affine import Chain, through
from isospike.network.body import Body, Stage
from isospike.neurons.stepping import Stepping

STRETCH = 16  # steps at least
Listen = Callable[[Stage, Tensor], None]
CACHE = 1 << 21  # numbers of the largest layer's spikes in a stretch
INNER = 1 << 18  # and up to so many, longer stretches are faster


@dataclass
class Plan:
    """What all walks through a network share: by synapse group its event-driven form, where there is one, and by stage
    the pool that is computed beside it."""

    pools: dict[str, Pooled]
    events: dict[tuple[str, int], Events | None] = field(default_factory=dict)


@dataclass
class Sent:
    """What the input neurons have sent so far."""

    net: Tensor

    def keep(self, rows: Tensor) -> None:
        """Go on with these samples only."""
        self.net = self.net[rows]


class Walk:
    """Samples at some step of their way; `states` holds every stage's potentials and counts.

    `listen(stage, train)` hears each stage's spikes of a stretch, `drives(stage, drive)` what its neurons receive;
    counted: whether spikes of either sign are counted besides the net ones.
    """

    def __init__(
        self,
        body: Body,
        x: Tensor,
        generator: torch.Generator | None = None,
        listen: Listen | None = None,
        plan: Plan | None = None,
        drives: Listen | None = None,
        counted: bool = False,
    ) -> None:
        self.body, self.generator, self.listen, self.drives = body, generator, listen, drives
        self.counted = counted
        self.plan = Plan(pooled(body)) if plan is None else plan
        self.input = packed(body.encoder.drive(x))
        self.pools = self.plan.pools if drives is None and x.device.type == "cpu" else {}
        self.stretch = max(_shortest(body), INNER // (_largest(body) * max(len(x), 1)))
        self.step = 0
        self.states: dict[str, Any] = {}
        self.sums: dict[str, Tensor] = {}
        self._constant: dict[tuple[str, bool], Tensor | None] = {}
        self._last = {group.source: i for i, stage in enumerate(body.stages) for group in stage.groups}

    def until(self, end: int) -> Tensor:
        """The read-out at step `end`, (batch, *output shape)."""
        self.advance(end)
        read = self.body.stages[-1]
        return self._read_out(read)

    def advance(self, end: int) -> None:
        """Go on to step `end`."""
        while self.step < end:
            self._go(min(self.stretch, end - self.step))

    def keep(self, rows: Tensor) -> None:
        """Go on with these samples only.  rows: (batch,) of bool."""
        self.input = self.input[rows]
        self.sums = {name: t[rows] for name, t in self.sums.items()}
        self._constant = {key: t if t is None else t[:, rows] for key, t in self._constant.items()}
        for state in self.states.values():
            state.keep(rows)

    def _go(self, steps: int) -> None:
        encoder, stages = self.body.encoder, self.body.stages
        trains = {"input": encoder.train(self.input, self.step, steps, self.generator)}
        if not encoder.constant:
            self.states.setdefault("input", Sent(torch.zeros_like(self.input))).net += trains["input"].sum(0)
        read = stages[-1]
        wanted = set() if read.neuron.hears else {group.source for group in read.groups}
        for i, stage in enumerate(stages if read.neuron.hears else stages[:-1]):
            if stage.name not in trains:
                self._advance(stage, trains, steps)
            for name in [name for name in trains if self._last.get(name, i) <= i and name != stage.name]:
                del trains[name]
        for name in wanted & trains.keys():
            train = trains[name].to(self.input.dtype)
            total = train.sum(0) if len(train) == steps else train[0] * steps
            self.sums[name] = self.sums[name] + total if name in self.sums else total
        self.step += steps

    def _advance(self, stage: Stage, trains: dict[str, Tensor], steps: int) -> None:
        """Run a stage, and the pool that is computed beside it."""
        x, heard = self._drive(stage, trains)
        if self.drives is not None:
            self.drives(stage, x)
        pool = self.pools.get(stage.name)
        by = None if pool is None else pool.stage
        state, after = self._state(stage, x[0]), None if by is None else self._state(by, x[0])
        small = x.device.type == "cpu" and isinstance(stage.neuron, Stepping) and stage.neuron.small
        kept = None if pool is not None and self.listen is None else SMALL if small else x.dtype
        spikes, sent = advance_pooled(stage.neuron, x, state, steps, heard, pool, after, kept)
        trains[stage.name if by is None else by.name] = spikes if pool is None else sent
        if self.listen is not None:
            self.listen(stage, spikes.to(x.dtype))
            if by is not None:
                self.listen(by, sent)

    def _state(self, stage: Stage, like: Tensor) -> Any:
        if stage.name not in self.states:
            self.states[stage.name] = start(stage.neuron, like, self.counted)
        return self.states[stage.name]

    def _drive(self, stage: Stage, trains: dict[str, Tensor]) -> tuple[Tensor, list[Heard]]:
        """Input of a stage's neurons at each of the next steps, (1, batch, *shape) if it is the same at all; and the
        groups that are heard event by event besides."""
        heard, total, bias = list[Heard](), None, stage.neuron.current
        for k, group in enumerate(stage.groups):
            if group.source == "input" and self.body.encoder.constant:
                continue
            train, chain = trains[group.source], group.chain
            if group.source in self.pools and self.pools[group.source].stage is None:
                chain = chain[1:]  # the average was computed beside the neurons
            if (listed := self._events(stage, k, chain, train)) is not None and listed.fits:
                heard.append((listed, train))
                continue
            part = through(chain, train.flatten(0, 1).to(self.input.dtype), bias)
            part = (packed(part) if bias is not None else part).unflatten(0, train.shape[:2])
            total, bias = part if total is None else total.add_(part), None
        constant = self._constant_drive(stage, trains, bias)
        if total is None:
            assert constant is not None
            return constant, heard
        return total if constant is None else total.add_(constant), heard

    def _constant_drive(self, stage: Stage, trains: dict[str, Tensor], bias: Tensor | None) -> Tensor | None:
        """What the bias and a constant input add at every step, (1, batch, *shape)."""
        key = stage.name, bias is None
        if key not in self._constant:
            groups = [g for g in stage.groups if g.source == "input" and self.body.encoder.constant]
            parts = [through(group.chain, trains["input"][0]) for group in groups]
            if bias is not None:
                parts.append(self.input.new_zeros(len(self.input), *stage.shape) + bias)
            self._constant[key] = packed(sum(parts[1:], start=parts[0]))[None] if parts else None
        return self._constant[key]

    def _events(self, stage: Stage, k: int, chain: Chain, train: Tensor) -> Events | None:
        """A synapse group's event-driven form, where the stage can be driven so."""
        if train.device.type != "cpu" or self.drives is not None or not isinstance(stage.neuron, Stepping):
            return None
        if (stage.name, k) not in self.plan.events:
            self.plan.events[stage.name, k] = events(chain, tuple(train.shape[2:]), self.input)
        return self.plan.events[stage.name, k]

    def _read_out(self, read: Stage) -> Tensor:
        if read.neuron.hears:
            return read.neuron.scores(self.states[read.name])
        total = None
        for group in read.groups:
            part = through(group.chain, self.sums[group.source] / self.step)
            total = part if total is None else total + part
        assert total is not None
        return total if read.neuron.current is None else total + read.neuron.current


def together(body: Body) -> int:
    """How many samples walk together so that a stretch of the largest layer's spikes fits the cache."""
    return max(1, CACHE // (_largest(body) * _shortest(body)))


def _shortest(body: Body) -> int:
    return body.steps if any(stage.neuron.whole for stage in body.stages) else STRETCH


def _largest(body: Body) -> int:
    behind = pooled(body)
    kept = [behind[stage.name].shape if stage.name in behind else stage.shape for stage in body.stages]
    return max(map(math.prod, kept))


def walked(
    body: Body,
    x: Tensor,
    generator: torch.Generator | None = None,
    watch: Watch | None = None,
    listen: Listen | None = None,
    tally: Watch | None = None,
) -> Tensor:
    """The read-out after all steps, (batch, *output shape).

    `watch(stage, rates)` sees each stage once, at the end; `tally(stage, spikes)` how many each neuron sent, of either
    sign; `listen(stage, train)` its spikes, in order, of all samples."""
    outs, counts = [], list[dict[str, tuple[Tensor, Tensor]]]()
    plan = Plan(pooled(body))
    for part in x.split(together(body) if listen is None else max(len(x), 1)):
        walk = Walk(body, part, generator, listen, plan, counted=tally is not None)
        outs.append(walk.until(body.steps))
        if watch is not None or tally is not None:
            states = {stage.name: walk.states[stage.name] for stage in body.stages[:-1]}
            counts.append({name: (state.net, state.total) for name, state in states.items()})
    for stage in body.stages[:-1]:
        if watch is not None:
            watch(stage, torch.cat([count[stage.name][0] for count in counts]) / body.steps)
        if tally is not None:
            tally(stage, torch.cat([count[stage.name][1] for count in counts]))
    return torch.cat(outs)
