r"""Networks of spiking neural units that answer a pattern with a pattern, before they are trained.

    features → patterns → units of each hidden layer → σ → nearest target pattern

The target of a class is a random train for each of its own output neurons, silent until a step at which the inputs can
have been heard; the others stay silent (eq. A.38).  Source: Stanojevic 2023, app. A.2."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from isospike.encoders import PatternEncoder, RateEncoder
from isospike.encoders.pattern import poisson
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidModel, InvalidSetting
from isospike.importers import read
from isospike.ir.ops.affine import Affine, Population
from isospike.network import Body, Group, Stage
from isospike.neurons import SNU, NearestPattern
from isospike.passes import canonical

DECAY, MEMORY = 0.8125, 50.0  # v, the source's 0.8 as a sum of three shifts; τ_m, in steps
THRESHOLD = 1.0  # β at the start: from the source's 0.07, at which most units fire, images are learned more slowly
HEARD = 3.0  # units fire rarely: with smaller weights those behind them begin silent, the deeper the more, and stay so
SILENT, SPIKES = 0.4, 10.0  # share of the steps before targets begin; d_c, spikes of a train in 100 steps


def units(
    encoder: PatternEncoder | RateEncoder,
    hidden: Sequence[int] | nn.Module,
    classes: int,
    *,
    outputs: int = 5,
    steps: int | None = None,
    decay: float = DECAY,
    memory: float = math.exp(-1 / MEMORY),
    threshold: float = THRESHOLD,
    own: bool = True,
    seed: int = 0,
) -> SpikingNetwork:
    """A network with random weights, to be trained by `OverTime`.

    encoder: of the features, fitted.  hidden: widths of the dense layers, or a ReLU network without biases whose
    rectifiers become units (convolutions and average pools too) and whose outputs drive the read-out.  outputs:
    neurons a class.  steps: T, unless the encoder's patterns have it.  decay: v; memory: λ of the distance; threshold:
    β at the start.  own: whether each neuron has a threshold of its own, or a layer one.  Raises `InvalidSetting`,
    `InvalidModel`."""
    steps = encoder.steps if isinstance(encoder, PatternEncoder) else steps
    if steps is None or steps < 1 or classes < 2 or outputs < 1 or not 0 <= decay <= 1 or not 0 <= memory < 1:
        raise InvalidSetting(
            f"units(classes={classes}, outputs={outputs}, steps={steps}, decay={decay}, memory={memory:.3g}).",
            "Two classes or more, an output neuron or more each, steps from 1, decay from 0 to 1, memory below 1.",
            "Give steps=… for an encoder without patterns.",
        )
    generator = torch.Generator().manual_seed(seed)
    shape = tuple(encoder.shape)
    model = dense(shape, hidden, classes * outputs, generator) if isinstance(hidden, Sequence) else hidden
    within = torch.zeros(()), torch.ones(())
    graph = canonical(read(model, torch.zeros(2, *shape), within).with_range(*within))
    begin, end = torch.zeros(()), torch.tensor(float(steps))
    stages = []
    for node in graph.nodes[1:]:
        if not isinstance(node.op, Population | Affine) or (node.op.bias is not None and bool(node.op.bias.any())):
            raise InvalidModel(
                f"`{node.path}` ({type(node.op).__name__}) is no layer of units, or has a bias.",
                "Dense layers and convolutions without biases, average pools, a ReLU behind each; then the outputs.",
                "Leave biases out (bias=False), and take average pools.",
            )
        chains = (tuple(step.map_tensors(lambda _, t: t.float()) for step in chain) for chain in node.op.groups)
        groups = tuple(Group(name, chain, begin) for name, chain in zip(node.inputs, chains, strict=True))
        last = node is graph.nodes[-1]
        level = torch.full(node.shape if own else (), threshold)
        if last:
            if node.shape != (classes * outputs,):
                raise InvalidModel(
                    f"the network has outputs of shape {node.shape}.",
                    f"{classes} classes of {outputs} output neurons: ({classes * outputs},).",
                    "Let its last layer be that wide.",
                )
            patterns = targets(classes, outputs, steps, generator)
            read_out = NearestPattern(patterns, level, torch.tensor(memory, dtype=torch.float32))
            stages.append(Stage(node.name, (classes,), groups, read_out, begin, end))
        else:
            neuron = SNU(
                bias=torch.zeros(()),
                threshold=level,
                unit=torch.ones(()),
                initial=torch.zeros(()),
                decay=torch.tensor(decay, dtype=torch.float32),
            )
            stages.append(Stage(node.name, node.shape, groups, neuron, begin, end))
    what = encoder.settings if isinstance(encoder, PatternEncoder) else type(encoder).__name__
    return SpikingNetwork(Body(encoder, tuple(stages), f"units({what})", steps, graph.macs, graph.notes))


def dense(shape: tuple[int, ...], hidden: Sequence[int], outputs: int, generator: torch.Generator) -> nn.Sequential:
    """Dense layers without biases, weights drawn from N(0, 1 / fan-in), and from N(0, (`HEARD`)² / fan-in) between
    hidden layers."""
    layers: list[nn.Module] = [nn.Flatten()]
    for i, (inputs, width) in enumerate(pairwise((math.prod(shape), *hidden, outputs))):
        layer, size = nn.Linear(inputs, width, bias=False), HEARD if 0 < i < len(hidden) else 1.0
        with torch.no_grad():
            layer.weight.copy_(size * torch.randn(width, inputs, generator=generator) / math.sqrt(inputs))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1]).eval()


def targets(classes: int, outputs: int, steps: int, generator: torch.Generator) -> Tensor:
    """c⃗ of each class, (classes, steps, classes · outputs) of 0 and 1 (eq. A.38)."""
    begin = round(SILENT * steps)
    trains = poisson((classes, outputs, steps - begin), SPIKES / (100 - 100 * SILENT), generator).to(torch.uint8)
    patterns = torch.zeros(classes, steps, classes, outputs, dtype=torch.uint8)
    for c in range(classes):
        patterns[c, begin:, c] = trains[c].T
    return patterns.flatten(2)
