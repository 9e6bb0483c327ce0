"""A neuron with two thresholds that fires at half of them counts round(T clip(z)), and its errors cancel on average.

One neuron with a constant drive z, for T steps: spikes against stReLU(z) = clip(z, −1, 1).  The paper's Fig. 3 shows
the rounding of its eq. 15, T = 2; its neurons fire at the whole threshold, which truncates.  Both rules are shown, and
the third way to shift the staircase, starting at half the threshold.  Source: Han 2023, Fig. 3 and eqs. 14–20."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import isospike
from isospike.activations import StReLU
from isospike.report.claim import Claim, Found, Held, Row, Setup, at_most
from isospike.simulate import Stepped
from isospike_papers.han2023.parts.curves import HALFWAY, PLAIN, ROUNDING, SCHEMES, coding

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
POINTS = 6000  # drives in [−1.5, 1.5], none of them on a step of a staircase
SHOWN = 2  # T of the figure
RMS, MEAN = "rms error × T", "mean error × T"
RULES = {
    PLAIN: "fires at θ, from 0 (the paper's rule)",
    ROUNDING: "fires at θ/2, from 0 (eq. 15)",
    HALFWAY: "fires at θ, from θ/2",
}


class Fig3(Claim):
    """Fig. 3: conversion error between stReLU and a neuron with two thresholds."""

    source = "Han 2023, Fig. 3 and eqs. 14–20"
    paper = {RULES[ROUNDING]: {MEAN: 0.0, RMS: 12**-0.5}}  # eq. 20, and the rms of a uniform residue of ± θ/2

    def measure(self, setup: Setup) -> Found:
        """Simulate the neuron for every drive and every T."""
        z = torch.linspace(-1.5, 1.5, POINTS, dtype=torch.float64) + 1e-4 / 3
        z = z[z.abs() <= 1.5]
        inside = z.abs() < 1
        counts = {rule: spikes(rule, z) for rule in RULES}
        clipped = z.clamp(-1, 1)
        errors = {rule: {steps: found / steps - clipped for steps, found in by.items()} for rule, by in counts.items()}
        rms = {
            rule: {steps: float(e[inside].square().mean().sqrt()) for steps, e in by.items()}
            for rule, by in errors.items()
        }
        rows = tuple(
            Row(
                f"{text}, T = {steps}",
                {MEAN: float(errors[rule][steps][inside].mean()) * steps, RMS: rms[rule][steps] * steps},
            )
            for rule, text in RULES.items()
            for steps in STEPS
        )
        wrong = {
            rule: float(max((counts[rule][t] - expected(t * clipped)).abs().max() for t in STEPS))
            for rule, expected in _EXPECTED.items()
        }
        mean = max(abs(float(errors[ROUNDING][t][inside].mean())) * t for t in STEPS)
        half = max(rms[ROUNDING][t] / rms[PLAIN][2 * t] for t in STEPS if 2 * t in STEPS)
        worse = min(rms[HALFWAY][t] / rms[PLAIN][t] for t in STEPS if t > 1)
        return Found(
            rows=rows,
            held=(
                Held(
                    "firing at θ/2 counts round(T clip(z)) spikes; largest difference over drives and T",
                    wrong[ROUNDING],
                    "0 spikes",
                    wrong[ROUNDING] == 0,
                ),
                Held(
                    "firing at θ counts trunc(T clip(z)) spikes, which is not eq. 14",
                    wrong[PLAIN],
                    "0 spikes",
                    wrong[PLAIN] == 0,
                ),
                at_most("errors of the former cancel over −1 < z < 1 (eq. 20); mean × T", mean, 0.005, "spikes"),
                at_most("at θ/2, T steps err no more than 2 T steps at θ; rms ratio", half, 1.02),
                Held(
                    "starting at θ/2 is no remedy where there are two thresholds; least rms over that of the paper's "
                    "rule, T ≥ 2",
                    worse,
                    "above 1",
                    worse > 1,
                ),
            ),
            notes=(
                "The paper assumes a residual potential in ±θ/2 (eq. 11), and with it rounding; with V(0) = 0 and "
                "spikes at ±θ, as its experiments are described, the residue lies in ±θ and counts are truncated.  "
                "Firing at half the threshold makes the assumption true.",
                "Eq. 10 leaves out T·b, the bias current of T steps; it is part of the drive here.",
                "Starting at θ/2 gives a bias of half a spike to all drives, and helps at T = 1 only.",
            ),
            draw=lambda: _figure(z, {rule: by[SHOWN] / SHOWN for rule, by in counts.items()}, rms),
        )


_EXPECTED = {ROUNDING: torch.round, PLAIN: torch.trunc}


def spikes(rule: str, z: Tensor) -> dict[int, Tensor]:
    """Positive minus negative spikes for each drive after each T, by the whole library: a network of one stReLU is
    converted and run."""
    first, last = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    for layer in (first, last):
        nn.init.ones_(layer.weight)
    model = nn.Sequential(first, StReLU(), last).double()
    network = isospike.convert(model, z[:, None], coding(SCHEMES[rule], max(STEPS)), input_range=(-1.5, 1.5))
    return {steps: torch.round(Stepped(steps).prepare(network)(z[:, None])[:, 0] * steps) for steps in STEPS}


def _figure(z: Tensor, rates: dict[str, Tensor], rms: dict[str, dict[int, float]]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.3), layout="constrained")
    *panels, last = figure.subplots(1, 4)
    exact = z.clamp(-1, 1)
    for axes, (rule, rate) in zip(panels, rates.items(), strict=True):
        axes.fill_between(
            z,
            exact,
            rate,
            where=(rate > exact).numpy(),
            color="#c55a11",
            alpha=0.45,
            lw=0,
            label="Δe⁺: rate too large",
        )
        axes.fill_between(
            z,
            exact,
            rate,
            where=(rate < exact).numpy(),
            color="#1f4e79",
            alpha=0.35,
            lw=0,
            label="Δe⁻: rate too small",
        )
        axes.plot(z, exact, color="#404040", lw=1, ls="--", label="stReLU")
        axes.plot(z, rate, color="black", lw=1.3, label=f"spikes / T, T = {SHOWN}")
        axes.set(xlabel="z", title=RULES[rule].split(" (")[0])
    panels[0].set_ylabel("activation")
    panels[0].legend(fontsize=7, frameon=False, loc="upper left")
    for (rule, by), colour in zip(rms.items(), ("#1f4e79", "#c55a11", "#7f7f7f"), strict=True):
        last.plot(list(by), list(by.values()), "o-", ms=3, color=colour, label=RULES[rule].split(" (")[0])
    last.set(xscale="log", yscale="log", xlabel="T", title="rms error over −1 < z < 1")
    last.legend(fontsize=7, frameon=False)
    for axes in (*panels, last):
        axes.title.set(fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
