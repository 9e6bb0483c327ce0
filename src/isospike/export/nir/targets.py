"""What each reader of NIR makes of a neuron, as measured in November 2026, and the node that makes it compute ours.

NIR says neither the reset nor the time step, so that readers choose: sinabs 3.1.3 subtracts θ as often as V has it,
snnTorch 1.0.0 and Norse 1.1.0 reset to zero and fire above θ only."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from isospike.errors import InvalidSetting
from isospike.export.nir.grid import Drive
from isospike.network import Stage
from isospike.neurons import IF, LIF, BurstIF
from isospike.neurons.stepping import Stepping

if TYPE_CHECKING:
    import nir

ENDLESS = 1e30  # of a time constant: in single precision nothing leaks


@dataclass(frozen=True)
class Target(ABC):
    """A reader.  `half`: whether thresholds lie half a step below the grid; `reset`: of its neurons; `flat`: whether
    they must stand in a row; `sums`: whether it waits for all that a sum reads."""

    name: ClassVar[str]
    half: ClassVar[bool] = True
    reset: ClassVar[str] = "zero"
    flat: ClassVar[bool] = False
    sums: ClassVar[bool] = True

    @abstractmethod
    def node(self, stage: Stage) -> "nir.NIRNode":
        """The neurons' node, its parameters full size."""

    @abstractmethod
    def leak(self, neuron: LIF) -> tuple[float, float, float]:
        """τ, R and Δt for which the reader's decay a step is the neuron's."""

    def left(self, neuron: LIF) -> float:
        """The decay a step that the reader computes in single precision."""
        tau, _, dt = self.leak(neuron)
        return float(1 - np.float32(dt) / np.float32(tau))

    def refuse(self, stage: Stage, drive: Drive) -> None:
        """Raise `InvalidSetting` for neurons that the reader has not."""
        neuron = stage.neuron
        if not isinstance(neuron, IF) or type(neuron) not in (IF, LIF):
            raise self._other(stage, f"{type(neuron).__name__} neurons", "IF and LIF neurons.", "--neuron if-zero")
        if isinstance(neuron, LIF) and len((neuron.conductance * neuron.dt / neuron.capacitance).unique()) > 1:
            raise self._other(stage, "several leaks", "One leak a stage.", "--neuron lif")
        if neuron.reset != self.reset:
            raise self._other(
                stage,
                f"neurons with reset `{neuron.reset}`",
                f"Reset `{self.reset}`, to zero as its equations say; --target sinabs subtracts.",
                "--neuron if-zero",
            )

    def wired(self, stage: Stage) -> None:
        """Raise `InvalidSetting` for a wiring that the reader would run in a wrong order."""
        if len(stage.groups) > 1 and not self.sums:
            raise InvalidSetting(
                f"stage `{stage.name}` adds {len(stage.groups)} sources, and `{self.name}` runs it after the first "
                "(nirtorch.load 2.6).",
                "Networks without residual sums; --target snntorch, or any.",
                "Choose another target.",
            )

    def factor(self, neuron: Stepping) -> float:
        """What the stage's weights are multiplied by, because the reader multiplies them by its inverse."""
        return 1.0

    def _other(self, stage: Stage, what: str, supported: str, option: str) -> InvalidSetting:
        return InvalidSetting(
            f"stage `{stage.name}` has {what}, which `{self.name}` would read otherwise.",
            supported,
            f"Convert the model again: --coding rate --initial 0 {option}.",
        )


class Any_(Target):
    """NIR's own equations: fires above θ, then V is `v_reset`, zero.  They have no time step, so no leak."""

    name = "any"

    def node(self, stage: Stage) -> "nir.NIRNode":
        import nir

        level = _level(stage)
        return nir.IF(r=np.ones_like(level), v_threshold=level, v_reset=np.zeros_like(level))

    def leak(self, neuron: LIF) -> tuple[float, float, float]:
        raise NotImplementedError

    def refuse(self, stage: Stage, drive: Drive) -> None:
        super().refuse(stage, drive)
        if isinstance(stage.neuron, LIF):
            raise self._other(
                stage, "a leak", "IF neurons: readers take different time steps; or one reader.", "--neuron if-zero"
            )


