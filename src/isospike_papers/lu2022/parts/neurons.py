"""Single neurons of Lu & Xu: what they receive, what they answer, and the rectifiers that this is held against."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from isospike.codings.linear_lif import asymptotic_bias, onset, slope
from isospike.encoders import RegularSpikes
from isospike.engine import advance, start
from isospike.neurons import LIF
from isospike.plot import tidy
from isospike.report.claim import Held, Row
from isospike_papers.lu2022.parts.setting import DT, RESETS, Reset, scalar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WEIGHTS, CONDUCTANCE, BIAS = (0.3, 0.2), 3.0, -2.16  # Tables II and III; V_th = C = 1
ASYMPTOTIC = asymptotic_bias(CONDUCTANCE)  # −1.5
CAPACITANCES = (0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.25, 2.5, 2.75, 3.0)
WINDOWS = (3.0, 4.0, 30.0)  # s; the paper says 3 (section V-A) and 4 (eq. 10)
PAIRS, HIGHEST = 400, 60.0  # random frequencies, up to so many Hz

Line = tuple[float, float, float]  # capacitance, slope with the linear reset, slope with a reset to zero
LOOKS: dict[Reset, tuple[str, str, str]] = {
    "zero": ("o", "#c55a11", "LIF, reset to zero"),
    "soft": ("^", "#2e7d32", "linear LIF"),
}


def frequencies(inputs: int, seed: int) -> Tensor:
    """Random ones, (inputs, cases) [Hz]."""
    return torch.from_numpy(np.random.default_rng(seed).uniform(1, HIGHEST, (PAIRS, inputs)).T.copy())


def volleys(weights: Sequence[float], frequencies: Tensor, seconds: float, dt: float = DT) -> Tensor:
    """What a neuron receives at each step from inputs of fixed frequencies [Hz].  frequencies: (inputs, cases);
    returns (steps, 1, cases)."""
    one = scalar(1.0)
    spikes = RegularSpikes((), 0 * one, one, False).train(frequencies.double() * dt, 0, round(seconds / dt), None)
    return torch.einsum("i,tic->tc", torch.tensor(weights, dtype=torch.float64), spikes)[:, None].contiguous()


def nominal(weights: Sequence[float], frequencies: Tensor) -> Tensor:
    """Σ ω f, (cases,) [Hz]."""
    return torch.tensor(weights, dtype=torch.float64) @ frequencies


def answers(
    drive: Tensor,
    dt: float = DT,
    reset: Reset = "soft",
    conductance: float | Tensor = CONDUCTANCE,
    capacitance: float | Tensor = 1.0,
) -> Tensor:
    """Spikes a second of a neuron driven so, in each case.  drive: (steps, 1, cases); conductance and capacitance:
    numbers, or (cases,)."""
    g, c = (torch.as_tensor(v, dtype=torch.float64) for v in (conductance, capacitance))
    neuron = LIF(reset=reset, conductance=g, capacitance=c, dt=scalar(dt), initial=scalar(0.0))
    state = start(neuron, drive[0])
    advance(neuron, drive.clone(), state, len(drive))
    return state.net[0] / (len(drive) * dt)


def both(drive: Tensor) -> dict[Reset, Tensor]:
    """The answers with either reset."""
    return {reset: answers(drive, reset=reset) for reset in RESETS}


def rectified(drive: Tensor, bias: float) -> Tensor:
    """The ReLU neuron, slope 1."""
    return (drive + bias).clamp_min(0)


def rms(error: Tensor) -> float:
    """Root mean square."""
    return float(error.square().mean().sqrt())


def correlation(a: Tensor, b: Tensor) -> float:
    """ρ of two lists of numbers."""
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1])


def slopes(drive: Tensor, sums: Tensor, dt: float = DT) -> list[Line]:
    """Of straight lines through the answers by least squares, against the capacitance.  sums: Σ ω f, (cases,)."""
    basis = torch.stack([sums, torch.ones_like(sums)], 1)

    def found(capacitance: float, reset: Reset) -> float:
        answer = answers(drive, dt, reset, capacitance=capacitance)
        return float(torch.linalg.lstsq(basis, answer[:, None]).solution[0])

    return [(c, found(c, "soft"), found(c, "zero")) for c in CAPACITANCES]


def parameters() -> Row:
    """The biases that the mapping gives for Tables II and III."""
    return Row("parameters", {"bias": onset(sum(WEIGHTS), CONDUCTANCE), "asymptotic bias": ASYMPTOTIC})


def slope_rows(found: Sequence[Line]) -> list[Row]:
    """Panel C."""
    return [
        Row(f"C, C = {c:g}", {"slope, linear": soft, "slope, to zero": zero, "1 / (V_th C)": slope(capacitance=c)})
        for c, soft, zero in found
    ]


def slope_claims(found: Sequence[Line], most: float, least: float) -> tuple[Held, Held]:
    """That the slope of the linear reset is 1 / (V_th C) to within `most`, and that of the other off by `least`
    somewhere."""
    soft, zero = (max(abs(line[i] - slope(capacitance=line[0])) * line[0] for line in found) for i in (1, 2))
    return (
        Held("C: the slope of the linear reset is 1 / (V_th C)", soft, f"within {100 * most:g} %", soft <= most),
        Held(
            "C: that of the reset to zero is not", zero, f"off by {100 * least:g} % or more somewhere", zero >= least
        ),
    )


def show_slopes(axes: "Axes", found: Sequence[Line]) -> None:
    """Panel C."""
    c, soft, zero = zip(*found, strict=True)
    axes.plot(c, [slope(capacitance=v) for v in c], "-", color="#1f4e79", lw=1.2, label="1 / (V_th C)")
    points(axes, c, {"zero": zero, "soft": soft})
    tidy(axes, "C  slope", xlabel="capacitance C", ylabel="output / Σ ω f")


def points(axes: "Axes", x: Tensor | Sequence[float], by_reset: Mapping[Reset, Tensor | Sequence[float]]) -> None:
    """What neurons answered, by reset."""
    for reset, (mark, color, label) in LOOKS.items():
        axes.plot(x, by_reset[reset], mark, color=color, ms=3, label=label)


def lines(axes: "Axes", x: Tensor, sums: Tensor, begins: float = BIAS) -> None:
    """The two rectifiers, by the drive Σ ω f."""
    for bias, style, color, label in ((begins, "-", "#1f4e79", "onset"), (ASYMPTOTIC, ":", "black", "asymptotic")):
        shown = f"ReLU, b = {bias:.3g} ({label})".replace("-", "−")
        axes.plot(x, rectified(sums, bias), style, color=color, lw=1.2, label=shown)
