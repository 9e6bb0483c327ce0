"""How fast this machine simulates: a model of time, fitted to short runs of two small networks.

    seconds of a sample = b · Σ synapses · T · min(d / d₀, 1) + c · Σ neurons · T

Synapses are those of each synapse group, d is the density of the spikes that it hears, spikes per neuron and step, and
d₀ the density from which on simulators take a dense map at the latest.  What is computed once whatever T is, in closed
form all of it, has T · min(d / d₀, 1) = 1.  The original's own run counts likewise.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from time import process_time

import numpy as np
import scipy.optimize
import torch
from torch import Tensor, nn

from isospike.codings import TTFS, Coding, Rate
from isospike.convert import Conversion
from isospike.data import Data
from isospike.engine import SpikingNetwork
from isospike.engine.events import SPARSE
from isospike.measure.meter import stage_size
from isospike.measure.operations import groups
from isospike.network import Body, Stage
from isospike.simulate import Stepped
from isospike.sweep.shard import figures, one_thread

# Channels and pixels of the networks that are run to fit the model.  Weights between all channels are 2.4 MB a layer:
# between those of small networks, which stay in the cache, and those of large ones, which do not
MIXED, APART = (256, 8), (64, 32)
STEPS = 16  # T of them: a stretch of the simulator
SAMPLES = (2, 8)  # of their runs
Density = Mapping[str, float]  # by source of spikes: spikes per neuron and step


@dataclass(frozen=True)
class Work:
    """What is computed for a sample, in all steps.

    | field      | meaning                                                   |
    |------------|-----------------------------------------------------------|
    | `synapses` | Σ synapses · T · min(d / d₀, 1)                           |
    | `neurons`  | Σ neurons · T                                             |
    """

    synapses: float
    neurons: float


@dataclass(frozen=True)
class Speed:
    """
    | field     | unit | meaning                                                               |
    |-----------|------|-----------------------------------------------------------------------|
    | `synapse` | s    | b                                                                     |
    | `neuron`  | s    | c                                                                     |
    | `begin`   | s    | until a process answers with its first network: import and compiling  |
    """

    synapse: float
    neuron: float
    begin: float = 0.0

    def seconds(self, work: Work) -> float:
        """Of a sample."""
        return self.synapse * work.synapses + self.neuron * work.neurons


def work(body: Body, density: Density, steps: int) -> Work:
    """What a sample takes.  density: of networks that fire step by step.  steps: T, 0 for those that answer once."""
    synapses, neurons = float(body.macs), float(sum(map(stage_size, body.stages)))
    fans = groups(body)
    for stage in body.stages:
        for group, (_, source, fan) in zip(stage.groups, fans, strict=False):
            sparse = bool(group.chain) and group.chain[-1].rows() is not None
            share = min(density[source] / SPARSE, 1.0) if steps and sparse else 1.0
            synapses += float(fan.sum()) * (1 if _once(body, stage, source) else steps * share)
    return Work(synapses, neurons * max(steps, 1))


def _once(body: Body, stage: Stage, source: str) -> bool:
    """Whether synapses are gone through once, whatever T is."""
    summed = stage is body.stages[-1] and not stage.neuron.hears  # the read-out needs the sum of its spikes only
    return not body.steps or summed or (source == "input" and body.encoder.constant)


def density(network: SpikingNetwork, x: Tensor) -> Density:
    """Spikes per neuron and step, by source, of a network that fires step by step."""
    steps, found = network.body.steps, {"input": 1.0}

    def tally(stage: Stage, spikes: Tensor) -> None:
        found[stage.name] = float(spikes.double().mean()) / steps

    Stepped().prepare(network)(network.own(x), tally=tally)
    return found


def fit(points: Iterable[tuple[Work, int, float]]) -> Speed:
    """The speed that explains runs, (work of a sample, samples, seconds), by the smallest relative errors; what a run
    takes whatever its samples are is fitted besides, and left out."""
    rows, ones = [], []
    for one, samples, seconds in points:
        rows.append([1 / seconds, samples * one.synapses / seconds, samples * one.neurons / seconds])
        ones.append(1.0)
    columns = np.array(rows)
    scale = columns.max(0)  # seconds of a synapse are 10⁻¹¹
    found, _ = scipy.optimize.nnls(columns / scale, np.array(ones))
    _, synapse, neuron = found / scale
    return Speed(float(synapse), float(neuron))


@cache
def speed(stepwise: bool) -> Speed:
    """Of this machine, on one thread: of networks that fire step by step, or of those that answer once."""
    coding: Coding = Rate(steps=STEPS) if stepwise else TTFS()
    points, begin = [], None
    with one_thread():
        for grouped in (True, False):
            first, model, data = process_time(), probe(grouped), noise(max(SAMPLES), (APART if grouped else MIXED)[1])
            conversion = Conversion(model, data)
            network = conversion.network(coding, torch.float32)
            seen = density(network, next(data.batches())[0]) if stepwise else {}
            one = work(network.body, seen, network.body.steps)
            figures(network, conversion, data, 0)  # compiles
            begin = process_time() - first if begin is None else begin
            for samples in SAMPLES:
                started = process_time()
                figures(network, conversion, data.first(samples), 0)
                points.append((one, samples, process_time() - started))
    return replace(fit(points), begin=begin or 0.0)


def probe(grouped: bool) -> nn.Module:
    """Convolutions of 3 × 3 between all channels, or within each: with many synapses a neuron, or with few."""
    channels, _ = APART if grouped else MIXED
    groups = channels if grouped else 1
    generator = torch.Generator().manual_seed(0)
    layers: list[nn.Module] = [nn.Conv2d(3, channels, 1), nn.ReLU()]
    for _ in range(3):
        layers += [nn.Conv2d(channels, channels, 3, padding=1, groups=groups), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))
    for weight in model.parameters():
        scale = (2 / weight[0].numel()) ** 0.5 if weight.ndim > 1 else 0.0
        weight.data = torch.randn(weight.shape, generator=generator) * scale
    return model.eval()


def noise(samples: int, pixels: int) -> Data:
    """Images for it."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(samples, 3, pixels, pixels, generator=generator)
    return Data("noise", images, torch.zeros(samples, dtype=torch.long))
