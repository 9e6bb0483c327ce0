r"""A network of first spikes whose synapses and thresholds are learned.

    t_i = t_max − (Σ_j J_ij x_j − τ_c D_i) / s_i,     θ_i = s_i B / τ_c + α_i ρ / τ_c + D_i

The linearly mappable condition holds the slope s and lets the ramp follow the synapses, α_i = s_i − Σ_j J_ij, also in the gradient; then
∂L/∂J and −∂L/∂D are the equivalent ReLU network's ∂L/∂w and ∂L/∂b.  The other choice holds the ramp, and the slope follows: s_i = α_i + Σ_j J_ij.
A silent neuron has no gradient: ∂t(n)/∂t(n − 1) = M s⁻¹ J, M_i = 1 where t_i < t_max.

After each step windows grow, B ← max(B, γ (t_max − min t)), but for those that clip by intent.  Source: Stanojevic 2023, eqs. 3.2–3.12.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isospike.errors import InvalidSetting
from isospike.hardware import Constraint, constrained, perturbation, place, reweighted, trained_maps
from isospike.network import Body, SpikingNetwork, Stage, balanced, retimed, run, total
from isospike.neurons import FirstSpikeIF, Integrator
from isospike.train.base import Trainee
from isospike.train.sparsity import Sparsity


class SpikeTimes(Trainee):
    """Trains the synapses and thresholds of a network made by `TTFS`, on ideal hardware or under constraints.

    mappable: whether slopes are held (the linearly mappable condition) or ramps.  growth: γ.  margin: ζ, of
    the windows when training is over.  sparsity: a price on spikes.
    """

    windows: Tensor

    def __init__(
        self,
        network: SpikingNetwork,
        constraints: Sequence[Constraint] = (),
        calibration: Iterable[Tensor] | None = None,
        mappable: bool = True,
        growth: float = 10.0,
        margin: float = 0.5,
        sparsity: Sparsity | None = None,
    ) -> None:
        super().__init__()
        if growth < 1:
            raise InvalidSetting(f"growth={growth}.", "At least 1.", "Ten is usual.")
        self.constraints, self.mappable, self.growth, self.margin, self.sparsity = tuple(constraints), mappable, growth, margin, sparsity
        self.placed = False
        self._take(network.body)
        if calibration is not None or not constraints:
            self.place(calibration or ())

    def place(self, calibration: Iterable[Tensor]) -> None:
        """Fit the constraints to the network and to some inputs, once, before training."""
        if self.placed:
            return
        self.constraints, body = place(self._body, self.constraints, calibration)
        self._take(body)
        self.placed = True

    def _take(self, body: Body) -> None:
        self._body = body.map_tensors(lambda _, t: t.detach().clone())
        self._perturb = perturbation(self.constraints)
        self.synapses, self.shifts, self._peaks = nn.ParameterDict(), nn.ParameterDict(), dict[int, Tensor]()
        for i, stage in enumerate(self._body.stages):
            for number, step in enumerate(trained_maps(stage)):
                self.synapses[f"{i}/{number}"] = nn.Parameter(step.weight)
            shift = _shift(stage, total(stage, body.shapes))
            if shift is not None:
                self.shifts[str(i)] = nn.Parameter(shift)
            if isinstance(stage.neuron, FirstSpikeIF) and not stage.neuron.clipped and not bool(stage.neuron.gate.any()):
                self._peaks[i] = torch.zeros(())
        self.register_buffer("windows", torch.stack([stage.end - stage.begin for stage in self._body.stages]))
        self._wire()

    def _wire(self) -> None:
        """Let the network's records hold the parameters themselves, so that only what is computed from them is made anew for a batch."""

        def wired(i: int, stage: Stage) -> Stage:
            return reweighted(stage, lambda number, _: self.synapses[f"{i}/{number}"])

        self._body = replace(self._body, stages=tuple(wired(i, stage) for i, stage in enumerate(self._body.stages)))
        self._bases: dict[int, tuple[Tensor, Tensor]] = {}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "SpikeTimes":
        super()._apply(fn, recurse)
        self._body = self._body.map_tensors(lambda _, t: fn(t.detach()))  # what is not learned moves along
        self._wire()
        return self

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """As any module's; windows come with it."""
        loaded = super().load_state_dict(*args, **kwargs)
        self._bases = {}
        return loaded

    def body(self) -> Body:
        """The network over the current parameters, on ideal hardware; its schedule and ramps are brought up to date by `network`."""
        return replace(self._body, stages=tuple(self._stage(i, stage) for i, stage in enumerate(self._body.stages)))

    def _stage(self, i: int, stage: Stage) -> Stage:
        neuron = stage.neuron
        if isinstance(neuron, Integrator):
            return replace(stage, neuron=replace(neuron, ramp=self.shifts[str(i)] / neuron.onset))
        if not isinstance(neuron, FirstSpikeIF):
            return stage
        if self.mappable:
            window, base = self._base(i, neuron)
            return replace(stage, neuron=replace(neuron, threshold=base + self.shifts[str(i)], window=window))
        pull = neuron.ramp + neuron.fall
        slope = pull + total(stage, self._body.shapes).to(pull.dtype)
        threshold = (slope * self.windows[i] + pull * neuron.onset) / neuron.tau + self.shifts[str(i)]
        return replace(stage, neuron=replace(neuron, threshold=threshold, slope=slope, window=self.windows[i]))

    def _base(self, i: int, neuron: FirstSpikeIF) -> tuple[Tensor, Tensor]:
        """A stage's window, and what its thresholds owe to it; both stay until windows grow."""
        if i not in self._bases:
            window = self.windows[i].clone()
            self._bases[i] = window, (neuron.slope * window + (neuron.ramp + neuron.fall) * neuron.onset) / neuron.tau
        return self._bases[i]

    def forward(self, x: Tensor) -> Tensor:
        """Potentials of the read-out, (batch, *output)."""
        return self._run(x, None)

    def _run(self, x: Tensor, leads: list[Tensor] | None) -> Tensor:
        if not self.placed:
            raise InvalidSetting(
                "the constraints were not fitted to any input.", "prepare(…, calibration=batches), or fit, which does it.", "Give some inputs."
            )
        body = constrained(self.body(), self.constraints)

        number = {stage.name: i for i, stage in enumerate(body.stages)}

        def watch(stage: Stage, lead: Tensor) -> None:
            i = number[stage.name]
            if i in self._peaks and self.training:
                self._peaks[i] = torch.maximum(self._peaks[i].to(lead), lead.detach().amax())
            if leads is not None and isinstance(stage.neuron, FirstSpikeIF):
                leads.append(lead)

        return run(body, body.encoder.encode(x), lambda stage, drive, _: stage.neuron.closed_form(drive), watch, self._perturb)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy of the read-out's potentials, and the price of spikes."""
        leads: list[Tensor] | None = [] if self.sparsity is not None else None
        loss = F.cross_entropy(self._run(x, leads), y)
        return loss if self.sparsity is None or leads is None else loss + self.sparsity(leads)

    @torch.no_grad()
    def stepped(self) -> None:
        """Grow the windows by what the last batch reached (eq. 3.3)."""
        if not self._peaks:
            return
        at, reached = list(self._peaks), torch.stack([peak.to(self.windows) for peak in self._peaks.values()])
        self._peaks = dict.fromkeys(at, self.windows.new_zeros(()))
        if bool((self.growth * reached > self.windows[at]).any()):
            self.windows[at] = torch.maximum(self.windows[at], self.growth * reached)
            self._bases = {}

    @torch.no_grad()
    def finish(self, calibration: Iterable[Tensor]) -> None:
        """Tighten the windows to what these inputs reach and a margin ζ, for inference (§3.6.2); those that clip stay."""
        self._peaks = dict.fromkeys(self._peaks, self.windows.new_zeros(()))
        training = self.training
        self.train()
        for x in calibration:
            self._run(x.to(self.windows.device), None)
        self.train(training)
        for i, peak in self._peaks.items():
            self.windows[i] = torch.where(peak > 0, (1 + self.margin) * peak.to(self.windows), self.windows[i])
        self._peaks, self._bases = dict.fromkeys(self._peaks, self.windows.new_zeros(())), {}

    def about(self) -> dict[str, Any]:
        price = None if self.sparsity is None else {"target": self.sparsity.target, "rate": self.sparsity.rate}
        own = {"mappable": self.mappable, "growth": self.growth, "margin": self.margin, "sparsity": price}
        return {"constraints": list(map(repr, self.constraints)), **own}

    def generators(self) -> list[torch.Generator]:
        return [g for c in self.constraints if isinstance(g := getattr(c, "generator", None), torch.Generator)]

    @torch.no_grad()
    def network(self) -> SpikingNetwork:
        body = constrained(self.body(), (c for c in self.constraints if c.lasting))
        windows = {stage.name: self.windows[i].clone() for i, stage in enumerate(self._body.stages)}
        return SpikingNetwork(retimed(balanced(body.map_tensors(lambda _, t: t.detach())), windows))


def _shift(stage: Stage, sums: Tensor) -> Tensor | None:
    """D of hidden neurons, the bias of read-out neurons: one for each neuron that has synapses or a threshold of its own."""
    neuron = stage.neuron
    if isinstance(neuron, FirstSpikeIF):
        shift = neuron.threshold - (neuron.slope * neuron.window + (neuron.ramp + neuron.fall) * neuron.onset) / neuron.tau
    elif isinstance(neuron, Integrator):
        shift = neuron.ramp * neuron.onset
    elif neuron.relays:
        return None
    else:
        raise InvalidSetting(f"stage `{stage.name}` has neurons of type {type(neuron).__name__}.", "Networks made by TTFS().", "Convert the model again.")
    return shift.expand(torch.broadcast_shapes(shift.shape, sums.shape)).contiguous()
