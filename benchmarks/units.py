"""Training through time and encoding, against the same written plainly: `python benchmarks/units.py`.

Process time of one thread, medians of interleaved pairs; MNIST where $ISOSPIKE_DATA has it, else the sample that comes
with the package.
"""

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

import isospike as iso
from isospike.data import Data, open_data
from isospike.errors import InvalidData
from isospike.train import OverTime, units
from isospike.train.unrolled import Step

BATCH, ROUNDS = 64, 7


def plain(network: iso.SpikingNetwork) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss, step by step in torch, as eqs. A.11–A.13 are written."""
    encoder, (hidden, read) = network.body.encoder, network.stages
    first, last = (stage.groups[0].chain[-1].weight.detach().clone().requires_grad_() for stage in (hidden, read))
    levels = [stage.neuron.threshold.detach().clone().requires_grad_() for stage in (hidden, read)]

    def loss(x: Tensor, y: Tensor) -> Tensor:
        pattern = encoder.train(encoder.drive(x), 0, network.body.steps, None).flatten(2)
        left, outs = x.new_zeros(len(x), len(first)), []
        for now in pattern:
            s = now @ first.T + 0.8 * left
            spikes = Step.apply(s - levels[0], lambda a: 1 - torch.tanh(a) ** 2)
            left = s * (1 - spikes)
            outs.append(spikes @ last.T - levels[1])
        z, targets = torch.stack(outs, 1), read.neuron.targets[y].float()
        return F.binary_cross_entropy_with_logits(z, targets, pos_weight=torch.tensor(10.0), reduction="sum") / len(x)

    return loss


def seconds(loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor) -> float:
    started = time.process_time()
    loss(x, y).backward()
    return time.process_time() - started


def images() -> Data:
    try:
        return open_data("mnist", True, None)
    except InvalidData:
        return open_data("mnist-sample", True)


def main() -> None:
    torch.set_num_threads(1)
    data = images()
    x, y = next(data.batches(BATCH))
    assert y is not None
    for maker in (iso.CTE(), iso.ECTE()):
        network = units(maker.fit(data.first(5000)), [800], 10)
        ours, theirs = OverTime(network).loss, plain(network)
        seconds(ours, x, y), seconds(theirs, x, y)
        pairs = [(seconds(ours, x, y), seconds(theirs, x, y)) for _ in range(ROUNDS)]
        own, other = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        name = type(maker).__name__
        print(f"784-800-50, {name}: a step {own * 1e3:.0f} ms, plain {other * 1e3:.0f} ms, {ratio:.1f} × faster")
    encoder, started = iso.ECTE().fit(data), time.perf_counter()
    spikes = sum(int(torch.count_nonzero(encoder(batch))) for batch in data)
    print(
        f"{len(data):,} images encoded in {time.perf_counter() - started:.1f} s, {spikes / len(data):.0f} spikes each"
    )


if __name__ == "__main__":
    main()
