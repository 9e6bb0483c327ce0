"""What Han 2023 measures: accuracy, error and latency against the number of time steps, of every network under every
scheme of conversion."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from rich.progress import track
from torch import nn

import isospike
from isospike.codings import Rate
from isospike.codings.normalise import Bounds, Percentile, SpikeNorm
from isospike.engine import SpikingNetwork
from isospike.measure import PRICES, Moment, curve
from isospike.neurons import IF, TernaryIF
from isospike.report.claim import Figures, Row, Setup
from isospike_papers.han2023.parts.nets import LONG, NETS, Net

AT = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)  # T that tables of curves show
CALIBRATION = 256  # training images that ranges are read off, where they are
FAST = 256  # time steps up to which schemes that need few are run
ANN, SNN, LATENCY, ERROR = "ANN accuracy [%]", "SNN accuracy [%]", "latency", "error [%]"
FOR_GOOD, WITHIN_1, WITHIN_RMS = "T, lossless for good", "T, error ≤ 1 % for good", "T, outputs within 10 % rms"


@dataclass(frozen=True)
class Scheme:
    """A way to a spiking network: the activation trained with, and the coding; `fast` ones need few steps."""

    activation: str
    coding: Rate
    fast: bool = False


PLAIN, ROUNDING, HALFWAY = "stReLU", "stReLU firing at θ/2", "stReLU starting at θ/2"
TERMAPPING = "TerMapping"
RULES = (PLAIN, ROUNDING, HALFWAY, TERMAPPING)
ACTIVATED = (PLAIN, "atLeakyReLU", "tReLU")  # three clipped activations, one rule
_double = partial(Rate, neuron=TernaryIF(level=1.0))
SCHEMES: dict[str, Scheme] = {
    PLAIN: Scheme("stReLU", _double(normalise=Bounds()), fast=True),  # the paper's rule: V₀ = 0, spikes at ± θ
    ROUNDING: Scheme("stReLU", Rate(neuron=TernaryIF(level=0.5), normalise=Bounds()), fast=True),
    HALFWAY: Scheme("stReLU", _double(normalise=Bounds(), initial=0.5), fast=True),
    TERMAPPING: Scheme("LeakyReLU", _double(normalise=Percentile(100, per="layer"))),
    "atLeakyReLU": Scheme("atLeakyReLU", _double(normalise=Bounds())),
    "tReLU": Scheme("tReLU", _double(normalise=Bounds())),
    "DataNorm": Scheme("ReLU", Rate(neuron=IF(reset="zero"), normalise=Percentile(100, per="layer"), initial=0.0)),
    "SpikeNorm": Scheme("ReLU", Rate(neuron=IF(reset="zero"), normalise=SpikeNorm(), initial=0.0)),
    "CQ": Scheme("CQ", Rate(neuron=IF(reset="soft"), normalise=Bounds(), initial=0.0)),
    "RMP-SNN": Scheme("ReLU", Rate(neuron=IF(reset="soft"), normalise=SpikeNorm(), initial=0.0)),
    "RNL": Scheme("RNL", Rate(neuron=IF(reset="soft"), normalise=Bounds(), initial=0.0)),
}


def coding(scheme: Scheme, steps: int) -> Rate:
    """The scheme's coding for T steps."""
    return replace(scheme.coding, steps=steps)


def converted(net: Net, scheme: Scheme, setup: Setup, steps: int) -> tuple[nn.Module, SpikingNetwork]:
    """A trained network and the spiking one made from it."""
    model = net.trained(scheme.activation, setup)
    images = net.split(setup).train.first(CALIBRATION)
    few = images.first(32) if isinstance(scheme.coding.normalise, SpikeNorm) else images
    return model, isospike.convert(model, few, coding(scheme, steps), input_range=images.input_range())