class Norse(Any_):
    """IAFCell, which resets to zero; LIFBoxCell, V ← V + Δt/τ (I − V)."""

    name, sums = "norse", False

    def node(self, stage: Stage) -> "nir.NIRNode":
        return _lif(self, stage, stage.neuron) if isinstance(stage.neuron, LIF) else super().node(stage)

    def leak(self, neuron: LIF) -> tuple[float, float, float]:
        dt = 1e-3
        return dt / (1 - decay(neuron)), 1.0, dt

    def refuse(self, stage: Stage, drive: Drive) -> None:
        Target.refuse(self, stage, drive)

    def factor(self, neuron: Stepping) -> float:
        return 1 / (1 - decay(neuron)) if isinstance(neuron, LIF) else 1.0  # R is ignored, Δt/τ is not


class SnnTorch(Target):
    """Leaky, V ← β V + I with β = 1 − Δt/τ; nir.IF would be given β = 0.9, so that IF is a leak without end.

    A leak is refused: V e^(−Δt/τ) is rounded otherwise, and of 4.2 million entries 144 differed."""

    name = "snntorch"

    def node(self, stage: Stage) -> "nir.NIRNode":
        return _lif(self, stage, stage.neuron)

    def leak(self, neuron: LIF) -> tuple[float, float, float]:
        dt = 1e-4
        return ENDLESS, ENDLESS / dt, dt

    def refuse(self, stage: Stage, drive: Drive) -> None:
        super().refuse(stage, drive)
        if isinstance(stage.neuron, LIF):
            supported = "IF neurons, whose sums are exact in any order; --target norse, which rounds a leak as we do."
            raise self._other(stage, "a leak", supported, "--neuron if-zero")


class Sinabs(Target):
    """LIF, V ← V e^(−1/τ) + I, then as many spikes as V pays for.

    nir.IF would be given a floor of −θ, so that IF is a leak without end; LIF is read in a row only.  A neuron of ours
    that sends fewer spikes must never have more to send."""

    name, half, reset, flat, sums = "sinabs", False, "soft", True, False

    def node(self, stage: Stage) -> "nir.NIRNode":
        return _lif(self, stage, stage.neuron)

    def leak(self, neuron: LIF) -> tuple[float, float, float]:
        tau = -1 / math.log(decay(neuron)) if decay(neuron) < 1 else ENDLESS
        return tau, tau, 1.0

    def left(self, neuron: LIF) -> float:
        return float(np.exp(-1 / np.float32(self.leak(neuron)[0])))

    def refuse(self, stage: Stage, drive: Drive) -> None:
        if isinstance(stage.neuron, BurstIF) and math.isinf(stage.neuron.most):
            return
        if isinstance(stage.neuron, IF) and stage.neuron.reset == "zero":
            raise self._other(stage, "neurons with reset `zero`", "Reset by subtraction.", "--neuron burst-integer")
        if not isinstance(stage.neuron, BurstIF):
            super().refuse(stage, drive)
        if (most := float(drive.most_in.max())) > drive.most:
            raise self._other(
                stage,
                f"neurons that can be driven with {most:.3g} θ in a step and send {drive.most:g} spikes",
                f"At most {drive.most:g} θ a step, so that it has no more spikes to send than they.",
                "--neuron burst-integer",
            )


def _level(stage: Stage) -> np.ndarray:
    assert isinstance(stage.neuron, Stepping)
    return _full(stage.neuron.threshold, stage)


def _full(value: Tensor, stage: Stage) -> np.ndarray:
    return np.ascontiguousarray(value.expand(stage.shape).float().numpy())


def decay(neuron: Stepping) -> float:
    """What is left of a potential after a step."""
    if not isinstance(neuron, LIF):
        return 1.0
    return float(torch.exp(-neuron.dt * neuron.conductance / neuron.capacitance))


def _lif(target: Target, stage: Stage, neuron: object) -> "nir.NIRNode":
    import nir

    assert isinstance(neuron, Stepping)
    tau, r, _ = target.leak(neuron)  # type: ignore[arg-type]  # of an IF without end
    level = _level(stage)
    zero = np.zeros_like(level)
    return nir.LIF(tau=zero + tau, r=zero + r, v_leak=zero, v_threshold=level, v_reset=zero)


TARGETS: dict[str, Target] = {one.name: one for one in (Any_(), Sinabs(), SnnTorch(), Norse())}
EXTENDED = "isospike"  # the target that reads isospike's extension, and any network in it
UNPROVEN = {"spinnaker2": "pip finds neither py-spinnaker2 nor spinnaker2, so that its reader was never run."}
"""Readers that no graph is written for, by name, and why."""
