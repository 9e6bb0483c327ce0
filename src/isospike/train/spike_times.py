r"""A network of first spikes whose synapses and thresholds are learned.

    t_i = t_max − (Σ_j J_ij x_j − τ_c D_i) / s_i,     θ_i = s_i B / τ_c + α_i ρ / τ_c + D_i

The linearly mappable condition holds the slope s and lets the ramp follow the synapses, α_i = s_i − Σ_j J_ij, also in
the gradient; then ∂L/∂J and −∂L/∂D are the equivalent ReLU network's ∂L/∂w and ∂L/∂b.  The other choice holds the
ramp, and the slope follows: s_i = α_i + Σ_j J_ij. A silent neuron has no gradient: ∂t(n)/∂t(n − 1) = M s⁻¹ J, M_i = 1
where t_i < t_max.

After each step windows grow, B ← max(B, γ (t_max − min t)), but for those that clip by intent.  Source: Stanojevic
2023, eqs. 3.2–3.12."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isospike.constraints import constrained, place, several
from isospike.data import Samples, samples
from isospike.engine import SpikingNetwork, all_gated, generators, perturbation, run, spiking
from isospike.errors import InvalidSetting
from isospike.network import Body, Constraint, Stage, balanced, retimed, reweighted, total, trained_maps
from isospike.neurons import FirstSpikeIF, Integrator
from isospike.train.base import Peers, Trainee
from isospike.train.learned import Learned, LearnedReadOut
from isospike.train.sparsity import Sparsity


class SpikeTimes(Trainee[SpikingNetwork]):
    """Trains the synapses and thresholds of a network made by `TTFS`, on ideal hardware or under constraints.

    calibration: inputs that constraints are fitted to and windows tightened to; those that `fit` hands over unless
    given. mappable: whether slopes are held (the linearly mappable condition) or ramps.  growth: γ, but 1 + ζ under
    constraints whose effect grows with the windows.  margin: ζ, of the windows when training is over.  sparsity: a
    price on spikes."""

    windows: Tensor
    _peaks: Tensor | None

    def __init__(
        self,
        network: SpikingNetwork,
        constraints: Sequence[Constraint] | Constraint = (),
        calibration: Samples | None = None,
        mappable: bool = True,
        growth: float = 10.0,
        margin: float = 0.5,
        sparsity: Sparsity | None = None,
    ) -> None:
        super().__init__()
        spiking(network, "prepare")
        if network.perturb is not None:
            raise InvalidSetting(
                "the network is on hardware that disturbs its spikes.",
                "The network itself.",
                "Name that hardware here: prepare(network, […]).",
            )
        all_gated(network.body, "Training in spike times")
        if growth < 1:
            raise InvalidSetting(f"growth={growth}.", "At least 1.", "Ten is usual.")
        self.constraints, self.mappable, self.margin, self.sparsity = (
            several(constraints, "prepare"),
            mappable,
            margin,
            sparsity,
        )
        self.growth = 1 + margin if any(c.windowed for c in self.constraints) else growth
        self.placed, self._inputs = False, list[Tensor]()
        self._take(network.body)
        if calibration is not None:
            self.begin(samples(calibration))
        elif not self.constraints:
            self._place(())

    def begin(self, inputs: Iterable[Tensor]) -> None:
        """Fit the constraints to the network and to some inputs, and keep these; once, before training."""
        self._inputs = self._inputs or list(inputs)
        if not self.placed:
            self._place(self._inputs)

    def _place(self, inputs: Iterable[Tensor]) -> None:
        self.constraints, body = place(self._body, self.constraints, inputs)
        self._take(body)
        self.placed = True

    def _take(self, body: Body) -> None:
        self._body = body.map_tensors(lambda _, t: t.detach().clone())
        self._drawn = generators(self.constraints)
        self._perturb = perturbation(self.constraints, self._drawn)
        self.synapses, self.shifts = nn.ParameterDict(), nn.ParameterDict()
        self._grown, self._peaks = list[int](), None  # stages whose windows grow, and the largest lead of each
        self._maps, self._caps = dict[int, Tensor](), dict[int, Tensor]()
        for i, stage in enumerate(self._body.stages):
            for number, step in enumerate(trained_maps(stage)):
                self.synapses[f"{i}/{number}"] = nn.Parameter(step.weight)
            shift = _shift(stage)
            if shift is not None:
                own = torch.broadcast_shapes(total(stage, body.shapes).shape, (1,) * shift.ndim)
                single = torch.broadcast_shapes(shift.shape, own) == own
                # One number a channel is learned, as of a bias; to a map over places, as padding leaves, it is added.
                self.shifts[str(i)] = nn.Parameter(shift.expand(own).contiguous() if single else shift.new_zeros(own))
                self._maps[i] = shift.new_zeros(()) if single else shift
            if isinstance(stage.neuron, FirstSpikeIF) and not stage.neuron.clipped:
                self._grown.append(i)
                if bool(stage.neuron.gate.any()):
                    self._caps[i] = stage.neuron.window - stage.neuron.gate
        self.register_buffer("windows", torch.stack([stage.end - stage.begin for stage in self._body.stages]))
        self._wire()

    def _wire(self) -> None:
        """Let the network's records hold the parameters themselves, so that only what is computed from them is made
        anew for a batch."""

        def wired(i: int, stage: Stage) -> Stage:
            return reweighted(stage, lambda number, _: self.synapses[f"{i}/{number}"])

        self._body = replace(self._body, stages=tuple(wired(i, stage) for i, stage in enumerate(self._body.stages)))
        self._bases, self._learned = dict[int, FirstSpikeIF](), dict[int, Stage | None]()
        # The body with these windows, where nothing in it is computed anew for a batch
        self._kept: tuple[list[float], Body] | None = None

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "SpikeTimes":
        super()._apply(fn, recurse)
        self._body = self._body.map_tensors(lambda _, t: fn(t.detach()))  # what is not learned moves along
        self._maps, self._caps = ({i: fn(t) for i, t in own.items()} for own in (self._maps, self._caps))
        self._wire()
        return self

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """As any module's; windows come with it."""
        loaded = super().load_state_dict(*args, **kwargs)
        self._wire()
        return loaded

    def body(self) -> Body:
        """The network over the current parameters, on ideal hardware; its schedule and ramps are brought up to date by
        `network`."""
        return replace(self._body, stages=tuple(self._stage(i, stage) for i, stage in enumerate(self._body.stages)))

    def _stage(self, i: int, stage: Stage) -> Stage:
        neuron = stage.neuron
        if isinstance(neuron, Integrator):
            return replace(stage, neuron=replace(neuron, ramp=(self.shifts[str(i)] + self._maps[i]) / neuron.onset))
        if not isinstance(neuron, FirstSpikeIF):
            return stage
        base = self._base(i, neuron)
        if not self.mappable:
            pull = total(stage, self._body.shapes).to(neuron.ramp.dtype)
            base = replace(base, slope=neuron.ramp + neuron.fall + pull)
        return replace(stage, neuron=replace(base, shift=self.shifts[str(i)] + self._maps[i]))

    def _learning(self) -> Body:
        """The same in fewer operations."""
        if not self.mappable:
            return self.body()
        windows = self.windows.tolist()
        if self._kept is not None and self._kept[0] == windows:
            return self._kept[1]
        each = enumerate(zip(self._body.stages, windows, strict=True))
        body = replace(self._body, stages=tuple(self._learns(i, stage, latest) for i, (stage, latest) in each))
        self._kept = None if None in self._learned.values() else (windows, body)
        return body

    def _learns(self, i: int, stage: Stage, latest: float) -> Stage:
        if i in self._learned:
            kept = self._learned[i]
        else:
            plain = i in self._maps and i not in self._caps
            parts = (stage.neuron, self.shifts[str(i)], self._maps[i]) if plain else None
            of = None if parts is None else Learned.of(*parts) or LearnedReadOut.of(*parts)
            kept = self._learned[i] = None if of is None else replace(stage, neuron=of)
        if kept is None:
            return self._stage(i, stage)
        own: Any = kept.neuron
        if (neuron := own.within(latest)) is not own:
            kept = self._learned[i] = replace(kept, neuron=neuron)
        return kept

    def _base(self, i: int, neuron: FirstSpikeIF) -> FirstSpikeIF:
        """A stage's neurons with today's window."""
        if i not in self._bases:
            window = self.windows[i].clone()
            gate = window - self._caps[i] if i in self._caps else neuron.gate
            self._bases[i] = replace(neuron, window=window, gate=gate)
        return self._bases[i]

    @property
    def _lasting(self) -> tuple[Constraint, ...]:
        return tuple(c for c in self.constraints if c.lasting)

    def forward(self, x: Tensor) -> Tensor:
        """Potentials of the read-out, (batch, *output)."""
        return self._run(x, None)

    def _run(self, x: Tensor, leads: list[Tensor] | None, ideal: bool = False) -> Tensor:
        if not self.placed:
            raise InvalidSetting(
                "the constraints were not fitted to any input.",
                "prepare(…, calibration=batches), or fit, which does it.",
                "Give some inputs.",
            )
        acting, drawn = (self._lasting, generators(self._lasting)) if ideal else (self.constraints, self._drawn)
        body = constrained(self.body(), acting, drawn) if acting else self._learning()
        codes = list[Tensor]()

        def watch(stage: Stage, code: Tensor) -> None:
            codes.append(code if torch.is_grad_enabled() else code.amax())  # with gradients it is held anyway
            if leads is not None and isinstance(stage.neuron, FirstSpikeIF):
                leads.append(code)

        out = run(
            body,
            body.encoder.encode(x),
            lambda stage, drive, _: stage.neuron.closed_form(drive),
            watch if self.training or leads is not None else None,
            None if ideal else self._perturb,
        )
        if self.training and self._grown:
            with torch.no_grad():
                peaks = torch.stack([codes[i].amax() for i in self._grown])
                self._peaks = peaks if self._peaks is None else torch.maximum(self._peaks, peaks)
        return out

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy of the read-out's potentials, and the price of spikes; in training, windows grow after it."""
        leads: list[Tensor] | None = [] if self.sparsity is not None else None
        loss = F.cross_entropy(self._run(x, leads), y)
        self.grow()
        return loss if self.sparsity is None or leads is None else loss + self.sparsity(leads)

    @torch.no_grad()
    def grow(self) -> None:
        """Grow the windows by what the last batch reached (eq. 3.3)."""
        if self._peaks is None:
            return
        windows = self.windows.tolist()
        if any(self.growth * peak > windows[i] for i, peak in zip(self._grown, self._peaks.tolist(), strict=True)):
            now, wanted = self.windows[self._grown], self._wanted(self.growth)
            if bool((wanted > now).any()):
                self.windows[self._grown] = torch.maximum(now, wanted)
                self._bases = {}
        self._peaks = None

    def agree(self, peers: Peers) -> None:
        """Windows are the longest of all processes', which is what the whole batch reaches."""
        windows = peers.largest(self.windows)
        if not torch.equal(windows, self.windows):
            self.windows.copy_(windows)
            self._bases = {}
        if self.sparsity is not None:
            self.sparsity.agree(peers)

    def _wanted(self, factor: float) -> Tensor:
        """Windows so many times what stages reached, no longer than their rectifiers' caps ask for."""
        assert self._peaks is not None
        wanted = factor * self._peaks.to(self.windows)
        for k, i in enumerate(self._grown):
            if i in self._caps:
                wanted[k] = torch.minimum(wanted[k], self._caps[i].max())
        return wanted

    def result(self) -> SpikingNetwork:
        """The network with windows for inference."""
        self.tighten(self._inputs)
        return self.network()

    @torch.no_grad()
    def tighten(self, inputs: Iterable[Tensor]) -> None:
        """Tighten the windows to what these inputs reach and a margin ζ (§3.6.2); those that clip stay."""
        self._peaks = None
        training = self.training
        self.train()
        for x in inputs:
            # On ideal hardware: what chance adds to a spike is no reason for a longer window.
            self._run(x.to(self.windows.device), None, ideal=True)
        self.train(training)
        if self._peaks is not None:
            now = self.windows[self._grown]
            self.windows[self._grown] = torch.where(self._peaks > 0, self._wanted(1 + self.margin), now)
        self._peaks, self._bases = None, {}

    def about(self) -> dict[str, Any]:
        price = None if self.sparsity is None else self.sparsity.about()
        own = {"mappable": self.mappable, "growth": self.growth, "margin": self.margin, "sparsity": price}
        return {"constraints": list(map(repr, self.constraints)), **own}

    def generators(self) -> list[torch.Generator]:
        return self._drawn

    @torch.no_grad()
    def network(self) -> SpikingNetwork:
        """The network as it has been trained so far, with the windows of training."""
        body = constrained(self.body(), self._lasting, generators(self._lasting))
        windows = {stage.name: self.windows[i].clone() for i, stage in enumerate(self._body.stages)}
        body = replace(
            body.map_tensors(lambda _, t: t.detach()),
            reach=(),
            constraints=(*body.constraints, *self._lasting),
            tuned_for=tuple(one for one in self.constraints if one.acts and not one.lasting),
            coding=f"{self._body.coding.removesuffix(', trained')}, trained",
        )
        return SpikingNetwork(retimed(balanced(body), windows))


def _shift(stage: Stage) -> Tensor | None:
    """D of hidden neurons, the bias of read-out neurons."""
    neuron = stage.neuron
    if isinstance(neuron, FirstSpikeIF):
        shift = neuron.shift
    elif isinstance(neuron, Integrator):
        shift = neuron.ramp * neuron.onset
    elif neuron.relays:
        return None
    else:
        raise InvalidSetting(
            f"stage `{stage.name}` has neurons of type {type(neuron).__name__}.",
            "Networks made by TTFS().",
            "Convert the model with TTFS().",
        )
    return shift.reshape((1,) * (len(stage.shape) - shift.ndim) + tuple(shift.shape))
