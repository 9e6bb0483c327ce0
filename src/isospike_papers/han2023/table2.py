"""Of six methods on VGG16 and CIFAR-10, stReLU is the one that becomes lossless in the fewest time steps.

DataNorm, SpikeNorm and RMP-SNN convert the same ReLU network; CQ, RNL and stReLU train with their own
activation.  Source: Han 2023, Table 2, whose other rows are quoted from other papers; here all six are run."""

from isospike.report.claim import Claim, Found, Held, Row, Setup
from isospike_papers.han2023.parts.curves import (
    ANN,
    ERROR,
    LATENCY,
    PLAIN,
    ROUNDING,
    columns,
    first_lossless,
    measured,
    notes,
    steps_to,
)
from isospike_papers.han2023.parts.nets import LEVELS, OPTIONS

METHODS = ("DataNorm", "SpikeNorm", "CQ", "RMP-SNN", "RNL", PLAIN)


class Table2(Claim):
    """Table 2: six methods of conversion, VGG16 on CIFAR-10."""

    source = "Han 2023, Table 2"
    paper = {
        "DataNorm": {ANN: 91.03, ERROR: 5.08},
        "SpikeNorm": {ANN: 91.70, ERROR: 0.16, LATENCY: 2500},
        "CQ": {ANN: 91.77, ERROR: 0.0, LATENCY: 1000},
        "RMP-SNN": {ANN: 93.63, ERROR: 0.0, LATENCY: 1536},
        "RNL": {ANN: 92.86, ERROR: -0.04},
        PLAIN: {ANN: 93.71, ERROR: 0.0, LATENCY: 147},
    }
    options = OPTIONS

    def measure(self, setup: Setup) -> Found:
        """Train or fetch, convert and run each network once for all T."""
        found = {line: measured("Net6", line, setup) for line in (*METHODS, ROUNDING)}
        end = found["SpikeNorm"][-1].steps  # what is not reached counts as this
        mine = first_lossless(found[PLAIN]) or end
        others = min(first_lossless(moments) or end for line, moments in found.items() if line in METHODS[:-1])
        reach = {line: steps_to(found[line], 0.3) or end for line in METHODS}
        ratio = min(reach[line] for line in ("DataNorm", "SpikeNorm", "RMP-SNN")) / reach[PLAIN]
        return Found(
            rows=[Row(line, columns(moments)) for line, moments in found.items()],
            held=(
                Held("stReLU becomes lossless; latency", mine, f"below {end}", mine < end),
                Held(
                    "every other method takes more steps; the fewest, unless the last T",
                    others,
                    f"above {mine}",
                    others > mine,
                ),
                Held(
                    "methods for ReLU need more steps than stReLU to bring outputs within 30 % rms; least ratio",
                    ratio,
                    "above 1",
                    ratio > 1,
                ),
            ),
            notes=(
                *notes(setup, "Net6"),
                f"T is measured up to {end}, where the paper's others take 1,000 to 2,500 steps: a latency beyond is "
                "marked >, with accuracy and error at the last T measured.",
                "DataNorm: the largest activation of a layer, reset to zero.  SpikeNorm: the largest input of a step, "
                f"found on 32 training images, reset to zero; RMP-SNN: the same with soft reset.  CQ: {LEVELS} "
                "levels, soft reset; RNL: trained ranges, soft reset.  All start at a potential of 0, take pixels as "
                "constant currents, and pool by averages, which differs from some of the sources (Poisson input).",
            ),
        )
