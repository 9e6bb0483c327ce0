"""On CIFAR-10 too, stReLU networks come close to their ANN's accuracy in fewer time steps than TerMapping (Net5 and
Net6).

Accuracy against T.  Source: Han 2023, Fig. 6.
"""

from isospike.report.claim import Claim, Found, Held, Setup, at_most
from isospike_papers.han2023.parts.curves import (
    PLAIN,
    ROUNDING,
    RULES,
    TERMAPPING,
    accuracies,
    family,
    notes,
    percent,
    rows,
    share,
)
from isospike_papers.han2023.parts.nets import OPTIONS
from isospike_papers.han2023.parts.plots import panels

ORDER = ("Net5", "Net6")


class Fig6(Claim):
    """Fig. 6: accuracy of Net5 and Net6 against time steps."""

    source = "Han 2023, Fig. 6"
    options = OPTIONS

    def measure(self, setup: Setup) -> Found:
        """Train or fetch, convert and run each network once for all T."""
        found = family(ORDER, RULES, setup)
        ratio = 1 / max(share(curves[PLAIN], curves[TERMAPPING], 5.0) for curves in found.values())
        rounded = max(share(curves[ROUNDING], curves[PLAIN], 5.0) for curves in found.values())
        return Found(
            rows=rows(found, accuracies),
            held=(
                Held(
                    "stReLU needs fewer steps than TerMapping to stay within 5 % of its ANN, in both; least ratio of "
                    "steps",
                    ratio,
                    "above 1",
                    ratio > 1,
                ),
                at_most("firing at θ/2 needs no more of them than the paper's rule; largest ratio", rounded, 1),
            ),
            notes=(
                *notes(setup, *ORDER),
                "The figure is a picture; the text says that TerMapping's accuracy rises from T = 128 on in Net6.",
                "Dotted: the ANNs.  Where the slower of two does not arrive, the last T measured counts for it; where "
                "the faster does not, no claim holds.",
            ),
            draw=lambda: panels(found, lambda m: percent(m.accuracy), "accuracy [%]", original=True),
        )
