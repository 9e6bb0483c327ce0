"""On CIFAR-10 too, stReLU networks come close to their ANN's accuracy in fewer time steps than TerMapping (Net5 and
Net6).

Accuracy against T.  Source: Han 2023, Fig. 6.
"""

from collections.abc import Sequence

from isospike.measure import Moment
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value, at_most
from isospike_papers.han2023.parts.curves import (
    HALFWAY,
    PLAIN,
    ROUNDING,
    TERMAPPING,
    measured,
    notes,
    percent,
    share,
)
from isospike_papers.han2023.parts.plots import panels

ORDER = ("Net5", "Net6")
LINES = (PLAIN, ROUNDING, HALFWAY, TERMAPPING)
AT = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Fig6(Claim):
    """Fig. 6: accuracy of Net5 and Net6 against time steps."""

    source = "Han 2023, Fig. 6"
    paper = {"T from which TerMapping's accuracy rises, Net6": 128}  # the text's figure; the rest is a picture

    def measure(self, setup: Setup) -> Found:
        """Train or fetch, convert and run each network once for all T."""
        found = {net: {line: measured(net, line, setup) for line in LINES} for net in ORDER}
        ratio = 1 / max(share(curves[PLAIN], curves[TERMAPPING], 5.0) for curves in found.values())
        rounded = max(share(curves[ROUNDING], curves[PLAIN], 5.0) for curves in found.values())
        return Found(
            rows=tuple(
                Row(f"{net}, {line}", _figures(moments))
                for net, curves in found.items()
                for line, moments in curves.items()
            ),
            held=(
                Held(
                    "stReLU needs fewer steps than TerMapping to stay within 5 % of its ANN, in both; least "
                    "ratio of steps",
                    ratio,
                    "above 1",
                    ratio > 1,
                ),
                at_most("firing at θ/2 needs no more of them than the paper's rule; largest ratio", rounded, 1),
            ),
            notes=(
                *notes(setup, *ORDER),
                "Dotted: the ANNs.  Where the slower of two does not arrive, the last T measured counts for it; where "
                "the faster does not, no claim holds.",
            ),
            draw=lambda: panels(found, lambda m: percent(m.accuracy), "accuracy [%]", original=True),
        )


def _figures(moments: Sequence[Moment]) -> dict[str, Value]:
    return {
        "ANN accuracy [%]": percent(moments[0].accuracy_original),
        **{f"T = {m.steps}": percent(m.accuracy) for m in moments if m.steps in AT},
    }
