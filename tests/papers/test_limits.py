"""Statements at the limits that papers print: they hold on the limit and fail beside it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from isospike.measure import Finding
from isospike.report.claim import Held
from isospike_papers.lu2022 import fig13, fig16, fig17, table4, table6
from isospike_papers.lu2022.parts.setting import Compared
from isospike_papers.stanojevic2023 import fig2_5, fig3_5


def labels(equal: int, of: int, right: tuple[int, int] = (0, 0)) -> Compared:
    """So many of so many labels are equal."""
    return Compared(torch.tensor([[equal, of - equal], [0, 0]]), right)


def by_text(held: tuple[Held, ...], text: str) -> bool:
    (one,) = [one for one in held if one.text.startswith(text)]
    return one.holds


def on_hardware(**changed: float) -> tuple[Held, ...]:
    """Fig. 3.5 with everything at 91 % of 90, but for what is given."""
    rows: dict[str, dict[str, Any]] = {
        case: {fig3_5.BEFORE: 50.0, fig3_5.AFTER: 91.0, fig3_5.LATENCY: 20.0} for case in fig3_5.SETS
    }
    rows["ideal hardware"] = {fig3_5.BEFORE: 90.0, fig3_5.AFTER: 90.0, fig3_5.LATENCY: 100.0}
    for case, accuracy in changed.items():
        rows[case.replace("_", " ")][fig3_5.AFTER] = accuracy
    return fig3_5._claims(rows)


def disturbed(lost: float) -> tuple[Held, ...]:
    """Fig. 2.5 with so much lost by a mismatch of 0.001."""
    cases = ("ζ = 0.5", "ζ = -0.1", "ζ = -0.5", "ζ = -0.6", "ζ = -0.9", "jitter 0.001", "jitter 0.01", "mismatch 0.01")
    rows: dict[str, dict[str, Any]] = {case: {fig2_5.ACCURACY: 90.0, fig2_5.LATENCY: 1.0} for case in cases}
    rows["mismatch 0.001"] = {fig2_5.ACCURACY: 90.0 - lost}
    return fig2_5._claims(rows, 1000)


def swept(lead: float) -> tuple[Held, ...]:
    """Fig. 13 with so large a lead of the linear reset at 1 Hz."""
    cases = {(k, 0.0) for k in fig13.RANGES_HZ} | {(k, g) for k in fig13.SWEPT_AT_HZ for g in fig13.CONDUCTANCES}
    sweep: fig13.Sweep = {(k, g, reset): 90.0 for k, g in cases for reset in fig13.RESETS}
    sweep[1.0, 0.0, "zero"] -= lead
    return fig13._claims(labels(9938, 10_000), sweep)


def layer(clipping: float) -> Finding:
    """Of activations of 2 rms."""
    return Finding("layer", 10, 2.0, 0.5, 0.0, 0.5, clipping, 0.3, 0.4, (), "")


TABLE = table6.Table6()
LIMITS: dict[str, tuple[Callable[[float], tuple[Held, ...]], str, float, float]] = {
    "Fig. 3.5, 4 bits": (lambda a: on_hardware(**{"4_bits": a}), "4 bits after tuning, accuracy", 90.0, 89.9),
    "Fig. 3.5, 16 steps": (
        lambda a: on_hardware(**{"16_time_steps": a}),
        "16 time steps after tuning, accuracy",
        90.0,
        89.9,
    ),
    "Fig. 3.5, of full": (lambda a: on_hardware(**{"4_bits": a}), "4 bits after tuning, nine", 81.0, 80.9),
    "Fig. 2.5, mismatch": (disturbed, "a mismatch of 0.001", 10.0, 9.9),
    "Fig. 13, lead": (swept, "(b) at some k the linear reset leads", 7.0, 6.9),
    "Fig. 16": (lambda n: fig16._claims(labels(int(n), 2000), labels(0, 1), [MAPS], POOLS), "labels", 2000, 1999),
    "Fig. 17": (
        lambda n: fig17._claims(
            dict.fromkeys(fig17.TIMES, labels(int(n), 1000)), [MAPS], {t: [layer(clipping=0.0)] for t in fig17.TIMES}
        ),
        "at 10 Hz, 2 s",
        995,
        994,
    ),
    "Fig. 17, clipping": (
        lambda c: fig17._claims(
            dict.fromkeys(fig17.TIMES, labels(1, 1)), [MAPS], {t: [layer(clipping=c)] for t in fig17.TIMES}
        ),
        "and no layer clips",
        0.002,
        0.003,
    ),
    "Table IV": (lambda n: table4._claims(labels(int(n), 400), labels(0, 1)), "the linear LIF network", 399, 398),
    "Table VI, labels": (
        lambda n: TABLE._claims("AlexNet, CIFAR-10", labels(int(n), 1200)),
        "AlexNet, CIFAR-10: as many",
        1194,
        1193,
    ),
    "Table VI, increment": (
        lambda n: TABLE._claims("VGG16, CIFAR-10", labels(1, 10_000, (8858, 8858 - int(n)))),
        "VGG16, CIFAR-10: the error increment",
        12,
        13,
    ),
}  # name ↦ statements for a figure, how the statement begins, the figure at its limit, and one beside it
MAPS = fig17.Maps("layer", torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]))
POOLS: fig16.Pools = {pool: dict.fromkeys(fig16.TIMES, 0.1) for pool in ("window", "online")}


@pytest.mark.parametrize("name", LIMITS)
def test_a_statement_holds_on_its_limit_and_not_beside_it(name: str) -> None:
    made, text, limit, beside = LIMITS[name]
    assert by_text(made(limit), text) and not by_text(made(beside), text)
