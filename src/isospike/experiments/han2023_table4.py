"""Claim: of three clipped activations, the one with symmetric thresholds becomes lossless in the fewest time steps (Net5 and Net6).

All three run on neurons with the paper's rule, spikes at their thresholds from a potential of 0.  Source: Han 2023, Table 4.
"""

import time

from isospike.experiments._han2023 import SLOPE
from isospike.experiments._han2023_curves import ANN, ERROR, LATENCY, PLAIN, SNN, lossless, measured, notes, steps_to, table_row
from isospike.experiments._result import Claim, Result, Settings, Value

NAME = "han2023-table4"
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


def run(settings: Settings | None = None) -> Result:
    """Train or fetch, convert and run each network once for all T."""
    settings = settings or Settings()
    started = time.perf_counter()
    found = {key: measured(*key, settings) for key in PAPER}
    nets = tuple(dict.fromkeys(net for net, _ in PAPER))
    others = LINES[1:]
    endless = float("inf")
    fewest = [(lossless(found[net, PLAIN]) or endless) < min(lossless(found[net, line]) or endless for line in others) for net in nets]
    closer = [(steps_to(found[net, PLAIN], 0.1) or endless) < min(steps_to(found[net, line], 0.1) or endless for line in others) for net in nets]
    return Result(
        name=NAME,
        title="Table 4: three clipped activations",
        source="Han 2023, Table 4",
        rows=tuple(table_row(f"{net}, {line}", moments, PAPER[net, line]) for (net, line), moments in found.items()),
        claims=(
            Claim("stReLU becomes lossless in the fewest steps; share of networks", sum(fewest) / len(nets), "share = 1", all(fewest)),
            Claim("its outputs come within 10 % rms of the ANN's in the fewest steps; share of networks", sum(closer) / len(nets), "share = 1", all(closer)),
        ),
        notes=(
            *notes(settings, *nets),
            f"atLeakyReLU has slope {SLOPE:g} for negative inputs, which the paper leaves open (0.01 or less, it says of LeakyReLU).",
            "Starting at θ/2 would help the one-sided neurons of tReLU; it is not what the paper does, and not run here.",
            "SNN accuracy and error are those at the latency; where none is lossless up to the last T measured, those at that T (marked >).",
        ),
        configuration={"width": settings.channels, "samples": settings.samples or "as noted", "full": settings.full},
        seed=settings.seed,
        seconds=time.perf_counter() - started,
    )
