"""Every spike is the crossing of a threshold, its time gives the activation back, and 65 % of the neurons of layer 2
stay silent.

Spikes of VGG16 for a cat of CIFAR-10 in the input, layers 1, 2 and 14, and the potentials of the read-out; three
membranes of one channel of layer 2; when layer 2 fires over all test images.  Source: Stanojevic 2023, Fig. 2.4."""

from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.data import Data
from isospike.engine import SpikingNetwork
from isospike.measure.membrane import trajectory
from isospike.network import Stage
from isospike.neurons import FirstSpikeIF
from isospike.report.claim import Claim, Found, Held, Row, Setup, at_least
from isospike.simulate import ClosedForm, simulate
from isospike_papers.stanojevic2023.parts import raster
from isospike_papers.stanojevic2023.parts.exactness import Exactness
from isospike_papers.stanojevic2023.parts.subjects import PAPER_CODING, VGG16, vgg16_cifar10

CAT, SHOWN, BINS = 3, 10, 60
LAYERS = (0, 1, 2, 14)
EARLY = "layer 2 fires before t_max [%]"


@dataclass(frozen=True)
class Census:
    """When the neurons of a layer fire: spikes a bin, neuron and image, over equal bins of its window; share that
    fires at all."""

    counts: Tensor
    fires: float


class Fig24(Claim):
    """Fig. 2.4: spikes of VGG16 for one image of CIFAR-10."""

    source = "Stanojevic 2023, Fig. 2.4"
    paper = {"over the images": {EARLY: 34.92}}
    options = VGG16

    def measure(self, setup: Setup) -> Found:
        """Simulate one image for the raster, and all of them for the histogram."""
        exactness = Exactness(vgg16_cifar10(setup), PAPER_CODING)
        network = exactness.network()
        hidden = [stage for stage in network.stages[:-1] if not stage.neuron.relays]
        place, data = next((name, d) for name, d in exactness.subject.split.reported.items() if "test" in name)
        data = data.first(setup.samples)
        x = a_cat(network, data)
        trace = simulate(network, x)
        generator = torch.Generator().manual_seed(setup.seed)
        bands = tuple(
            _band(f"layer {n}" if n else "input", network, hidden[n - 1] if n else None, trace.codes, x, generator)
            for n in LAYERS
            if n <= len(hidden)
        )
        second = hidden[1]
        arriving = {group.source: trace.codes[group.source] for group in second.groups}
        chosen = of_one_channel(second, trace.codes[second.name][0])
        paths = tuple(trajectory(second, arriving, neuron) for neuron in chosen)
        census = count(network, second, data)
        readout = trace.readout[0]
        leads = [float(trace.codes[second.name][0][neuron]) for neuron in chosen]
        missed = max(abs(path.lead - lead) / path.window for path, lead in zip(paths, leads, strict=True))
        values: dict[str, Tensor] = {}
        expected = exactness.graph.to(torch.float32)(x, values.__setitem__)[0]
        same = int(expected.argmax()) == int(readout.argmax())
        lost = max(_error(stage.neuron.value(trace.codes[stage.name]), values[stage.name]) for stage in hidden)
        return Found(
            rows=(
                Row("over the images", {EARLY: 100 * census.fires, "images": len(data)}),
                *(
                    Row(
                        band.name,
                        {
                            "window": band.end - band.begin,
                            "begins": band.begin,
                            "fire for this image [%]": 100 * band.fires,
                        },
                    )
                    for band in bands
                ),
            ),
            held=(
                Held("both networks predict the same class for this image", float(same), "1 if so", same),
                Held(
                    "spike times of all layers give the activations back",
                    lost,
                    "error ≤ 1e-4 of a layer's largest",
                    lost <= 1e-4,
                ),
                Held(
                    "the membranes shown cross their thresholds when the simulated neurons fire",
                    missed,
                    "within 1e-4 of a window",
                    missed <= 1e-4,
                ),
                at_least("as large a part of layer 2 is silent until t_max; share", 1 - census.fires, 0.6508),
            ),
            notes=(
                *(() if setup.full else (f"VGG16 has width {setup.width} instead of 64.",)),
                f"The histogram is over {len(data):,} images ({place}).  Of each layer the earliest neuron and "
                f"{SHOWN - 1} random ones are shown.",
            ),
            draw=lambda: raster.draw(bands, readout, raster.Panels(paths, census.counts, census.fires)),
        )


def _error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max().clamp_min(1e-12))


def a_cat(network: SpikingNetwork, data: Data) -> Tensor:
    """The first cat that is recognised with some confidence, or else the first image.  Returns a batch of one."""
    answer = ClosedForm().prepare(network)
    best = None
    for x, labels in data.first(256).batches():
        assert labels is not None
        logits = answer(x)
        lead = logits[:, CAT] - logits.scatter(1, torch.full((len(x), 1), CAT), -torch.inf).amax(1)
        for i in torch.nonzero((labels == CAT) & (lead > 0)).flatten():
            if best is None or lead[i] > best[0]:
                best = (lead[i], x[i : i + 1])
    return next(iter(data))[:1] if best is None else best[1]


def of_one_channel(stage: Stage, code: Tensor) -> tuple[tuple[int, ...], ...]:
    """An early, a later and a silent neuron of one channel: of those about half active, the one whose membrane its
    inputs move most.

    code: (channels, height, width).
    """
    share = (code > 0).float().mean((1, 2))
    assert isinstance(stage.neuron, FirstSpikeIF)
    # The steeper the approach to threshold, the less the rest is seen
    slope = stage.neuron.slope.expand(stage.shape).amax((1, 2))
    channel = int((slope + 1e6 * (share - 0.5).abs().clamp_min(0.3)).argmin())
    order = code[channel].flatten().argsort(descending=True)
    active = int((code[channel] > 0).sum())
    picks = (order[0], order[active // 2], order[-1])
    return tuple((channel, int(i) // code.shape[2], int(i) % code.shape[2]) for i in picks)


def count(network: SpikingNetwork, stage: Stage, data: Data) -> Census:
    """When a layer fires, over all images."""
    counts, window = torch.zeros(BINS), float(stage.end - stage.begin)
    fired = total = 0

    def watch(other: Stage, code: Tensor) -> None:
        nonlocal counts, fired, total
        if other.name == stage.name:
            times = window - code[code > 0]
            counts = counts + torch.histc(times, BINS, 0.0, window)
            fired, total = fired + times.numel(), total + code.numel()

    answer = ClosedForm().prepare(network)
    for x, _ in data.batches():
        answer(x, watch)
    return Census(counts / total, fired / total)


def _band(
    name: str,
    network: SpikingNetwork,
    stage: Stage | None,
    codes: dict[str, Tensor],
    x: Tensor,
    generator: torch.Generator,
) -> raster.Band:
    encoder = network.body.encoder
    code = (encoder.encode(x) if stage is None else codes[stage.name]).flatten()
    begin, end = (0.0, float(encoder.end)) if stage is None else (float(stage.begin), float(stage.end))
    others = torch.randperm(len(code), generator=generator)
    first = code.argmax()
    chosen = torch.cat([first[None], others[others != first][: SHOWN - 1]])
    values = code if stage is None else stage.neuron.value(codes[stage.name]).flatten()
    return raster.Band(name, begin, end, code[chosen], values[chosen], float((code > 0).float().mean()))
