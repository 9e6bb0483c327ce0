"""Of three clipped activations, the one with symmetric thresholds becomes lossless in the fewest time steps (Net5 and
Net6).

All three run on neurons with the paper's rule, spikes at their thresholds from a potential of 0.  Source: Han 2023,
Table 4."""

from isospike.report.claim import Claim, Found, Held, Setup, Value
from isospike_papers.han2023.parts.curves import (
    ANN,
    ERROR,
    LATENCY,
    PLAIN,
    SNN,
    lossless,
    measured,
    notes,
    steps_to,
    table_row,
)
from isospike_papers.han2023.parts.nets import SLOPE

LINES = (PLAIN, "atLeakyReLU", "tReLU")
PAPER: dict[tuple[str, str], dict[str, Value]] = {
    (net, line): {ANN: ann, SNN: snn, LATENCY: steps, ERROR: error}
    for net, line, ann, snn, steps, error in (
        ("Net5", PLAIN, 92.67, 92.69, 79, -0.02),
        ("Net5", "atLeakyReLU", 92.78, 92.79, 373, -0.01),
        ("Net5", "tReLU", 93.03, 93.05, 756, -0.02),
        ("Net6", PLAIN, 93.71, 93.71, 147, 0.0),
        ("Net6", "atLeakyReLU", 93.28, 93.15, 808, 0.14),
        ("Net6", "tReLU", 93.31, 93.31, 603, 0.0),
    )
}


class Table4(Claim):
    """Table 4: three clipped activations."""

    source = "Han 2023, Table 4"
    paper = PAPER

    def measure(self, setup: Setup) -> Found:
        """Train or fetch, convert and run each network once for all T."""
        found = {key: measured(*key, setup) for key in PAPER}
        nets = tuple(dict.fromkeys(net for net, _ in PAPER))
        others = LINES[1:]
        endless = float("inf")
        fewest = [
            (lossless(found[net, PLAIN]) or endless) < min(lossless(found[net, line]) or endless for line in others)
            for net in nets
        ]
        closer = [
            (steps_to(found[net, PLAIN], 0.1) or endless)
            < min(steps_to(found[net, line], 0.1) or endless for line in others)
            for net in nets
        ]
        return Found(
            rows=tuple(
                table_row(f"{net}, {line}", moments, PAPER[net, line]) for (net, line), moments in found.items()
            ),
            held=(
                Held(
                    "stReLU becomes lossless in the fewest steps; share of networks",
                    sum(fewest) / len(nets),
                    "share = 1",
                    all(fewest),
                ),
                Held(
                    "its outputs come within 10 % rms of the ANN's in the fewest steps; share of networks",
                    sum(closer) / len(nets),
                    "share = 1",
                    all(closer),
                ),
            ),
            notes=(
                *notes(setup, *nets),
                f"atLeakyReLU has slope {SLOPE:g} for negative inputs, which the paper leaves open (0.01 or "
                "less, it says of LeakyReLU).",
                "Starting at θ/2 would help the one-sided neurons of tReLU; it is not what the paper does, and "
                "not run here.",
                "SNN accuracy and error are those at the latency; where none is lossless up to the last T "
                "measured, those at that T (marked >).",
            ),
        )
