"""The convolutional network of linear LIF neurons gives its ReLU network's labels, and both spiking max pools become
the true maximum.

12@5×5 – pool – 64@5×5 – pool – 100 – 10 without biases on MNIST; inputs from 0 to 10 Hz for 2 s.  Source: Lu 2022,
Table V and Fig. 16."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from isospike.plot import tidy
from isospike.report.claim import Claim, Found, Held, Row, Setup, at_least
from isospike_papers.lu2022.parts.maps import Maps, layers, show_maps
from isospike_papers.lu2022.parts.setting import (
    AGREEMENT,
    DT,
    RELU,
    Compared,
    coding,
    compared,
    convnet_mnist,
    show_confusion,
    spiking,
)
from isospike_papers.shared.recipe import TRAINS
from isospike_papers.shared.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANGE_HZ, SECONDS, SHOWN = 10.0, 2.0, 4
TIMES = (1.0, 2.0, 4.0, 8.0)

Pools = dict[str, dict[float, float]]  # how it pools ↦ T ↦ rms error of the first pool over its rms activation


class Fig16(Claim):
    """Fig. 16: convolutional network on MNIST, linear LIF network against its ReLU network."""

    source = "Lu 2022, Table V and Fig. 16"
    paper = {"pools by the window's winner": {AGREEMENT: 100.0, RELU: 98.5}}
    options = {"samples": (64, 2000, 2000)} | TRAINS | {"epochs": (1, 100, 100)}

    def measure(self, setup: Setup) -> Found:
        """Confusion matrix, feature maps, and what the pools make of longer windows."""
        subject = convnet_mnist(setup)
        data = subject.split.reported["test set"].first(setup.samples)
        own = coding(RANGE_HZ, SECONDS)
        window, online = compared(subject, own, data, 16), compared(subject, replace(own, pool="online"), data, 16)
        x, _ = next(data.batches(SHOWN))
        maps = layers(subject, spiking(subject, own), x)
        pools: Pools = {"window": _pooled(subject, x, "window"), "online": _pooled(subject, x, "online")}
        return Found(
            rows=(
                Row("pools by the window's winner", window.figures),
                Row("pools online (ours)", online.figures),
                *(
                    Row(f"maps, {m.name}", {"relative error": m.relative_error, "correlation": m.correlation})
                    for m in maps
                ),
                *(
                    Row(f"first pool, {pool}, {t:g} s", {"relative error": error})
                    for pool, found in pools.items()
                    for t, error in found.items()
                ),
            ),
            held=_claims(window, online, maps, pools),
            notes=(
                f"First {window.samples:,} test images (the paper: 2,000), k = {RANGE_HZ:g} Hz, {SECONDS:g} s in "
                f"steps of {DT} s, no leak.",
                "Table V says 12 × 12 and 6 × 6 behind the pools, and 3,136 flattened; with padding, as section V-E1 "
                "has it, they are 14 × 14 and 7 × 7, which makes 3,136.",
                f"Trained for {setup.epochs} epochs; the paper's are 100.  Errors of maps and pools are over {len(x)} "
                "images, rms over rms.",
                "The paper's pool must see the whole window before it can send its winner's spikes; ours counts as it "
                "goes.  At the end of the window both have sent as many spikes as their busiest input, so the first "
                "pool is as wrong as its inputs and no more; only when they send them differs.",
                "The dense layers are less exact than the maps: activations there reach 20, and one spike a step "
                "stands for 10 at this coding range.",
            ),
            draw=lambda: _figure(window, x, maps, pools),
        )


def _pooled(subject: Subject, x: Tensor, pool: Literal["window", "online"]) -> dict[float, float]:
    found = {}
    for seconds in TIMES:
        made = replace(coding(RANGE_HZ, seconds), pool=pool)
        found[seconds] = next(
            m for m in layers(subject, spiking(subject, made), x) if m.name == "pool 1"
        ).relative_error
    return found


def _claims(window: Compared, online: Compared, maps: list[Maps], pools: Pools) -> tuple[Held, ...]:
    weakest = min(m.correlation for m in maps)
    fall = min(found[TIMES[0]] / found[TIMES[-1]] for found in pools.values())
    apart = max(abs(pools["window"][t] - pools["online"][t]) for t in TIMES)
    return (
        at_least("labels are the ReLU network's, as printed; share", window.agreement, 1.0),
        at_least("so they are with pools online (ours); share", online.agreement, 1.0),
        at_least("maps are alike in every layer; correlation", weakest, 0.95),
        Held(
            "either pool comes closer to the true maximum as 1 / T",
            fall,
            "error at most a quarter at eight times the window",
            fall >= 4,
        ),
        Held(
            "at the end of the window both have sent as many spikes",
            apart,
            "difference of the errors at most 1e-6",
            apart <= 1e-6,
        ),
    )


def _figure(window: Compared, x: Tensor, maps: list[Maps], pools: Pools) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    parts: Any = figure.subfigures(1, 3, width_ratios=(1.5, 1.1, 0.9))
    a, b, c = parts
    show_maps(a, x, maps)
    show_confusion(b.subplots(), window.confusion, "confusion of labels")
    axes = c.subplots()
    for (pool, found), style in zip(pools.items(), ("o-", "s--"), strict=True):
        axes.plot(TIMES, list(found.values()), style, ms=4, lw=1, label=pool)
    first = pools["window"][TIMES[0]]
    axes.plot(TIMES, [first * TIMES[0] / t for t in TIMES], ":", color="black", lw=1, label="1 / T")
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(TIMES, [f"{t:g}" for t in TIMES])
    axes.set_yticks([0.02, 0.05, 0.1, 0.2], ["0.02", "0.05", "0.1", "0.2"])
    axes.minorticks_off()
    tidy(axes, "first max pool", xlabel="window T [s]", ylabel="relative error")
    axes.legend(fontsize=7.5, frameon=False)
    return figure
