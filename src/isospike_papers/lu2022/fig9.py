"""With three inputs of different frequencies the linear LIF neuron follows the rectifier, the reset to zero falls
behind.

The paper does not give the third weight; 0.1 is used here, so that Σω stays below V_th C.  Source: Lu 2022, Fig. 9.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isospike.codings.linear_lif import asymptotic_bias, onset
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value
from isospike_papers.lu2022.fig7 import rectified
from isospike_papers.lu2022.fig8 import HIGHEST, PAIRS, frequencies
from isospike_papers.lu2022.parts.setting import CONDUCTANCE, DT, RESETS, WEIGHTS, answers, rms, tidy, volleys

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

THREE = (*WEIGHTS, 0.1)
WINDOWS = (3.0, 4.0, 30.0)


class Fig9(Claim):
    """Fig. 9: one neuron, three inputs of different frequencies."""

    source = "Lu 2022, Fig. 9"
    paper = ("the same within a certain margin of error", "no figures")

    def measure(self, setup: Setup) -> Found:
        """Random triples, as in Fig. 8."""
        triples = frequencies(3, setup.seed)
        sums = torch.tensor(THREE, dtype=torch.float64) @ triples
        lines = {"onset": onset(sum(THREE), CONDUCTANCE), "asymptotic": asymptotic_bias(CONDUCTANCE)}
        found = {}
        for seconds in WINDOWS:
            drive = volleys(THREE, triples, seconds)
            found.update({(seconds, reset): answers(drive, reset=reset) for reset in RESETS})
        figures = {key: _figures(out, sums, lines) for key, out in found.items()}
        return Found(
            rows=tuple(Row(f"{seconds:g} s, reset {RESETS[reset]}", row) for (seconds, reset), row in figures.items()),
            held=_claims(figures),
            notes=(
                f"{PAIRS} triples of frequencies, uniform in [1, {HIGHEST:g}] Hz, weights "
                f"{', '.join(map(str, THREE))}, g = {CONDUCTANCE:g}, steps of {DT} s.",
                f"The onset, eq. 38, is {lines['onset']:.3f} at this sum of weights, the asymptotic bias "
                f"{lines['asymptotic']:.2f} as before: it does "
                "not depend "
                "on the weights.",
            ),
            draw=lambda: _figure(found, sums, lines),
        )


def _figures(out: Tensor, sums: Tensor, lines: dict[str, float]) -> dict[str, Value]:
    return {
        **{f"rms error, {name} bias [Hz]": rms(out - rectified(sums, bias)) for name, bias in lines.items()},
        "correlation": float(torch.corrcoef(torch.stack([out, rectified(sums, lines["onset"])]))[0, 1]),
    }


def _claims(figures: dict) -> tuple[Held, ...]:
    ratios = [
        figures[s, "zero"]["rms error, asymptotic bias [Hz]"] / figures[s, "soft"]["rms error, asymptotic bias [Hz]"]
        for s in WINDOWS
    ]
    straight = min(figures[s, "soft"]["correlation"] for s in WINDOWS)
    error = max(figures[s, "soft"]["rms error, asymptotic bias [Hz]"] * s for s in (3.0, 4.0))
    return (
        Held(
            "the answers lie on a line, in every window",
            straight,
            "correlation with the ReLU neuron at least 0.999",
            straight >= 0.999,
        ),
        Held(
            "in 3 and 4 s they are a spike off the rectifier at most",
            error,
            "rms error with the asymptotic bias at most one spike",
            error <= 1,
        ),
        Held(
            "the reset to zero errs more",
            min(ratios),
            "at least 3 times the rms error, in every window",
            min(ratios) >= 3,
        ),
    )


def _figure(found: dict, sums: Tensor, lines: dict[str, float]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    some = slice(0, 40)  # as many as can be told apart
    order = sums[some].argsort()
    _points(left, torch.arange(len(order)), {r: found[3.0, r][some][order] for r in RESETS})
    left.plot(
        rectified(sums[some][order], lines["onset"]),
        "-",
        color="#1f4e79",
        lw=1.2,
        label=f"ReLU, b = {lines['onset']:.2f} (onset)",
    )
    left.plot(
        rectified(sums[some][order], lines["asymptotic"]),
        ":",
        color="black",
        lw=1.2,
        label=f"ReLU, b = {lines['asymptotic']:.2f} (asymptotic)",
    )
    tidy(left, "a  forty triples, 3 s", xlabel="triple, by Σ ω f", ylabel="output frequency [Hz]")
    left.legend(fontsize=7.5, frameon=False)
    _points(right, sums, {r: found[3.0, r] - rectified(sums, lines["asymptotic"]) for r in RESETS})
    right.axhline(0, color="black", lw=1, ls=":")
    tidy(right, "b  difference from the ReLU neuron, asymptotic bias", xlabel="Σ ω f [Hz]", ylabel="difference [Hz]")
    return figure


def _points(axes: "Axes", x: Tensor, by_reset: dict) -> None:
    axes.plot(x, by_reset["zero"], "o", color="#c55a11", ms=3, label="LIF, reset to zero")
    axes.plot(x, by_reset["soft"], "^", color="#2e7d32", ms=3, label="linear LIF")
