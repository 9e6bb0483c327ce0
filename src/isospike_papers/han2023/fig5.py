"""StReLU networks lose less accuracy at few time steps than LeakyReLU networks converted by TerMapping (Net1 to Net4).

Conversion error, the relative loss of accuracy, against T.  Beside the paper's rule, the two other ways to run the
same stReLU network: firing at half the threshold, and starting at half of it.  Source: Han 2023, Fig. 5."""

import math
from collections.abc import Sequence

from isospike.measure import Moment
from isospike.report.claim import Claim, Found, Held, Setup, Value, at_least, at_most
from isospike_papers.han2023.parts.curves import (
    AT,
    FAST,
    PLAIN,
    ROUNDING,
    RULES,
    TERMAPPING,
    Curves,
    error,
    family,
    notes,
    rows,
    share,
    steps_to,
)
from isospike_papers.han2023.parts.nets import NETS, OPTIONS
from isospike_papers.han2023.parts.plots import panels

ORDER = ("Net1", "Net2", "Net3", "Net4")


class Fig5(Claim):
    """Fig. 5: conversion error of Net1 to Net4 against time steps."""

    source = "Han 2023, Fig. 5"
    options = OPTIONS

    def measure(self, setup: Setup) -> Found:
        """Train or fetch, convert and run each network once for all T."""
        found = family(ORDER, RULES, setup)
        return Found(
            rows=rows(found, _figures),
            held=claims(found),
            notes=(
                *notes(setup, *ORDER),
                "Error: (ANN accuracy − SNN accuracy) / ANN accuracy, in per cent; negative where the spiking network "
                "is more often right.",
                "The figure is a picture; the text says that TerMapping's error falls from T = 8 on in Net1 to Net3.",
                "The paper's curves start low: at T = 1 its stReLU networks Net1 to Net3 err little.  Neurons that "
                "fire at θ from a potential of 0, as its text describes them, cannot do so: with drives in ±θ they "
                "hardly fire in the first step.  Firing at θ/2, which its eq. 15 implies, comes much closer.",
                f"Curves of stReLU end at T = {FAST}, those of TerMapping at {_ends()}.  `stReLU` alone is the rule "
                "of the text: spikes at θ, from 0.",
            ),
            draw=lambda: panels(found, error, "conversion error [%]"),
        )


def _ends() -> str:
    return ", ".join(f"{NETS[net].steps:,} ({net})" for net in ORDER)


def _figures(moments: Sequence[Moment]) -> dict[str, Value]:
    return {f"error [%], T = {m.steps}": error(m) for m in moments if m.steps in AT}


def claims(found: Curves) -> tuple[Held, ...]:
    """Over all networks: the worst case."""
    fewer = 1 / max(share(curves[PLAIN], curves[TERMAPPING], 1.0) for curves in found.values())
    first = min(error(curves[TERMAPPING][0]) - error(curves[PLAIN][0]) for curves in found.values())
    low = max(error(found[net][ROUNDING][0]) for net in ("Net1", "Net2", "Net3"))
    half = max(
        (steps_to(curves[ROUNDING], 0.1) or math.inf) / (steps_to(curves[PLAIN], 0.1) or curves[PLAIN][-1].steps)
        for curves in found.values()
    )
    return (
        Held(
            "stReLU needs fewer steps than TerMapping to stay within 1 % of its ANN, in every network; least ratio of "
            "steps",
            fewer,
            "above 1",
            fewer > 1,
        ),
        at_least(
            "at T = 1 already, stReLU loses less than TerMapping in every network; least difference in points",
            first,
            0,
        ),
        at_most(
            "firing at θ/2, errors of Net1 to Net3 are low at T = 1, as the paper has it of stReLU; largest [%]",
            low,
            5,
        ),
        at_most(
            "firing at θ/2 brings outputs within 10 % rms in at most half of the paper's rule's steps; largest ratio",
            half,
            0.55,
        ),
    )
