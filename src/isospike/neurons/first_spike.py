r"""Integrate-and-fire neuron that answers with at most one spike inside its window.

    τ_c dV/dt = α H(t − t_ramp) + Σ_j J_j H(t − t_j)      up to t_min, by when every input spike has arrived τ_c dV/dt
    = s                                          from t_min on: silent inputs and padded pixels count as spikes at
    t_min fires at the first t > gate with V ≥ θ − δ (t − t_ramp) / τ_c;  if there is none before t_max it stays silent

On a clock of L ticks it fires at the last tick before the crossing was due, k = ⌊x L / B⌋ ticks before t_max.

With leads x = t_max − t of the inputs, ρ = t_min − t_ramp and B = t_max − t_min the crossing is at t_max − x with

    θ = s B / τ_c + (α + δ) ρ / τ_c + D,      x = (Σ_j J_j x_j − τ_c D) / s,      silent where x ≤ 0

D, which stands for the bias, is what a neuron is given: in single precision θ would swallow the small ones.

Source: Stanojevic 2023, eqs. 2.2, 2.5, 2.25–2.31, 3.2, 3.10 and 3.21.  The threshold is infinite before the gate: the
thesis' "negligible probability" of early firing is not negligible."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.ir.ops.base import Shape
from isospike.ir.typed import Count
from isospike.kernels.membrane import early_spikes, potential
from isospike.neurons.base import Drive, Neuron, Synapses, another_clock, flat, on_ticks

ROUNDING = 1024  # units in the last place by which a sum over all inputs may be off


@dataclass(frozen=True, eq=False)
class FirstSpikeIF(Neuron):
    """A negative gate says that the cap lies beyond the window.

    | field       | shape          | unit | meaning                                                                |
    |-------------|----------------|------|------------------------------------------------------------------------|
    | `shift`     | broadcastable  | 1    | D = −s b, what the threshold has beyond its base                       |
    | `ramp`      | broadcastable  | 1    | α, the weight of the ramp current                                      |
    | `fall`      | broadcastable  | 1    | δ, how fast a dynamic threshold falls                                  |
    | `slope`     | broadcastable  | 1    | s, how fast V approaches θ after t_min: α + δ + Σ J over the full kernel |
    | `onset`     | ()             | time | ρ, from the start of the ramp to t_min                                 |
    | `window`    | ()             | time | B = t_max − t_min                                                      |
    | `gate`      | broadcastable  | time | from t_min to the earliest spike, if the rectifier has a cap; else 0     |
    | `tau`       | ()             | time | τ_c, time that stands for an activation of 1                           |
    | `unit`      | broadcastable  | 1/time | activation that a lead of 1 stands for                               |
    | `gated`     |                |      | whether the threshold is infinite before the gate                      |
    | `clipped`   |                |      | whether a lead as long as the window is meant (ReLU6)                  |
    | `forced`    |                |      | whether a silent neuron is made to spike at t_max                      |
    | `ticks`     |                |      | L, of the clock that it fires on; 0: it fires at any time              |
    | `synchronous` |              |      | whether the ramp starts at t = 0, with those of all layers: ρ = t_min  |
    """

    shift: Tensor
    ramp: Tensor
    fall: Tensor
    slope: Tensor
    onset: Tensor
    window: Tensor
    gate: Tensor
    tau: Tensor
    unit: Tensor
    gated: bool
    clipped: bool
    forced: bool
    ticks: Count = 0
    synchronous: bool = False
    version: ClassVar[int] = 2

    @classmethod
    def upgraded(cls, entries: dict[str, Any], version: int) -> dict[str, Any]:
        """Version 1 had θ in place of D."""
        threshold, *rest = (entries[name] for name in ("threshold", "slope", "window", "ramp", "fall", "onset", "tau"))
        shift = threshold.double() - _base(*rest)
        return {name: t for name, t in entries.items() if name != "threshold"} | {"shift": shift.to(threshold.dtype)}

    @property
    def threshold(self) -> Tensor:
        """θ, in double precision."""
        return _base(self.slope, self.window, self.ramp, self.fall, self.onset, self.tau) + self.shift

    def mismatched(self, slope: Tensor, ramp: Tensor | float = 0.0) -> "FirstSpikeIF":
        """The neuron whose slope and ramp are by so much larger, its threshold as it is."""
        more = (slope * self.window + ramp * self.onset) / self.tau
        return replace(self, slope=self.slope + slope, ramp=self.ramp + ramp, shift=self.shift - more)

    def retimed(self, window: Tensor, span: Tensor, begin: Tensor) -> "FirstSpikeIF":
        since = begin if self.synchronous else span
        onset = since if self.synchronous or bool(self.onset > 0) else self.onset
        bounded = self.clipped or bool(self.gate.any())
        return replace(
            self,
            window=window,
            onset=onset,
            gate=window - (self.window - self.gate) if bounded else self.gate,
        )

    def crossing(self, drive: Drive) -> Tensor:
        """The lead x of the threshold crossing, before the gate and the end of the window are heeded."""
        driven = drive(-self.tau * self.shift)
        if bool((self.slope == 1).all()):
            return driven
        if bool((self.slope > 0).all()):
            return driven.div_(self.slope)
        # A neuron whose slope is not positive (mismatch can make it so) fires at once or never.
        never = torch.where(driven >= self.slope * self.window, self.window, torch.zeros_like(self.window))
        return torch.where(self.slope > 0, driven / self.slope, never)

    def closed_form(self, drive: Drive) -> Tensor:
        return self._held(self._seen(self.crossing(drive)))

    def _seen(self, lead: Tensor) -> Tensor:
        """The same; raises `InvalidSetting` for a neuron without a gate that was past its threshold before t_min."""
        if not self.gated and lead.numel():
            longest, window = float(lead.detach().amax()), float(self.window)
            if longest > window * (1 + ROUNDING * torch.finfo(lead.dtype).eps):
                raise InvalidSetting(
                    f"neurons without a gate fire before their window: a lead of {longest:.4g} is due in a window of "
                    f"{window:.4g}.",
                    "EventDriven(), which says when; or activations that their windows hold.",
                    "Convert with gated=True, a larger margin or windows='certified'; or simulate with EventDriven().",
                )
        return lead

    def _held(self, lead: Tensor) -> Tensor:
        # In place: a drive with a bias is a tensor of its own, and memory is what this step costs.
        # Unlike a clamp's, the gradient of this one is zero where a neuron only just stays silent, as a
        # rectifier's is.
        held = F.hardtanh(lead, 0.0, float(self.window), inplace=True)
        if bool((self.gate > 0).any()):
            held = torch.minimum(held, self.window - self.gate)
        return on_ticks(held, self.window, self.ticks, half=False) if self.ticks else held

    def clocked(self, drive: Drive, ticks: int, half: bool) -> Tensor:
        if self.ticks:
            if ticks != self.ticks:
                raise another_clock(self.ticks)
            return self.closed_form(drive)
        latest = on_ticks(self.window - self.gate.clamp_min(0), self.window, ticks, half=False)
        return torch.minimum(
            on_ticks(self._seen(self.crossing(drive)), self.window, ticks, half).clamp_min(0.0), latest
        )

    def event_driven(self, codes: np.ndarray, synapses: Synapses, shape: Shape) -> np.ndarray:
        ramp, fall, threshold, slope, gate = (
            flat(t, shape) for t in (self.ramp, self.fall, self.threshold, self.slope, self.gate)
        )
        onset, tau, window = float(self.onset), float(self.tau), float(self.window)
        synaptic = (codes, synapses.indptr, synapses.targets, synapses.weights)
        distance = threshold - fall * onset / tau - potential(*synaptic, ramp, onset, tau)
        with np.errstate(divide="ignore", invalid="ignore"):
            wait = np.where(distance <= 0, 0.0, np.where(slope > 0, distance * tau / slope, np.inf))
        lead = np.maximum(window - np.maximum(wait, gate), 0.0)
        if not self.gated:
            early = early_spikes(*synaptic, ramp, fall, threshold, onset, tau)
            lead = np.where(np.isfinite(early), window - early, lead)
        return (
            on_ticks(torch.from_numpy(lead), self.window.double(), self.ticks, half=False).numpy()
            if self.ticks
            else lead
        )

    def value(self, code: Tensor) -> Tensor:
        return code * self.unit

    def spikes(self, code: Tensor) -> Tensor:
        return torch.ones_like(code) if self.forced else (code > 0).to(code.dtype)

    def early(self, code: Tensor) -> Tensor:
        return code.new_zeros(()).bool() if self.clipped else code >= self.window


def _base(*parts: Tensor) -> Tensor:
    """The threshold of a neuron without a bias, in double precision.  parts: s, B, α, δ, ρ, τ_c."""
    slope, window, ramp, fall, onset, tau = (part.double() for part in parts)
    return (slope * window + (ramp + fall) * onset) / tau
