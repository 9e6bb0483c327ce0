"""With three inputs of different frequencies the linear LIF neuron follows the rectifier, the reset to zero falls
behind.

The paper does not give the third weight; 0.1 is used here, so that Σω stays below V_th C.  Source: Lu 2022, Fig. 9.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isospike.codings.linear_lif import onset
from isospike.plot import tidy
from isospike.report.claim import Claim, Found, Held, Row, Setup, at_least
from isospike_papers.lu2022.parts.neurons import (
    ASYMPTOTIC,
    CONDUCTANCE,
    HIGHEST,
    PAIRS,
    WEIGHTS,
    WINDOWS,
    both,
    correlation,
    frequencies,
    lines,
    nominal,
    points,
    rectified,
    rms,
    volleys,
)
from isospike_papers.lu2022.parts.setting import DT, RESETS, Reset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THREE = (*WEIGHTS, 0.1)
ONSET = onset(sum(THREE), CONDUCTANCE)
ASYMPTOTIC_KEY = "rms error, asymptotic bias [Hz]"


class Fig9(Claim):
    """Fig. 9: one neuron, three inputs of different frequencies."""

    source = "Lu 2022, Fig. 9"
    options = {"seed": 0}

    def measure(self, setup: Setup) -> Found:
        """Random triples, as in Fig. 8."""
        triples = frequencies(len(THREE), setup.seed)
        sums = nominal(THREE, triples)
        found = {seconds: both(volleys(THREE, triples, seconds)) for seconds in WINDOWS}
        figures = {(s, reset): _figures(out, sums) for s, by in found.items() for reset, out in by.items()}
        return Found(
            rows=tuple(Row(f"{seconds:g} s, reset {RESETS[reset]}", row) for (seconds, reset), row in figures.items()),
            held=_claims(figures),
            notes=(
                f"{PAIRS} triples of frequencies, uniform in [1, {HIGHEST:g}] Hz, weights "
                f"{', '.join(map(str, THREE))}, g = {CONDUCTANCE:g}, steps of {DT} s.",
                f"The onset, eq. 38, is {ONSET:.3f} at this sum of weights, the asymptotic bias {ASYMPTOTIC:.2f} as "
                "before: it does not depend on the weights.",
                "The paper gives no figures: the same within a certain margin of error, it says.",
            ),
            draw=lambda: _figure(found[3.0], sums),
        )


def _figures(out: Tensor, sums: Tensor) -> dict[str, float]:
    return {
        "rms error, onset bias [Hz]": rms(out - rectified(sums, ONSET)),
        ASYMPTOTIC_KEY: rms(out - rectified(sums, ASYMPTOTIC)),
        "correlation": correlation(out, rectified(sums, ONSET)),
    }


def _claims(figures: dict[tuple[float, Reset], dict[str, float]]) -> tuple[Held, ...]:
    ratio = min(figures[s, "zero"][ASYMPTOTIC_KEY] / figures[s, "soft"][ASYMPTOTIC_KEY] for s in WINDOWS)
    straight = min(figures[s, "soft"]["correlation"] for s in WINDOWS)
    error = max(figures[s, "soft"][ASYMPTOTIC_KEY] * s for s in (3.0, 4.0))
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
        at_least("the reset to zero errs more", ratio, 3, "times the rms error, in every window"),
    )


def _figure(found: dict[Reset, Tensor], sums: Tensor) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    some = slice(0, 40)  # as many as can be told apart
    order = sums[some].argsort()
    places = torch.arange(len(order))
    points(left, places, {reset: out[some][order] for reset, out in found.items()})
    lines(left, places, sums[some][order], ONSET)
    tidy(left, "a  forty triples, 3 s", xlabel="triple, by Σ ω f", ylabel="output frequency [Hz]")
    left.legend(fontsize=7.5, frameon=False)
    points(right, sums, {reset: out - rectified(sums, ASYMPTOTIC) for reset, out in found.items()})
    right.axhline(0, color="black", lw=1, ls=":")
    tidy(right, "b  difference from the ReLU neuron, asymptotic bias", xlabel="Σ ω f [Hz]", ylabel="difference [Hz]")
    return figure
