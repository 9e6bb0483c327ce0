"""Neurons with a double-exponential response act as linear ones do if their rise is slow; half the rise is far from
linear.

The response against its initial slope; then LeNet-5's parameters as they are on neurons of more and more time
constants per interval, the longest time from the first spike of one layer to the last of the next.  Source: Stanojevic
2023, §3.6.1, eqs. 3.14–3.18 and Fig. 3.6."""

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch

from isospike import convert
from isospike.constraints import DoubleExponential
from isospike.data import Data, open_data
from isospike.engine import SpikingNetwork
from isospike.measure.agreement import Agreement
from isospike.neurons.double_exponential import Response
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value
from isospike.simulate import EventDriven
from isospike.zoo import lenet5

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIMIT = 0.5  # of τ1, eq. 3.18
EXCESS, ERROR, AGREE, RIGHT = "t/τ1 exceeds a(t) by [%]", "error of the logits [%]", "agreement [%]", "accuracy [%]"
SHORT = (LIMIT, 0.1, 0.01)  # times [τ1]
RATIOS = (1.0, 1 / LIMIT, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 1e4)  # τ1 over the longest interval
DECAYS = {2.0: "τ2 = 2 τ1", math.inf: "no decay"}  # τ2/τ1


class Responses(Claim):
    """§3.6.1: double-exponential responses in place of linear ones."""

    source = "Stanojevic 2023, §3.6.1, eqs. 3.14–3.18, Fig. 3.6"
    paper = {"t = 0.5 τ1, τ2 = 2 τ1": {EXCESS: "linear"}}
    options = {"samples": (64, 300, 300)}

    def measure(self, setup: Setup) -> Found:
        """Take the response at some times, then the network at some time constants."""
        network = convert(lenet5(), open_data("mnist-sample", True), dtype=torch.float64)
        data = open_data("mnist-sample").first(setup.samples)
        longest = interval(network)
        excess = {
            (t, decay): 100 * (t / float(Response(1.0, decay)(np.array(t))) - 1) for t in SHORT for decay in DECAYS
        }
        found = {
            (ratio, decay): compared(DoubleExponential(ratio * longest, decay * ratio * longest)(network), data)
            for ratio in RATIOS
            for decay in DECAYS
        }
        linear = compared(network, data)
        points = (Row(f"t = {t:g} τ1, {DECAYS[decay]}", {EXCESS: by}) for (t, decay), by in excess.items())
        networks = (
            Row(f"τ1 = {ratio:,g} intervals, {DECAYS[decay]}", _figures(agreement))
            for (ratio, decay), agreement in found.items()
        )
        return Found(
            rows=(*points, *networks),
            held=_claims(excess, found),
            notes=(
                f"LeNet-5 on the first {len(data):,} test images of the sample, event by event, its parameters as "
                f"they were converted and not tuned to the new response; linear neurons: {RIGHT} "
                f"{100 * _accuracy(linear):.4g}, {ERROR} {100 * linear.relative_error:.2g}.",
                f"The longest interval t_max(n) − t_min(n − 1) is {longest:.4g} τ_c, so that eq. 3.18 asks for τ1 > "
                f"{longest / LIMIT:.4g} τ_c; the text's example is an interval of 10 τ_c with τ1 = 20 τ_c.  Only the "
                "ratio matters: τ1 is not bound to τ_c.",
                "a(t) = t/τ1 · (1 − t/2τ1 − t/τ2 + …): with τ2 = 2 τ1 the slope has lost a share of 2t/τ1 by the time "
                "t.  Neurons that are due late then never reach their threshold, where the linear ones do: at one or "
                "two intervals the convolutions are all but silent.",
            ),
            draw=lambda: _figure(found),
        )


def interval(network: SpikingNetwork) -> float:
    """The longest t_max(n) − t_min(n − 1), pools being part of the layer before them [time]."""
    begin = {"input": 0.0} | {stage.name: float(stage.begin) for stage in network.stages}
    return max(
        float(stage.end) - min(begin[group.source] for group in stage.groups)
        for stage in network.stages
        if not stage.neuron.relays
    )


def compared(network: SpikingNetwork, data: Data) -> Agreement:
    """The network, event by event, against LeNet-5."""
    answer, model, result = EventDriven().prepare(network), lenet5().double(), Agreement()
    for x, labels in data.batches():
        result.add(answer(x.double()), model(x.double()), labels)
    return result


