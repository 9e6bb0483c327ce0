"""A training step in spike times beside one of the ReLU network: forward, backward and Adam, taken in turn, as a ratio
of medians.

python benchmarks/training.py [--steps 40]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from isospike import TimeSteps, WeightBits, convert
from isospike.train import prepare
from isospike.zoo import NETWORKS, initial

CASES = (
    ("fc16", (1, 28, 28), 8),
    ("fc16", (1, 28, 28), 64),
    ("lenet", (1, 28, 28), 64),
    ("vgg16-narrow", (3, 32, 32), 64),
)


def stepper(loss: Callable[[], torch.Tensor], parameters: list[torch.nn.Parameter]) -> Callable[[], float]:
    optimizer = torch.optim.Adam(parameters, lr=1e-5)

    def step() -> float:
        started = time.perf_counter()
        value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return time.perf_counter() - started

    return step


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"{'network':14} {'batch':>5} {'ReLU [ms]':>10} {'spike times':>12} {'16 steps, 6 bits':>17}   (ratios "
        "to ReLU)"
    )
    for name, shape, batch in CASES:
        x, y = torch.rand(batch, *shape), torch.randint(0, 10, (batch,))
        relu = initial(NETWORKS[name], shape, 10).train()
        network = convert(initial(NETWORKS[name], shape, 10), x, input_range=(0.0, 1.0))
        spiking, constrained = prepare(network), prepare(network, [TimeSteps(16), WeightBits(6)], [x])
        steps = [
            stepper(lambda m=relu, x=x, y=y: F.cross_entropy(m(x), y), list(relu.parameters())),
            *(stepper(lambda t=t, x=x, y=y: t.loss(x, y), list(t.parameters())) for t in (spiking, constrained)),
        ]
        for _ in range(3):
            for step in steps:
                step()
        times = [[step() for step in steps] for _ in range(options.steps)]  # in turn: what slows the machine slows all
        plain, *others = (statistics.median(column) for column in zip(*times, strict=True))
        print(
            f"{name:14} {batch:5} {1e3 * plain:10.2f} {others[0] / plain:12.2f} {others[1] / plain:17.2f}", flush=True
        )


if __name__ == "__main__":
    main()
