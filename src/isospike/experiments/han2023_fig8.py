"""Claim: with stReLU a spiking network gains accuracy at fewer time steps than with atLeakyReLU or tReLU (Net5 and Net6).

Accuracy against T for the three activations of Table 4.  Source: Han 2023, Fig. 8.
"""

import time
from collections.abc import Sequence

from isospike.experiments._han2023_curves import FAST, PLAIN, measured, notes, percent
from isospike.experiments._han2023_plots import panels
from isospike.experiments._result import Claim, Result, Row, Settings, Value
from isospike.experiments.han2023_table4 import LINES
from isospike.measure import Moment

NAME = "han2023-fig8"
ORDER = ("Net5", "Net6")
AT = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
PAPER = {"fastest": PLAIN}  # a picture without figures


def run(settings: Settings | None = None) -> Result:
    """Train or fetch, convert and run each network once for all T."""
    settings = settings or Settings()
    started = time.perf_counter()
    found = {net: {line: measured(net, line, settings) for line in LINES} for net in ORDER}
    least = min(_lost(curves[line]) - _lost(curves[PLAIN]) for curves in found.values() for line in LINES[1:])
    return Result(
        name=NAME,
        title="Fig. 8: accuracy with three clipped activations against time steps",
        source="Han 2023, Fig. 8",
        rows=tuple(Row(f"{net}, {line}", {}, _figures(moments)) for net, curves in found.items() for line, moments in curves.items()),
        claims=(
            Claim(
                f"averaged over the measured T up to {FAST}, stReLU loses the fewest points of its ANN's accuracy; least distance to another activation",
                least, "above 0 points", least > 0,
            ),
        ),
        notes=(*notes(settings, *ORDER), "Dotted: the ANNs.  Measured T: every step to 16, then four an octave."),
        configuration={"width": settings.channels, "samples": settings.samples or "as noted", "full": settings.full},
        seed=settings.seed,
        seconds=time.perf_counter() - started,
        figure=panels(found, lambda m: percent(m.accuracy), "accuracy [%]", original=True),
    )  # fmt: skip


def _lost(moments: Sequence[Moment]) -> float:
    lost = [percent(m.accuracy_original) - percent(m.accuracy) for m in moments if m.steps <= FAST]
    return sum(lost) / len(lost)


def _figures(moments: Sequence[Moment]) -> dict[str, Value]:
    return {"ANN accuracy [%]": percent(moments[0].accuracy_original), **{f"T = {m.steps}": percent(m.accuracy) for m in moments if m.steps in AT}}
