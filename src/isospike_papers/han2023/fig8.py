"""With stReLU a spiking network gains accuracy at fewer time steps than with atLeakyReLU or tReLU (Net5 and Net6).

Accuracy against T for the three activations of Table 4.  Source: Han 2023, Fig. 8.
"""

from collections.abc import Sequence

from isospike.measure import Moment
from isospike.report.claim import Claim, Found, Held, Setup
from isospike_papers.han2023.parts.curves import ACTIVATED, FAST, PLAIN, accuracies, family, notes, percent, rows
from isospike_papers.han2023.parts.nets import OPTIONS
from isospike_papers.han2023.parts.plots import panels

ORDER = ("Net5", "Net6")


class Fig8(Claim):
    """Fig. 8: accuracy with three clipped activations against time steps."""

    source = "Han 2023, Fig. 8"
    options = OPTIONS

    def measure(self, setup: Setup) -> Found:
        """Train or fetch, convert and run each network once for all T."""
        found = family(ORDER, ACTIVATED, setup)
        least = min(_lost(curves[line]) - _lost(curves[PLAIN]) for curves in found.values() for line in ACTIVATED[1:])
        return Found(
            rows=rows(found, accuracies),
            held=(
                Held(
                    f"averaged over the measured T up to {FAST}, stReLU loses the fewest points of its ANN's "
                    "accuracy; least distance to another activation",
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
