"""With stReLU a spiking network gains accuracy at fewer time steps than with atLeakyReLU or tReLU (Net5 and Net6).

Accuracy against T for the three activations of Table 4.  Source: Han 2023, Fig. 8.
"""

from collections.abc import Sequence

from isospike.measure import Moment
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value
from isospike_papers.han2023.parts.curves import FAST, PLAIN, measured, notes, percent
from isospike_papers.han2023.parts.plots import panels
from isospike_papers.han2023.table4 import LINES

ORDER = ("Net5", "Net6")
AT = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Fig8(Claim):
    """Fig. 8: accuracy with three clipped activations against time steps."""

    source = "Han 2023, Fig. 8"
    paper = {"fastest": PLAIN}  # a picture without figures

    def measure(self, setup: Setup) -> Found:
        """Train or fetch, convert and run each network once for all T."""
        found = {net: {line: measured(net, line, setup) for line in LINES} for net in ORDER}
        least = min(_lost(curves[line]) - _lost(curves[PLAIN]) for curves in found.values() for line in LINES[1:])
        return Found(
            rows=[
                Row(f"{net}, {line}", _figures(moments))
                for net, curves in found.items()
                for line, moments in curves.items()
            ],
            held=(
                Held(
                    f"averaged over the measured T up to {FAST}, stReLU loses the fewest points of its ANN's "
                    "accuracy; "
                    "least distance to another activation",
                    least,
                    "above 0 points",
                    least > 0,
                ),
            ),
            notes=(*notes(setup, *ORDER), "Dotted: the ANNs.  Measured T: every step to 16, then four an octave."),
            draw=lambda: panels(found, lambda m: percent(m.accuracy), "accuracy [%]", original=True),
        )


def _lost(moments: Sequence[Moment]) -> float:
    lost = [percent(m.accuracy_original) - percent(m.accuracy) for m in moments if m.steps <= FAST]
    return sum(lost) / len(lost)


def _figures(moments: Sequence[Moment]) -> dict[str, Value]:
    return {
        "ANN accuracy [%]": percent(moments[0].accuracy_original),
        **{f"T = {m.steps}": percent(m.accuracy) for m in moments if m.steps in AT},
    }