@cache
def measured(name: str, scheme: str, setup: Setup) -> tuple[Moment, ...]:
    """Everything about one scheme of `SCHEMES` on one net of `NETS`, at each of `times`."""
    net, way = NETS[name], SCHEMES[scheme]
    steps = min(net.steps, FAST) if way.fast else net.steps
    model, network = converted(net, way, setup, steps)
    data = net.test(setup)
    parts = track(data.batches(), total=-(-len(data) // 256), description=f"{name}, {scheme}", transient=True)
    return tuple(curve(network, parts, model, times(steps), prices=PRICES["han2023"]))


Curves = dict[str, dict[str, tuple[Moment, ...]]]  # by network, then by scheme


def family(nets: Sequence[str], schemes: Sequence[str], setup: Setup) -> Curves:
    """Every scheme on every network."""
    return {net: {scheme: measured(net, scheme, setup) for scheme in schemes} for net in nets}


def rows(found: Curves, figures: Callable[[Sequence[Moment]], Figures]) -> list[Row]:
    """A row a curve."""
    return [
        Row(f"{net}, {scheme}", figures(moments))
        for net, curves in found.items()
        for scheme, moments in curves.items()
    ]


def accuracies(moments: Sequence[Moment]) -> Figures:
    """The original's, and that at some T."""
    shown = {f"T = {m.steps}": percent(m.accuracy) for m in moments if m.steps in AT}
    return {ANN: percent(moments[0].accuracy_original), **shown}


def times(steps: int) -> list[int]:
    """Every step to 16, then four an octave."""
    return [t for t in sorted({*range(1, 17), *(round(2 ** (k / 4)) for k in range(17, 64))}) if t <= steps]


def settled(moments: Sequence[Moment], tolerance: float = 0.0) -> int | None:
    """The first measured T from which on the conversion error stays within the tolerance [% of the original's
    accuracy]; 0 is lossless."""
    late = max((m.steps for m in moments if error(m) > tolerance), default=0)
    return next((m.steps for m in moments if m.steps > late), None)


def share(fast: Sequence[Moment], slow: Sequence[Moment], tolerance: float) -> float:
    """Steps that `fast` needs to stay within the tolerance, over those of `slow`: endless where `fast` does not arrive
    there, and at most so much where `slow` does not."""
    return (settled(fast, tolerance) or math.inf) / (settled(slow, tolerance) or slow[-1].steps)


def first_lossless(moments: Sequence[Moment]) -> int | None:
    """The first measured T at which accuracy is no less than the original's; it may fall below again by single
    images."""
    return next((m.steps for m in moments if error(m) <= 0), None)


def error(moment: Moment) -> float:
    """Conversion error [%]: the accuracy lost, relative to the original's, as the paper counts it (its Table 3 gives
    1.20 % for 93.42 and 92.30)."""
    assert moment.accuracy is not None and moment.accuracy_original is not None
    return 100 * (moment.accuracy_original - moment.accuracy) / max(moment.accuracy_original, 1e-9)


def steps_to(moments: Sequence[Moment], rms: float) -> float | None:
    """The T at which the relative rms error of the outputs falls below `rms` for good, between measured steps along a
    power law."""
    above = [i for i, m in enumerate(moments) if (m.relative_error or 0.0) > rms]
    if not above:
        return float(moments[0].steps)
    if above[-1] + 1 == len(moments):
        return None
    a, b = moments[above[-1]], moments[above[-1] + 1]
    assert a.relative_error and b.relative_error
    share = (math.log(a.relative_error) - math.log(rms)) / (math.log(a.relative_error) - math.log(b.relative_error))
    return float(a.steps * (b.steps / a.steps) ** share)


def columns(moments: Sequence[Moment]) -> Figures:
    """Those of Tables 2 to 4."""
    first = first_lossless(moments)
    at = next(m for m in moments if m.steps == (first or moments[-1].steps))
    end = f"> {moments[-1].steps}"
    assert at.accuracy is not None and at.accuracy_original is not None
    return {
        ANN: 100 * at.accuracy_original,
        SNN: 100 * at.accuracy,
        LATENCY: first or end,
        ERROR: error(at),
        FOR_GOOD: settled(moments) or end,
        WITHIN_1: settled(moments, 1.0) or end,
        WITHIN_RMS: steps_to(moments, 0.1) or end,
    }


def printed(*figures: tuple[str, str, float, float, int, float]) -> dict[str, Figures]:
    """The paper's figures of Tables 3 and 4, by case.  figures: network, scheme, then the columns."""
    return {
        f"{net}, {scheme}": {ANN: ann, SNN: snn, LATENCY: steps, ERROR: lost}
        for net, scheme, ann, snn, steps, lost in figures
    }


def notes(setup: Setup, *names: str) -> tuple[str, ...]:
    """What differs from the paper, for the networks named, and the images that accuracies are over."""
    tested = {NETS[name].data: len(NETS[name].test(setup)) for name in names}
    counts = ", ".join(f"{images:,} of {data}" for data, images in tested.items())
    return (
        *trained_notes(setup, *names),
        f"Accuracies are over the first test images ({counts}), ANN and SNN on the same ones.",
    )


def trained_notes(setup: Setup, *names: str) -> tuple[str, ...]:
    """How the networks named are trained otherwise than in the paper."""
    nets = [NETS[name] for name in names]
    colour = [net for net in nets if net.data == "cifar10"]
    grey = [net for net in nets if net.data != "cifar10"]
    said = []
    few = "" if setup.training is None else f"the first {setup.training:,} of "
    if colour and not setup.full:
        plain = ", ".join(net.name for net in colour if (setup.epochs or net.epochs) < LONG)
        said.append(
            f"Width of the CIFAR-10 networks, as a share of the paper's: {_widths(colour, setup)}; "
            f"{_epochs(colour, setup)} epochs instead of 300–400, with random crops and mirrors"
            f"{f' ({plain} without AutoAugment and Cutout, which need {LONG} epochs to pay)' if plain else ''}, on "
            f"{few}the training images (0–44,999 where test images are missing)."
        )
    if grey and not setup.full:
        said.append(
            f"Width of the MNIST and Fashion-MNIST networks, as a share of the paper's: {_widths(grey, setup)}; "
            f"{_epochs(grey, setup)} epochs instead of 300–400, on {few}the training images."
        )
    return tuple(said)


def _widths(nets: Sequence[Net], setup: Setup) -> str:
    return ", ".join(f"{net.name} {net.share(setup):g}" for net in nets)


def _epochs(nets: Sequence[Net], setup: Setup) -> str:
    return " and ".join(str(epochs) for epochs in sorted({setup.epochs or net.epochs for net in nets}))


def percent(share: float | None) -> float:
    """A share in per cent."""
    assert share is not None
    return 100 * share
