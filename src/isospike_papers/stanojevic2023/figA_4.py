"""The overlap of two patterns is the similarity of the values that they stand for, up to a floor that falls with T.

Fig. A.4's example, three features in four steps; then the cosine of patterns against the distance of bins and against
the similarity Ψ of random inputs, for trains of more and more steps.  Source: Stanojevic 2023, Fig. A.4, Lemma 2 and
eqs. A.30, A.34, A.37."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isospike import CTE, ECTE
from isospike.encoders import PatternEncoder
from isospike.encoders.pattern import Patterns
from isospike.plot import tidy
from isospike.report.claim import Claim, Found, Held, Row, Setup, at_most

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVELS, NEIGHBOURS, FEATURES = 8, 5, 100
STEPS = (100, 400, 1600)
FLOOR = "cosine of values that are not alike"
OFF = "largest |cosine − Ψ|"


def made(kind: str, steps: int, seed: int) -> Patterns:
    """The encoder's settings at T steps, all counts growing as √T (d = o(√T) is what the lemmas ask for)."""
    scale = math.sqrt(steps / 100)
    if kind == "CTE":
        return CTE(LEVELS, steps, seed, spikes=5 * scale)
    return ECTE(
        LEVELS, steps, seed, neighbours=NEIGHBOURS, spikes=round(6 * scale), segment=steps // 100 * 8, background=5.0
    )


class FigA4(Claim):
    """Fig. A.4 and the similarity of patterns."""

    source = "Stanojevic 2023, Fig. A.4 and eqs. A.30, A.37"
    options = {"samples": (10, 40, 100), "seed": 0}

    def measure(self, setup: Setup) -> Found:
        """Draw encoders, and compare the patterns of random inputs."""
        generator = torch.Generator().manual_seed(setup.seed)
        x = torch.rand(1000, FEATURES, generator=generator) * (torch.rand(1000, FEATURES, generator=generator) < 0.5)
        rows, near, clouds = [], {}, {}
        for kind in ("CTE", "ECTE"):
            for steps in STEPS:
                encoder = made(kind, steps, setup.seed).fit(x)
                by_distance = alike(encoder)
                cloud = compared(encoder, x[: setup.samples], 1 if kind == "CTE" else NEIGHBOURS)
                near[kind, steps], clouds[kind, steps] = by_distance, cloud
                most = float((cloud[1] - cloud[0]).abs().max())
                shown = {f"cosine, {i} bins apart": float(by_distance[i]) for i in range(NEIGHBOURS + 1)}
                rows.append(Row(f"{kind}, T = {steps:,}", {OFF: most, FLOOR: float(by_distance[-1]), **shown}))
        small = example()
        floors = {key: float(by[-1]) for key, by in near.items()}
        off = {key: float((cosine - psi).abs().max()) for key, (psi, cosine) in clouds.items()}
        first, last = STEPS[0], STEPS[-1]
        falls = max(off[kind, last] / off[kind, first] for kind in ("CTE", "ECTE"))
        lines = (1 - torch.arange(NEIGHBOURS + 1) / NEIGHBOURS).clamp_min(0)
        straight = float((near["ECTE", last][: NEIGHBOURS + 1] - lines).abs().max())
        shared = int(small.patterns[2, 1, 1]) + int(small.patterns[2, 2, 1])
        return Found(
            rows=tuple(rows),
            held=(
                Held(
                    "the example: neighbouring bins share a segment at the same step", shared, "2 spikes", shared == 2
                ),
                at_most("cosines come closer to Ψ as T grows by 16; largest ratio of errors", falls, 0.75),
                at_most(f"ECTE: cosine falls in a line with the distance of bins at T = {last:,}", straight, 0.1),
                at_most("CTE: values that are not equal are nearly orthogonal there", floors["CTE", last], 0.03),
            ),
            notes=(
                f"{FEATURES} features, half of them zero, {LEVELS} levels; Ψ over pairs of {setup.samples} inputs.  "
                "Spikes of a train and of a segment grow as √T, segments as T, so that their density falls.",
                "At T = 100, η = 6 of δn = 8 and a background of 5, as the source has it, patterns of bins that share "
                f"no segment have a cosine of {floors['ECTE', 100]:.2g} (ECTE) and {floors['CTE', 100]:.2g} (CTE): "
                "the floor that its condition A.34 asks to be small.",
            ),
            draw=lambda: _figure(small, near, clouds),
        )


