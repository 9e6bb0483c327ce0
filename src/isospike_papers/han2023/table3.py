"""StReLU networks become lossless in fewer time steps than LeakyReLU networks converted by TerMapping, in all six
networks.

Latency is the first measured T at which accuracy is no less than the ANN's.  Source: Han 2023, Table 3.
"""

from collections.abc import Callable, Sequence

from isospike.measure import Moment
from isospike.report.claim import Claim, Found, Held, Setup
from isospike_papers.han2023.parts.curves import (
    HALFWAY,
    PLAIN,
    ROUNDING,
    RULES,
    TERMAPPING,
    columns,
    family,
    first_lossless,
    notes,
    printed,
    rows,
    settled,
    steps_to,
)
from isospike_papers.han2023.parts.nets import NETS, OPTIONS


class Table3(Claim):
    """Table 3: stReLU and TerMapping on six networks."""

    source = "Han 2023, Table 3"
    paper = printed(
        ("Net1", TERMAPPING, 98.77, 98.77, 750, 0.0),
        ("Net1", PLAIN, 98.29, 98.29, 3, 0.0),
        ("Net2", TERMAPPING, 99.35, 99.35, 750, 0.0),
        ("Net2", PLAIN, 99.29, 99.29, 11, 0.0),
        ("Net3", TERMAPPING, 90.18, 90.18, 1500, 0.0),
        ("Net3", PLAIN, 89.90, 89.92, 11, -0.02),
        ("Net4", TERMAPPING, 92.11, 92.11, 2900, 0.0),
        ("Net4", PLAIN, 90.83, 90.83, 79, 0.0),
        ("Net5", TERMAPPING, 94.13, 93.75, 2800, 0.40),
        ("Net5", PLAIN, 92.67, 92.69, 79, -0.02),
        ("Net6", TERMAPPING, 93.42, 92.30, 4400, 1.20),
        ("Net6", PLAIN, 93.71, 93.71, 147, 0.0),
    )
    options = OPTIONS

    def measure(self, setup: Setup) -> Found:
        """Train or fetch, convert and run each network once for all T."""
        nets = tuple(NETS)
        found = family(nets, RULES, setup)
        endless = float("inf")

        def sooner(rule: str, arrival: Callable[[Sequence[Moment]], float | None]) -> float:
            """Share of the networks in which stReLU under this rule arrives before TerMapping."""
            arrive = {line: [arrival(found[net][line]) or endless for net in nets] for line in (rule, TERMAPPING)}
            return sum(mine < other for mine, other in zip(arrive[rule], arrive[TERMAPPING], strict=True)) / len(nets)

        def close(moments: Sequence[Moment]) -> int | None:
            return settled(moments, 1.0)

        reached = {
            rule: sum(first_lossless(found[net][rule]) is not None for net in nets) / len(nets)
            for rule in (PLAIN, ROUNDING)
        }
        shares = (
            ("stReLU becomes lossless", reached[PLAIN]),
            ("so it does if neurons fire at θ/2", reached[ROUNDING]),
            ("stReLU becomes lossless in fewer steps than TerMapping", sooner(PLAIN, first_lossless)),
            ("so it does if neurons fire at θ/2", sooner(ROUNDING, first_lossless)),
            ("stReLU stays within 1 % of its ANN from fewer steps on than TerMapping", sooner(PLAIN, close)),
            ("so it does if neurons fire at θ/2", sooner(ROUNDING, close)),
            (
                "stReLU brings outputs within 10 % rms in fewer steps than TerMapping",
                sooner(PLAIN, lambda moments: steps_to(moments, 0.1)),
            ),
        )
        return Found(
            rows=rows(found, columns),
            held=tuple(Held(f"{text}; share of networks", share, "share = 1", share == 1) for text, share in shares),
            notes=(
                *notes(setup, *nets),
                "SNN accuracy and error are those at the latency; where none is lossless up to the last T measured, "
                "those at that T (marked >).",
                f"`{PLAIN}` alone is the rule of the text, spikes at θ from 0.  `{ROUNDING}` and `{HALFWAY}` are the "
                "same trained networks under the two other rules, which the paper does not run.",
                "Latency, and the T from which on accuracy is never again below the ANN's (lossless for good), depend "
                "on single images; the T from which on outputs differ by less than 10 % rms from the ANN's does not.  "
                "TerMapping networks have another activation, LeakyReLU, so their ANNs differ.",
            ),
        )
