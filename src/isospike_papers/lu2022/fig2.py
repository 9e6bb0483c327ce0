"""Below threshold the two resets are one neuron; the linear one loses nothing when it fires, the reset to zero loses
the excess.

Membrane potentials of a leaky neuron that receives the same spikes, reset to zero (top) and by subtraction
(bottom).  The paper gives no parameters for this figure; those of Table III are used, at two input
frequencies.  Source: Lu 2022, Fig. 2."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isospike.engine import advance, start
from isospike.neurons import LIF
from isospike.plot import tidy
from isospike.report.claim import Claim, Found, Held, Row, Setup, Value, at_most
from isospike_papers.lu2022.parts.neurons import CONDUCTANCE, WEIGHTS, volleys
from isospike_papers.lu2022.parts.setting import DT, RESETS, Reset, scalar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FREQUENCIES, SECONDS = (31.0, 23.0), 1.2


@dataclass(frozen=True)
class Run:
    """One neuron over time.  `reached`: potentials before the reset, `left`: after it; spikes, and the drive."""

    reached: Tensor
    left: Tensor
    spikes: Tensor
    drive: Tensor
    decay: float

    @property
    def leaked(self) -> float:
        """Charge that went through the membrane."""
        before = torch.cat([self.left.new_zeros(1), self.left[:-1]])
        return float(((1 - self.decay) * before).sum())

    @property
    def lost(self) -> float:
        """Charge that neither leaked, nor paid for a spike, nor is still there."""
        return float(self.drive.sum() - self.spikes.sum() - self.left[-1]) - self.leaked


def watched(reset: Reset, drive: Tensor) -> Run:
    """Step by step; V_th = C = 1."""
    neuron = LIF(reset=reset, conductance=scalar(CONDUCTANCE), dt=scalar(DT), initial=scalar(0.0))
    state = start(neuron, drive[0])
    decay = float(state.parameters[3])
    reached, left, spikes = [], [], []
    for x in drive:
        reached.append(float(state.states[0] * decay + x))
        spikes.append(float(advance(neuron, x[None].clone(), state, 1)))
        left.append(float(state.states[0]))
    trace = [torch.tensor(v, dtype=torch.float64) for v in (reached, left, spikes)]
    return Run(trace[0], trace[1], trace[2], drive[:, 0, 0], decay)


class Fig2(Claim):
    """Fig. 2: membrane potential with a reset to zero and with a linear reset."""

    source = "Lu 2022, Fig. 2"

    def measure(self, setup: Setup) -> Found:
        """Both neurons on the same input."""
        drive = volleys(WEIGHTS, torch.tensor(FREQUENCIES)[:, None], SECONDS)
        runs = {reset: watched(reset, drive) for reset in RESETS}
        return Found(
            rows=tuple(Row(f"reset {name}", _figures(runs[reset])) for reset, name in RESETS.items()),
            held=_claims(runs["soft"], runs["zero"]),
            notes=(
                f"Inputs of {FREQUENCIES[0]:g} and {FREQUENCIES[1]:g} Hz with weights {WEIGHTS[0]} and {WEIGHTS[1]}, "
                f"g = {CONDUCTANCE:g}, V_th = C = 1, steps of {DT} s: chosen here, as the paper's drawing has no "
                "figures.",
                "Charge received = leaked + one V_th C a spike + what is left + what the reset threw away.",
            ),
            draw=lambda: _figure(runs["soft"], runs["zero"]),
        )


def _figures(run: Run) -> dict[str, Value]:
    return {
        "received": float(run.drive.sum()),
        "leaked": run.leaked,
        "spikes": int(run.spikes.sum()),
        "left": float(run.left[-1]),
        "thrown away": max(0.0, round(run.lost, 9)),
    }


def _claims(soft: Run, zero: Run) -> tuple[Held, ...]:
    first = int(soft.spikes.nonzero()[0])
    apart = float((soft.reached[: first + 1] - zero.reached[: first + 1]).abs().max())
    excess = float(((zero.reached - 1) * zero.spikes).sum())
    more = int(soft.spikes.sum() - zero.spikes.sum())
    return (
        Held("up to the first spike the potentials are equal", apart, "difference = 0", apart == 0),
        at_most("with the linear reset no charge is lost", abs(soft.lost), 1e-9, "V_th C"),
        Held(
            "the reset to zero loses what exceeds the threshold",
            zero.lost,
            "the sum of excesses within 1e-9, above 0",
            abs(zero.lost - excess) <= 1e-9 < zero.lost,
        ),
        Held("so it sends fewer spikes", float(more), "at least 1 fewer", more >= 1),
    )


def _figure(soft: Run, zero: Run) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 6.2), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    for axes, run, title in ((panels[0], zero, "reset to zero"), (panels[1], soft, "linear reset")):
        t = torch.arange(1, len(run.left) + 1, dtype=torch.float64) * DT
        axes.plot(
            torch.stack([t, t], 1).flatten(), torch.stack([run.reached, run.left], 1).flatten(), color="#1f4e79", lw=1
        )
        axes.axhline(1, color="#c55a11", lw=1, ls="--")
        axes.vlines(t[run.drive > 0], -0.5, -0.5 + 0.6 * run.drive[run.drive > 0], color="#707070", lw=1)
        axes.vlines(t[run.spikes > 0], 1.5, 1.8, color="#b00020", lw=1.4)
        axes.set_yticks(
            [-0.35, 0, 0.5, 1, 1.65], ["input spikes", "0", "0.5", "V_th", f"{int(run.spikes.sum())} output spikes"]
        )
        tidy(axes, title)
    panels[1].set_xlabel("time [s]")
    return figure
