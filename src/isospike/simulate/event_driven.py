"""Event-driven: each membrane integrated spike by spike.  It knows synapses and neurons, and nothing of the original
network."""

import math
from dataclasses import dataclass

import numpy as np
import scipy
import torch
from torch import Tensor

from isospike.engine import SpikingNetwork, Step, refused
from isospike.errors import InvalidSetting
from isospike.ir.ops.affine import Chain, fan_out
from isospike.ir.ops.base import Shape
from isospike.network import Body, Stage
from isospike.neurons.base import Drive, Neuron, Synapses
from isospike.simulate.base import OnePass

SYNAPSE = 12  # bytes: a weight in double precision and the number of its neuron
GB = 10**9


@dataclass(frozen=True)
class EventDriven(OnePass):
    """Integrates the membrane equation in double precision; time grows with the number of spikes times their synapses.

    | field    | unit           | meaning |
    |----------|----------------|--------------------|
    | `memory` | GB (10⁹ bytes) | the most that all synapses may take, with copies made while they are listed |
    """

    memory: float = 6.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.memory > 0:
            raise InvalidSetting(f"EventDriven(memory={self.memory}).", "GB, above 0.", "6 is usual.")

    def check(self, network: SpikingNetwork) -> None:
        body = network.body
        if body.steps:
            raise refused(body, "this network fires step by step: its neurons are not integrated event by event.")
        if network.device.type != "cpu":
            raise InvalidSetting(
                f"the network is on {network.device}; event by event it runs on the CPU only.",
                "A network on the CPU; on other devices ClosedForm().",
                "Move it, network.cpu(); or take the closed form alone, --simulator closed-form.",
            )
        if other := [stage for stage in body.stages if type(stage.neuron).event_driven is Neuron.event_driven]:
            raise InvalidSetting(
                f"stage `{other[0].name}` ({type(other[0].neuron).__name__}) has no event-driven face.",
                "Neurons that define `event_driven`; ClosedForm() for those that define `closed_form`.",
                "Take ClosedForm().",
            )
        affordable(body, self.memory)

    def step(self, body: Body) -> Step:
        wiring = {stage.name: synapses(stage, body.shapes) for stage in body.stages}
        late = {stage.name: _late(stage, body) for stage in body.stages}

        def step(stage: Stage, drive: Drive, codes: dict[str, Tensor]) -> Tensor:
            first = codes[stage.groups[0].source]
            arriving = np.concatenate(
                [_arriving(codes[group.source], by) for group, by in zip(stage.groups, late[stage.name], strict=True)],
                1,
            )
            code = stage.neuron.event_driven(arriving, wiring[stage.name], stage.shape)
            return torch.from_numpy(code).to(first.dtype).reshape(len(first), *stage.shape)

        return step


def _late(stage: Stage, body: Body) -> list[float]:
    """By how much each group's spikes miss the stage's window on the common clock, after their axonal delay [time]."""
    ends = {"input": body.encoder.end} | {other.name: float(other.end) for other in body.stages}
    due = float(stage.end if stage.neuron.relays else stage.begin)
    # What the network's precision can tell apart on the clock.
    resolution = 64 * torch.finfo(stage.begin.dtype).eps * max(map(abs, ends.values()))
    missed = [ends[group.source] + float(group.delay) - due for group in stage.groups]
    return [0.0 if abs(by) <= resolution else by for by in missed]


def _arriving(code: Tensor, late: float) -> np.ndarray:
    """Leads of arriving spikes, (batch, presynaptic), zero for silent."""
    lead = code.reshape(len(code), math.prod(code.shape[1:])).double().numpy()
    return lead if not late else np.where(lead != 0, lead - late, 0.0)


def affordable(body: Body, memory: float) -> None:
    """Raises `InvalidSetting` if the synapses of a network take more than so many GB, listed one by one; lists
    none."""
    count, largest, shapes = 0, 0, body.shapes
    for stage in body.stages:
        chains = [
            (stage.neuron.connections(group.chain, shapes[group.source]), shapes[group.source])
            for group in stage.groups
        ]
        own = [_count(chain, shape) for chain, shape in chains]
        count += sum(own)
        # While a stage is made there are copies: of what it is composed of, and of its groups before they are joined.
        largest = max(largest, *(_beside(chain, shape) for chain, shape in chains), sum(own) if len(own) > 1 else 0)
    size = SYNAPSE * (count + largest) / GB
    if size > memory:
        raise InvalidSetting(
            f"the network has up to {count:,} synapses; listed one by one they take {size:.1f} GB.",
            f"At most {memory:g} GB: EventDriven(memory={memory:g}).",
            f"Allow more, EventDriven(memory={math.ceil(size)}), --memory {math.ceil(size)}; or take the closed form "
            "alone, simulators=[ClosedForm()], --simulator closed-form; or a smaller input.",
        )


def _count(chain: Chain, shape: Shape) -> int:
    return int(fan_out(chain, shape).sum())


def _beside(chain: Chain, shape: Shape) -> int:
    """How many synapses are held beside a chain's own while it is composed, map by map."""
    most, at = 0, shape
    for i, step in enumerate(chain):
        if i:
            joined = _count(chain[: i + 1], shape) if i + 1 < len(chain) else 0
            most = max(most, _count(chain[:i], shape) + _count((step,), at) + joined)
        at = step.out_shape(at)
    return most


def synapses(stage: Stage, shapes: dict[str, Shape]) -> Synapses:
    """Every synapse of a stage, by presynaptic neuron, its sources one after the other."""
    matrices = [
        _matrix(stage.neuron.connections(group.chain, shapes[group.source]), shapes[group.source])
        for group in stage.groups
    ]
    whole = scipy.sparse.csr_array(scipy.sparse.vstack(matrices)) if len(matrices) > 1 else matrices[0]
    whole.eliminate_zeros()  # a weight of zero is no synapse
    return Synapses(whole.indptr, whole.indices, whole.data)


def _matrix(chain: Chain, shape: Shape) -> "scipy.sparse.csr_array":
    total = scipy.sparse.csr_array(scipy.sparse.eye_array(math.prod(shape)))
    for i, step in enumerate(chain):
        exact = step.map_tensors(lambda _, t: t.detach().double())
        one = exact.matrix(shape)
        total = scipy.sparse.csr_array(total @ one) if i else one
        shape = exact.out_shape(shape)
    return total
