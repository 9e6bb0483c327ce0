"""Claim: on CIFAR-10 too, stReLU networks come close to their ANN's accuracy in fewer time steps than TerMapping (Net5 and Net6).

Accuracy against T.  Source: Han 2023, Fig. 6.
"""

import time
from collections.abc import Sequence

from isospike.experiments._han2023_curves import HALFWAY, PLAIN, ROUNDING, TERMAPPING, latency, measured, notes, percent
from isospike.experiments._han2023_plots import panels
from isospike.experiments._result import Claim, Result, Row, Settings, Value
from isospike.measure import Moment

NAME = "han2023-fig6"
ORDER = ("Net5", "Net6")
LINES = (PLAIN, ROUNDING, HALFWAY, TERMAPPING)
AT = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
PAPER = {"T from which TerMapping's accuracy rises, Net6": 128}  # the text's figure; the rest is a picture


def run(settings: Settings | None = None) -> Result:
    """Train or fetch, convert and run each network once for all T."""
    settings = settings or Settings()
    started = time.perf_counter()
    found = {net: {line: measured(net, line, settings) for line in LINES} for net in ORDER}
    ratio = min(_within(curves[TERMAPPING]) / _within(curves[PLAIN]) for curves in found.values())
    rounded = max(_within(curves[ROUNDING]) / _within(curves[PLAIN]) for curves in found.values())
    return Result(
        name=NAME,
        title="Fig. 6: accuracy of Net5 and Net6 against time steps",
        source="Han 2023, Fig. 6",
        rows=tuple(Row(f"{net}, {line}", {}, _figures(moments)) for net, curves in found.items() for line, moments in curves.items()),
        claims=(
            Claim("stReLU needs fewer steps than TerMapping to stay within 5 % of its ANN, in both; least ratio of steps", ratio, "above 1", ratio > 1),
            Claim("firing at θ/2 needs no more of them than the paper's rule; largest ratio", rounded, "at most 1", rounded <= 1),
        ),
        notes=(
            *notes(settings, *ORDER),
            "Dotted: the ANNs.  A step count that is not reached counts as the last T measured.",
        ),
        configuration={"width": settings.channels, "samples": settings.samples or "as noted", "full": settings.full},
        seed=settings.seed,
        seconds=time.perf_counter() - started,
        figure=panels(found, lambda m: percent(m.accuracy), "accuracy [%]", original=True),
    )


def _within(moments: Sequence[Moment]) -> int:
    return latency(moments, 5.0) or moments[-1].steps


def _figures(moments: Sequence[Moment]) -> dict[str, Value]:
    return {"ANN accuracy [%]": percent(moments[0].accuracy_original), **{f"T = {m.steps}": percent(m.accuracy) for m in moments if m.steps in AT}}
