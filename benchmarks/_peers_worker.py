"""One converted network in a process of its own, measured on one thread; prints one line of JSON.  Run by `peers.py`.

The same measurement serves every tool; this file makes the cases of the other tools, `_isospike_worker.py` those of
isospike."""

import argparse
import json
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from networks import ARCHITECTURES
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


@dataclass(frozen=True)
class Case:
    """
    | field    | meaning                                                                  |
    |----------|--------------------------------------------------------------------------|
    | `run`    | images → estimates of the network's outputs                              |
    | `spikes` | images → the number of neurons, and of spikes for each image             |
    | `batch`  | images run at once, the fastest for this tool                            |
    """

    run: Callable[[Tensor], Tensor]
    spikes: Callable[[Tensor], tuple[int, float]] | None = None
    batch: int = 100


@dataclass(frozen=True)
class Task:
    """What a case is made from."""

    weights: Path
    network: str
    steps: int
    calibration: Tensor
    range: tuple[Tensor, Tensor]

    def ann(self) -> nn.Module:
        model = ARCHITECTURES[self.network]()
        model.load_state_dict(load_file(self.weights))
        return model.eval().requires_grad_(False)


def work(cases: Mapping[str, Callable[[Task], Case]]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=cases)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--network", choices=ARCHITECTURES, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--images", type=int, required=True)
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    samples = load_file(arguments.weights.with_suffix(".samples.safetensors"))
    low, high = samples["range"]
    task = Task(arguments.weights, arguments.network, arguments.steps, samples["calibration"], (low, high))
    images, labels = (samples[name][: arguments.images] for name in ("images", "labels"))
    print(json.dumps(measured(cases[arguments.case](task), task.ann(), images, labels)))


def measured(case: Case, ann: nn.Module, images: Tensor, labels: Tensor) -> dict[str, float | str]:
    batches = images.split(case.batch)
    case.run(batches[0])  # compiles, allocates
    passes, spent = 0, 0.0
    while spent < 1.0:
        start = time.process_time()
        parts = [case.run(x) for x in batches]
        spent += time.process_time() - start
        passes += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    out, exact = torch.cat(parts).float(), torch.cat([ann(x) for x in batches])
    result: dict[str, float | str] = {
        "torch": torch.__version__,
        "accuracy": float((out.argmax(1) == labels).float().mean()),
        "agreement": float((out.argmax(1) == exact.argmax(1)).float().mean()),
        "error": float((out - exact).square().mean().sqrt() / exact.square().mean().sqrt()),
        "cpu_ms": spent / passes / len(images) * 1000,
        "peak_mb": peak,
    }
    if case.spikes:
        result["neurons"], result["spikes"] = case.spikes(batches[0])
    return result


def ann(task: Task) -> Case:
    return Case(task.ann())


def spikingjelly(task: Task, **settings: object) -> Case:
    from spikingjelly.activation_based import ann2snn, functional
    from spikingjelly.activation_based.neuron import BaseNode

    net = (
        ann2snn.Converter(ann2snn.RateCodingRecipe(task.calibration.split(100), **settings)).convert(task.ann()).eval()
    )

    def run(x: Tensor) -> Tensor:
        functional.reset_net(net)
        total = net(x)
        for _ in range(task.steps - 1):
            total += net(x)
        return total / task.steps

    return Case(run, partial(counted, net, BaseNode, run))


def sinabs(task: Task, **settings: object) -> Case:
    from sinabs import reset_states
    from sinabs.from_torch import from_model
    from sinabs.layers import StatefulLayer

    model = task.ann()
    for group in [module for module in model.modules() if not isinstance(module, nn.BatchNorm2d)]:
        named = list(group.named_children())
        for (first, conv), (second, norm) in pairwise(named):  # it would leave batch norm as it is
            if isinstance(norm, nn.BatchNorm2d):
                setattr(group, first, fuse_conv_bn_eval(conv, norm))
                setattr(group, second, nn.Identity())
    net = from_model(model, num_timesteps=1, **settings).spiking_model

    def run(x: Tensor) -> Tensor:
        reset_states(net)
        total = net(x)
        for _ in range(task.steps - 1):
            total += net(x)
        return total / task.steps

    return Case(run, partial(counted, net, StatefulLayer, run))


def counted(net: nn.Module, neuron: type[nn.Module], run: Callable[[Tensor], Tensor], x: Tensor) -> tuple[int, float]:
    """Neurons and spikes an image, by what leaves the neurons."""
    spikes, neurons = 0.0, {}

    def note(layer: nn.Module, _: object, out: Tensor) -> None:
        nonlocal spikes
        neurons[layer] = out[0].numel()
        spikes += float(out.sum()) / len(x)

    hooks = [layer.register_forward_hook(note) for layer in net.modules() if isinstance(layer, neuron)]
    run(x)
    for hook in hooks:
        hook.remove()
    return sum(neurons.values()), spikes


_channel_wise = partial(spikingjelly, channel_wise=True, half_threshold=True, pre_spike_maxpool=True)

CASES: dict[str, Callable[[Task], Case]] = {
    "ann": ann,
    "spikingjelly max": partial(spikingjelly, mode="max"),
    "spikingjelly channel-wise max": partial(_channel_wise, mode="max"),
    "spikingjelly channel-wise 99.9%": partial(_channel_wise, mode="99.9%"),
    "sinabs": sinabs,
    "sinabs unbounded": partial(sinabs, min_v_mem=None),
}

if __name__ == "__main__":
    work(CASES)