def _accuracy(found: Agreement) -> float:
    assert found.accuracy is not None
    return found.accuracy


def _figures(found: Agreement) -> dict[str, Value]:
    return {ERROR: 100 * found.relative_error, AGREE: 100 * found.agreement, RIGHT: 100 * _accuracy(found)}


def _claims(excess: dict[tuple[float, float], float], found: dict[tuple[float, float], Agreement]) -> tuple[Held, ...]:
    t = np.linspace(0, 5, 50_001)
    peak = float(t[Response(1.0, 2.0)(t).argmax()])
    most = max(excess[LIMIT, decay] for decay in DECAYS)
    at_limit = 100 * max(found[1 / LIMIT, decay].agreement for decay in DECAYS)
    fall = [
        math.log(found[a, d].relative_error / found[b, d].relative_error) / math.log(b / a)
        for a, b in pairwise(RATIOS[-3:])
        for d in DECAYS
    ]
    off = max(abs(exponent - 1) for exponent in fall)
    half = found[RATIOS[-1], math.inf].relative_error / found[RATIOS[-1], 2.0].relative_error
    slow = found[1e3, 2.0]
    return (
        Held("the response has its maximum later than τ1", peak, "at more than 1 τ1 (ln 3 for τ2 = 2 τ1)", peak > 1),
        Held(
            "the response is linear up to 0.5 τ1, eq. 3.18", most, "its initial slope is within 5 % of it", most <= 5
        ),
        Held(
            "with τ1 at eq. 3.18's limit the network still predicts as before",
            at_limit,
            "agreement at least 99 %",
            at_limit >= 99,
        ),
        Held(
            "the error falls as 1/τ1 once it is small",
            off,
            "exponents within 0.1 of 1 from 500 intervals on",
            off <= 0.1,
        ),
        Held(
            "without decay the error is half as large",
            half,
            "ratio within 0.02 of 1/2 at 10,000 intervals",
            abs(half - 0.5) <= 0.02,
        ),
        Held(
            "with τ1 of 1,000 intervals logits are nearly right",
            100 * slow.relative_error,
            "error at most 2 %",
            slow.relative_error <= 0.02,
        ),
        Held("and so are predictions", 100 * slow.agreement, "agreement at least 99 %", slow.agreement >= 0.99),
    )


def _figure(found: dict[tuple[float, float], Agreement]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.4), layout="constrained")
    a, b, c = figure.subplots(1, 3)
    t = np.linspace(0, 5, 501)
    a.axvspan(0, LIMIT, color="#f2f2f2", lw=0)
    a.plot(t, Response(1.0, 2.0)(t), color="#1f4e79", label="a(t)")
    a.plot(t[t <= 0.6], t[t <= 0.6], ":", color="black", lw=1.2, label="t/τ1")
    a.set(xlabel="t [τ1]", ylabel="response", ylim=(0, 0.6), title="a  τ2 = 2 τ1; shaded: eq. 3.18")
    for (decay, label), color, mark in zip(DECAYS.items(), ("#1f4e79", "#c55a11"), ("o-", "s--"), strict=True):
        b.plot(
            RATIOS,
            [100 * found[r, decay].relative_error for r in RATIOS],
            mark,
            color=color,
            ms=4,
            lw=1.2,
            label=label,
        )
        c.plot(RATIOS, [100 * found[r, decay].agreement for r in RATIOS], mark, color=color, ms=4, lw=1.2, label=label)
    b.set(xscale="log", yscale="log", ylabel=ERROR, title="b  error of the linear picture")
    c.set(xscale="log", ylabel=AGREE, ylim=(0, 103), title="c  agreement with the ReLU network")
    for axes in (b, c):
        axes.axvline(1 / LIMIT, color="#b0b0b0", lw=1, ls=":")
        axes.set_xlabel("τ1 [longest interval]")
    b.annotate("eq. 3.18", (1 / LIMIT, 0.03), xytext=(3, 0), textcoords="offset points", fontsize=8, color="#707070")
    for axes in (a, b, c):
        axes.legend(fontsize=8, frameon=False)
        axes.title.set(fontsize=10, ha="left", x=0.0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e6e6e6", lw=0.7)
        axes.set_axisbelow(True)
    return figure
