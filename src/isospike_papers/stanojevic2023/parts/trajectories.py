"""How twins keep together in training: weights by layer and epoch, gradients before the first step, and the loss of
every step."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from isospike.data import Data
from isospike_papers.stanojevic2023.parts.inverse import weights_of
from isospike_papers.stanojevic2023.parts.twins import HELD, MAPPABLE, RELU, REORDERED, Run, Twins


@dataclass(frozen=True)
class Layers:
    """By layer: cosine of a twin's weights with the ReLU network's, that of the ways both went, and their distance
    over the length of its way."""

    cosine: Tensor
    direction: Tensor
    apart: Tensor


def along(twins: Twins, relu: Run, other: Run, epoch: int = -1) -> Layers:
    """How a twin's weights lie to the ReLU network's after an epoch."""
    start = [w.detach() for w in weights_of(twins.initial)]
    pairs = list(zip(start, relu.weights[epoch], other.weights[epoch], strict=True))
    cosine, direction = (
        torch.stack([F.cosine_similarity(a.flatten(), b.flatten(), dim=0) for a, b in both])
        for both in ([(r, o) for _, r, o in pairs], [(r - s, o - s) for s, r, o in pairs])
    )
    return Layers(cosine, direction, torch.stack([(o - r).norm() / (r - s).norm() for s, r, o in pairs]))


def gradients(twins: Twins, train: Data) -> dict[str, Tensor]:
    """Norm of the gradient by layer before training, with respect to w or W, over 256 images."""
    x, y = next(train.batches(256))
    assert y is not None
    x, found = x.to(twins.plan.dtype), {}
    for kind in (RELU, MAPPABLE, HELD):
        if kind == RELU:
            parameters = weights_of(twins.initial.requires_grad_(True))
            loss = F.cross_entropy(twins.initial(x), y)
        else:
            trainee = twins.trainee(kind)
            parameters, loss = list(trainee.synapses.values()), trainee.loss(x, y)
        found[kind] = torch.stack([g.norm() for g in torch.autograd.grad(loss, parameters)])
    return found


def losses(twins: Twins) -> dict[str, Tensor]:
    """The loss of every step: ReLU, spiking, and ReLU with its neurons in another order."""
    found: dict[str, list[float]] = {RELU: [], MAPPABLE: [], REORDERED: []}
    twins.fit(twins.trainee(MAPPABLE), watch=found[MAPPABLE].append)
    for kind in (RELU, REORDERED):
        twins.fit(twins.relu_trainee(kind), watch=found[kind].append)
    return {kind: torch.tensor(values, dtype=torch.float64) for kind, values in found.items()}


def differences(steps: dict[str, Tensor]) -> dict[str, Tensor]:
    """By how much the loss of a step differs from the ReLU network's."""
    return {kind: (steps[kind] - steps[RELU]).abs() for kind in (MAPPABLE, REORDERED)}
