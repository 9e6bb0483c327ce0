"""Event-driven: each membrane integrated spike by spike.  It knows synapses and neurons, and nothing of the original network."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array, eye_array, vstack
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.ir.ops.affine import Chain, fan_out
from isospike.ir.ops.base import Shape
from isospike.network import Body, Stage, Step
from isospike.neurons.base import Drive, Synapses
from isospike.simulate.base import Simulator

MOST = 500_000_000  # synapses of a stage, of 12 bytes each


@dataclass(frozen=True)
class EventDriven(Simulator):
    """Integrates the membrane equation in double precision; time grows with the number of spikes times their synapses."""

    def step(self, body: Body) -> Step:
        wiring = {stage.name: synapses(stage, body.shapes) for stage in body.stages}

        late = {stage.name: _late(stage, body) for stage in body.stages}

        def step(stage: Stage, drive: Drive, codes: dict[str, Tensor]) -> Tensor:
            first = codes[stage.groups[0].source]
            arriving = np.concatenate([_arriving(codes[group.source], by) for group, by in zip(stage.groups, late[stage.name], strict=True)], 1)
            code = stage.neuron.event_driven(arriving, wiring[stage.name], stage.shape)
            return torch.from_numpy(code).to(first.dtype).reshape(len(first), *stage.shape)

        return step


def _late(stage: Stage, body: Body) -> list[float]:
    """By how much each group's spikes miss the stage's window on the common clock, after their axonal delay [time]."""
    ends = {"input": body.encoder.end} | {other.name: float(other.end) for other in body.stages}
    due = float(stage.end if stage.neuron.relays else stage.begin)
    resolution = 64 * torch.finfo(stage.begin.dtype).eps * max(map(abs, ends.values()))  # of the clock, in the network's precision
    missed = [ends[group.source] + float(group.delay) - due for group in stage.groups]
    return [0.0 if abs(by) <= resolution else by for by in missed]


def _arriving(code: Tensor, late: float) -> np.ndarray:
    """Leads of arriving spikes, (batch, presynaptic), zero for silent."""
    lead = code.flatten(1).double().numpy()
    return lead if not late else np.where(lead != 0, lead - late, 0.0)


def synapses(stage: Stage, shapes: dict[str, Shape]) -> Synapses:
    """Every synapse of a stage, by presynaptic neuron, its sources one after the other."""
    chains = [(stage.neuron.connections(group.chain, shapes[group.source]), shapes[group.source]) for group in stage.groups]
    total = sum(int(fan_out(chain, shape).sum()) for chain, shape in chains)
    if total > MOST:
        raise InvalidSetting(
            f"stage `{stage.name}` has {total:,} synapses, too many to list one by one.",
            f"At most {MOST:,} a stage in the event-driven simulator.",
            "Use the closed form (--simulator closed-form), or a smaller input.",
        )
    matrices = [_matrix(chain, shape) for chain, shape in chains]
    whole = csr_array(vstack(matrices))
    whole.eliminate_zeros()  # a weight of zero is no synapse
    return Synapses(whole.indptr, whole.indices, whole.data)


def _matrix(chain: Chain, shape: Shape) -> csr_array:
    total = csr_array(eye_array(math.prod(shape)))
    for i, step in enumerate(chain):
        exact = step.map_tensors(lambda _, t: t.detach().double())
        one = exact.matrix(shape)
        total = csr_array(total @ one) if i else one
        shape = exact.out_shape(shape)
    return total
