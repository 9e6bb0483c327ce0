"""Of three clipped activations, the one with symmetric thresholds becomes lossless in the fewest time steps (Net5 and
Net6).

All three run on neurons with the paper's rule, spikes at their thresholds from a potential of 0.  Source: Han 2023,
Table 4."""

from isospike.report.claim import Claim, Found, Held, Setup
from isospike_papers.han2023.parts.curves import (
    ACTIVATED,
    PLAIN,
    columns,
    family,
    first_lossless,
    notes,
    printed,
    rows,
    steps_to,
)
from isospike_papers.han2023.parts.nets import OPTIONS, SLOPE

ORDER = ("Net5", "Net6")


class Table4(Claim):
    """Table 4: three clipped activations."""

    source = "Han 2023, Table 4"
    paper = printed(
        ("Net5", PLAIN, 92.67, 92.69, 79, -0.02),
        ("Net5", "atLeakyReLU", 92.78, 92.79, 373, -0.01),
        ("Net5", "tReLU", 93.03, 93.05, 756, -0.02),
        ("Net6", PLAIN, 93.71, 93.71, 147, 0.0),
        ("Net6", "atLeakyReLU", 93.28, 93.15, 808, 0.14),
        ("Net6", "tReLU", 93.31, 93.31, 603, 0.0),
    )
    options = OPTIONS

    def measure(self, setup: Setup) -> Found:
        """Train or fetch, convert and run each network once for all T."""
        found, endless = family(ORDER, ACTIVATED, setup), float("inf")
        fewest, closer = (
            [
                (arrival(curves[PLAIN]) or endless) < min(arrival(curves[line]) or endless for line in ACTIVATED[1:])
                for curves in found.values()
            ]
            for arrival in (first_lossless, lambda moments: steps_to(moments, 0.1))
        )
        return Found(
            rows=rows(found, columns),
            held=(
                Held(
                    "stReLU becomes lossless in the fewest steps; share of networks",
                    sum(fewest) / len(found),
                    "share = 1",
                    all(fewest),
                ),
                Held(
                    "its outputs come within 10 % rms of the ANN's in the fewest steps; share of networks",
                    sum(closer) / len(found),
                    "share = 1",
                    all(closer),
                ),
            ),
            notes=(
                *notes(setup, *ORDER),
                f"atLeakyReLU has slope {SLOPE:g} for negative inputs, which the paper leaves open (0.01 or less, it "
                "says of LeakyReLU).",
                "Starting at θ/2 would help the one-sided neurons of tReLU; it is not what the paper does, and not "
                "run here.",
                "SNN accuracy and error are those at the latency; where none is lossless up to the last T measured, "
                "those at that T (marked >).",
            ),
        )
