"""AlexNet of linear LIF neurons gives its ReLU network's labels on CIFAR-10, on 99.5 % of the images at 10 Hz in 2 s.
The statements about longer windows, and about what is amiss in short ones, were chosen after looking.

Feature maps and confusion matrix.  Source: Lu 2022, Fig. 17.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from isospike.measure import Finding, diagnose
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value, at_least, at_most
from isospike_papers.lu2022.parts.deep import DEEP, EPOCHS, alexnet_cifar10
from isospike_papers.lu2022.parts.maps import Maps, layers, show_maps
from isospike_papers.lu2022.parts.setting import (
    AGREEMENT,
    DT,
    RELU,
    Compared,
    coding,
    compared,
    show_confusion,
    spiking,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANGE_HZ, TIMES, SHOWN = 10.0, (2.0, 20.0, 40.0), 2  # k [Hz] and T [s]: the printed one, as for VGG16, and beyond
AGREES = 0.995  # share of labels, as printed
PARTS = ("error [%]", "inherited [%]", "clipping [%]", "resolution [%]", "order [%]")
CLASSES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Fig17(Claim):
    """Fig. 17: AlexNet on CIFAR-10, linear LIF network against its ReLU network."""

    source = "Lu 2022, Fig. 17 and section V-E5"
    paper = {"10 Hz, 2 s": {AGREEMENT: 99.50, RELU: 80.27}}
    options = {"samples": (64, 100, 1200)} | DEEP

    def measure(self, setup: Setup) -> Found:
        """2 s at 10 Hz, as for MNIST, and longer; by how much each layer is wrong, and why."""
        subject, (printed, long, _) = alexnet_cifar10(setup), TIMES
        place, data = next((name, d) for name, d in subject.split.reported.items() if "test" in name)
        data = data.first(setup.samples)
        found = {seconds: compared(subject, coding(RANGE_HZ, seconds), data, 4) for seconds in TIMES}
        x, _ = next(data.batches(SHOWN))
        networks = {seconds: spiking(subject, coding(RANGE_HZ, seconds)) for seconds in TIMES}
        maps = layers(subject, networks[long], x)
        amiss = {seconds: diagnose(network, x) for seconds, network in networks.items()}
        narrow = (
            f"Width {setup.width} instead of 64 and {setup.epochs or EPOCHS} epochs of Adam, on images moved by up to "
            "4 pixels and mirrored."
        )
        return Found(
            rows=(
                *(Row(_name(seconds), f.figures) for seconds, f in found.items()),
                *(
                    Row(f"{label}, {_name(seconds)}", _errors(one))
                    for seconds, layer in amiss.items()
                    for label, one in zip(("input", *(m.name for m in maps), "output"), layer, strict=True)
                ),
                *(Row(f"maps, {m.name}, {_name(long)}", {"correlation": m.correlation}) for m in maps),
            ),
            held=_claims(found, maps, amiss),
            notes=(
                *(() if setup.full else (narrow,)),
                f"{len(data)} images ({place}; the paper: 1,200), steps of {DT} s, no leak, pools by the window's "
                f"winner.  Errors of layers are over {len(x)} of them, rms over rms: what a layer inherits from those "
                "before it, and what it makes itself, by clipping (more than a spike a step), by resolution (whole "
                "spikes) and by the order in which spikes come.",
                "The paper says that its simulation is that of the MNIST network, 2 s at up to 10 Hz, and does not "
                "normalise weights.  In 2 s a white pixel sends 20 spikes, and most pixels send fewer: the input is "
                f"wrong by {100 * _over(amiss[printed][0].total, amiss[printed][0]):.0f} % already, and the output by "
                f"{100 * _over(amiss[printed][-1].total, amiss[printed][-1]):.0f} %.  Labels whose margin is smaller "
                "can change.",
                "Kernels and widths are inferred from the printed number of synapses: see Table VI.",
            ),
            draw=lambda: _figure(found[long], x, maps),
        )


def _name(seconds: float) -> str:
    return f"{RANGE_HZ:g} Hz, {seconds:g} s"


def _over(part: float, layer: Finding) -> float:
    return part / max(layer.scale, 1e-300)  # a layer may be silent


def _errors(layer: Finding) -> dict[str, Value]:
    parts = (layer.total, layer.inherited, layer.clipping, layer.resolution, layer.order)
    return {name: 100 * _over(part, layer) for name, part in zip(PARTS, parts, strict=True)}


def _claims(
    found: dict[float, Compared], maps: list[Maps], amiss: Mapping[float, Sequence[Finding]]
) -> tuple[Held, ...]:
    printed, _, end = TIMES
    clipped = max(_over(layer.clipping, layer) for layer in amiss[end])
    scaled = [seconds * _over(layers[-1].total, layers[-1]) for seconds, layers in amiss.items()]
    return (
        at_least(f"at {_name(printed)} labels are the ReLU network's; share", found[printed].agreement, AGREES),
        at_least(f"at {_name(end)} they are (chosen after looking); share", found[end].agreement, AGREES),
        at_most(
            "what is amiss is time: the output's error falls as 1/T (chosen after looking); error × T, largest over "
            "smallest",
            max(scaled) / max(min(scaled), 1e-300),
            1.5,
        ),
        at_most("and no layer clips (chosen after looking); largest share of its rms", clipped, 0.001),
        at_least("maps of the first layer are alike; correlation", maps[0].correlation, 0.99),
    )


def _figure(found: Compared, x: Tensor, maps: list[Maps]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    parts: Any = figure.subfigures(1, 2, width_ratios=(1.8, 1))
    a, b = parts
    show_maps(a, x, maps)
    axes = b.subplots()
    show_confusion(axes, found.confusion, "confusion of labels", CLASSES)
    axes.tick_params(axis="x", rotation=45)
    return figure
