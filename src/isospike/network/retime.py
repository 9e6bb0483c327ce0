"""Other windows for a network of first spikes, and the schedule that follows from its windows."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from isospike.ir.ops.affine import row_sum
from isospike.network.body import Body, Stage
from isospike.neurons import FirstSpikeIF


def retimed(body: Body, windows: Mapping[str, Tensor]) -> Body:
    """The network that computes the same with the windows given by stage [time], the others as they are, each
    beginning when its sources end.

    A shorter window than a stage's largest activation holds early spikes at its beginning.
    """
    one = body.stages[0].begin
    length = {"input": one.new_tensor(body.encoder.end)}
    end = dict(length)
    stages = []
    for stage in body.stages:
        span = torch.stack([length[group.source] for group in stage.groups]).max()
        last = torch.stack([end[group.source] for group in stage.groups]).max()
        own = span if stage.neuron.relays else windows.get(stage.name, stage.end - stage.begin)
        begin = last - span if stage.neuron.relays else last  # a pool passes spikes on as they come
        length[stage.name], end[stage.name] = own, begin + own
        groups = tuple(replace(group, delay=last - end[group.source]) for group in stage.groups)
        stages.append(
            replace(
                stage, groups=groups, neuron=stage.neuron.retimed(own, span, begin), begin=begin, end=end[stage.name]
            )
        )
    return replace(body, stages=tuple(stages))


def balanced(body: Body) -> Body:
    """The network with every ramp such that its neuron's slope is what the neuron says: α = s − Σ J, whatever became
    of the synapses J."""
    shapes = body.shapes

    def balance(stage: Stage) -> Stage:
        neuron = stage.neuron
        if not isinstance(neuron, FirstSpikeIF):
            return stage
        pull = neuron.slope - total(stage, shapes).to(neuron.slope.dtype)
        more = pull - neuron.ramp - neuron.fall
        falls = bool(neuron.fall.any())
        ramp, fall = (neuron.ramp, neuron.fall + more) if falls else (neuron.ramp + more, neuron.fall)
        return replace(stage, neuron=replace(neuron, ramp=ramp, fall=fall))

    return replace(body, stages=tuple(map(balance, body.stages)))


def total(stage: Stage, shapes: Mapping[str, tuple[int, ...]]) -> Tensor:
    """Σ_j J_j of every neuron of a stage, over the full kernel."""
    sums = [row_sum(group.chain, shapes[group.source]) for group in stage.groups]
    return torch.stack(torch.broadcast_tensors(*sums)).sum(0) if len(sums) > 1 else sums[0]