def example() -> PatternEncoder:
    """Fig. A.4: three features of one, two and three values, T = 4, segments of one step."""
    x = torch.tensor([[1.0, 1.0, 1.0], [1.0, 2.0, 2.0], [1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])
    return ECTE(levels=3, steps=4, neighbours=2, spikes=1, segment=1, background=1.0).fit(x)


def alike(encoder: PatternEncoder) -> Tensor:
    """Mean cosine of two bins of a feature by their distance, (levels,)."""
    trains = encoder.patterns[:, 1:].double()
    trains = trains / trains.norm(dim=2, keepdim=True)
    cosines = trains @ trains.mT
    return torch.stack([cosines.diagonal(i, 1, 2).mean() for i in range(LEVELS)])


def compared(encoder: PatternEncoder, x: Tensor, neighbours: int) -> tuple[Tensor, Tensor]:
    """Ψ (eqs. A.20, A.22, A.31) and the cosine of the patterns, of all pairs of inputs."""
    drive, patterns = encoder.drive(x), encoder(x).float().movedim(0, 1).flatten(1)
    patterns = patterns / patterns.norm(dim=1, keepdim=True)
    first, second = torch.triu_indices(len(x), len(x), 1)
    a, b = drive[first], drive[second]
    near = (1 - (a - b).abs() / encoder.bins.clamp(1, neighbours)).clamp_min(0) * ((a > 0) & (b > 0))
    psi = near.sum(1) / ((a > 0).sum(1) * (b > 0).sum(1)).sqrt()
    return psi, (patterns[first] * patterns[second]).sum(1)


def _figure(
    small: PatternEncoder,
    near: dict[tuple[str, int], Tensor],
    clouds: dict[tuple[str, int], tuple[Tensor, Tensor]],
) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    rows = [(f, i) for f in range(3) for i in range(1, int(small.bins[f]) + 1)]
    left.imshow(torch.stack([small.patterns[f, i] for f, i in rows]).numpy(), cmap="Blues", aspect="auto")
    left.set_yticks(range(len(rows)), [f"feature {f + 1}, bin {i}" for f, i in rows], fontsize=8)
    left.set_xticks(range(4), ["1", "2", "3", "4"])
    tidy(left, "Fig. A.4: trains of the example", xlabel="step")
    left.grid(False)
    distances = range(NEIGHBOURS + 1)
    for (kind, steps), by in near.items():
        mark, color = ("o-", "#1f4e79") if kind == "ECTE" else ("s--", "#c55a11")
        alpha = 0.35 + 0.65 * STEPS.index(steps) / (len(STEPS) - 1)
        middle.plot(
            distances, by[: NEIGHBOURS + 1], mark, color=color, alpha=alpha, ms=4, label=f"{kind}, T = {steps:,}"
        )
    middle.plot(distances, [1 - i / NEIGHBOURS for i in distances], ":", color="black", lw=1, label="eq. A.31")
    tidy(middle, "bins of one feature", xlabel="distance of the bins", ylabel="cosine")
    middle.legend(fontsize=7.5, frameon=False)
    for kind, color in (("ECTE", "#1f4e79"), ("CTE", "#c55a11")):
        for steps, mark in ((STEPS[0], "x"), (STEPS[-1], ".")):
            psi, cosine = clouds[kind, steps]
            right.plot(psi, cosine, mark, color=color, ms=3, lw=0, label=f"{kind}, T = {steps:,}")
    right.axline((0, 0), slope=1, color="black", lw=1, ls=":")
    tidy(right, "pairs of inputs", xlabel="Ψ", ylabel="cosine of the patterns")
    right.legend(fontsize=7.5, frameon=False)
    return figure
