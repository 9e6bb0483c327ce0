r"""Time to first spike: each activation is the time by which one spike precedes the end of its layer's window.

    x = (t_max − t) / τ_c,     window B = τ_c (1 + ζ) X,     t_min(n) = t_max(n − 1)

The mapping from weights w and bias b to synapses J, ramp α and threshold θ is a family.  With S = Σ_j w_ij over the
full kernel and s the slope at which V approaches θ:

    J = s w,     α = s (1 − S),     θ = s (B / τ_c − b) + α ρ / τ_c

    identical    s = 1:            J = w, α = 1 − S        exact on the weights as they are     (eqs. 2.6, 3.9)
    fixed        s = α / (1 − S):  α the same everywhere   needs S ≤ 1 − δ: rows are rescaled   (eqs. 2.3, 2.15–2.19)
    positive     as fixed, rows rescaled by Σ_j max(w_ij, 0) ≤ 1 − δ: V never falls once the ramp runs, so that with
                 the ramp of ch. 2, which starts with the first input spike, or an earlier one the threshold may be
                 constant (eq. 2.4 is mistaken: J grows with α, so no α satisfies it)
    dynamic      as fixed, but α = 0 and the threshold falls at that rate instead               (eq. 2.5)

ρ is 0, the longest window before, or, with all ramps from t = 0 on, t_min, which raises θ by α t_min / τ_c (§2.4.5).

Sources: Stanojevic 2023, ch. 2 and eqs. 3.1–3.10.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from isospike.codings.base import Coding
from isospike.encoders.latency import LatencyEncoder
from isospike.errors import InvalidSetting
from isospike.ir.graph import Graph, Node
from isospike.ir.ops.affine import Affine, Chain, Population, row_sum
from isospike.ir.ops.base import collapse
from isospike.ir.ops.pool import Pool
from isospike.ir.ops.scale import Scale
from isospike.network import Body, Group, Stage, retimed
from isospike.neurons import FirstSpikeIF, Integrator, SpikePool
from isospike.neurons.base import Neuron
from isospike.passes.fold_scales import fold
from isospike.ranges import Ranges, calibrate, certify

Mapping = Literal["identical", "fixed", "positive", "dynamic"]
MAPPINGS = get_args(Mapping)


@dataclass(frozen=True)
class TTFS(Coding):
    """
    | field           | unit | meaning |
    |-----------------|------|--------------------|
    | `mapping`       |      | member of the family |
    | `margin`        |      | ζ, by how much windows exceed the largest activation; below 0 for sensitivity studies |
    | `tau`           | time | τ_c |
    | `ramp_from`     |      | whose window ramps start with: "own" (ch. 3), "previous" (2.2) or "input" (§2.4.5) |
    | `windows`       |      | "calibrated": from data; "certified": no input in the declared range can exceed them |
    | `alpha`         | 1    | α of the fixed, positive and dynamic mappings |
    | `delta`         | 1    | δ: rescaled rows sum to at most 1 − δ |
    | `scale`         |      | "layer": activations as they are; "channel": each channel's largest fills the window |
    | `lowest_sum`    | 1    | B_low: rescaled rows sum to at least −B_low |
    | `gated`         |      | whether thresholds are infinite before t_min; docs/theory.md: what is exact without |
    | `forced_spikes` |      | whether silent neurons spike at t_max (exactly one spike each), or never |
    | `outside`       |      | inputs outside the declared range: "clip" (and count), or "error" |
    """

    mapping: Mapping = "identical"
    margin: float = 0.5
    tau: float = 1.0
    ramp_from: Literal["own", "previous", "input"] = "own"
    windows: Literal["calibrated", "certified"] = "calibrated"
    scale: Literal["layer", "channel"] = "layer"
    alpha: float = 1.0
    delta: float = 0.01
    lowest_sum: float = 10.0
    gated: bool = True
    forced_spikes: bool = False
    outside: Literal["clip", "error"] = "clip"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale == "channel" and self.mapping != "identical":
            raise InvalidSetting(
                f"TTFS({self.mapping!r}, scale='channel').",
                "scale='channel' with mapping='identical'.",
                "Choose one of the two.",
            )
        if self.mapping == "positive" and not self.gated and self.ramp_from == "own":
            raise InvalidSetting(
                "TTFS(mapping='positive', gated=False, ramp_from='own'): without the ramp V falls before t_min, and "
                "neurons fire early.",
                "Constant thresholds with a ramp that runs while spikes arrive, ramp_from='previous' or 'input'; or "
                "gated ones, gated=True, with any ramp.",
                "TTFS('positive', gated=False, ramp_from='previous').",
            )
        limits = {
            "margin": self.margin > -1,
            "tau": self.tau > 0,
            "alpha": self.alpha > 0,
            "delta": 0 < self.delta < 1,
            "lowest_sum": self.lowest_sum > 0,
        }
        for name, within in limits.items():
            if not within or not math.isfinite(getattr(self, name)):
                raise InvalidSetting(
                    f"TTFS({name}={getattr(self, name)}).",
                    "margin > −1, tau > 0, alpha > 0, 0 < delta < 1, lowest_sum > 0.",
                    "Choose a number within.",
                )

    def ranges(self, graph: Graph, calibration: Iterable[Tensor]) -> Ranges:
        return certify(graph) if self.windows == "certified" else calibrate(graph, calibration)

    def body(self, graph: Graph, ranges: Ranges) -> Body:
        return _Mapper(self, graph, ranges).body()


class _Mapper:
    """Goes through a canonical graph once; by node it knows the window, and by what factor activations were
    rescaled."""

    def __init__(self, coding: TTFS, graph: Graph, ranges: Ranges) -> None:
        self.coding, self.graph, self.ranges = coding, graph, ranges
        one = torch.ones((), dtype=torch.float64)
        name = graph.input.name
        self.window = {name: coding.tau * one}
        self.gain = {name: torch.ones((1,) * len(graph.input.shape), dtype=torch.float64)}

    def body(self) -> Body:
        coding, graph = self.coding, self.graph
        encoder = LatencyEncoder(
            graph.input.shape,
            graph.input_op.low,
            graph.input_op.high,
            coding.outside == "clip",
            self.window[graph.input.name],
        )
        stages = tuple(self.stage(node) for node in graph.nodes[1:])
        settings = ", ".join(f"{key}={value!r}" for key, value in asdict(coding).items())
        reach = tuple((name, self.ranges.layer(name), self.ranges.bounds[name]) for name in self.ranges.bounds)
        body = Body(encoder, stages, f"TTFS({settings})", macs=graph.macs, notes=graph.notes, reach=reach)
        return retimed(body, self.window)  # now that all windows are known, each begins when those before it end

    def stage(self, node: Node) -> Stage:
        match node.op:
            case Population() as op:
                chains, neuron = self.population(node, op)
            case Pool() as op:
                chains, neuron = ((),), self.pool(node, op)
            case Affine() as op:
                chains, neuron = self.read_out(node, op)
            case other:
                raise InvalidSetting(f"TTFS has no neuron for `{node.path}` ({type(other).__name__}).")
        nought = torch.zeros((), dtype=torch.float64)
        groups = tuple(Group(name, chain, nought) for name, chain in zip(node.inputs, chains, strict=True))
        return Stage(node.name, node.shape, groups, neuron, nought, nought)

    def incoming(self, node: Node, op: Affine) -> tuple[Chain, ...]:
        """The weights as they are on rescaled activations of the sources."""
        return tuple(
            fold((Scale(1 / self.gain[name]), *chain), self.graph[name].shape)
            for name, chain in zip(node.inputs, op.groups, strict=True)
        )

    def onset(self, node: Node) -> Tensor:
        """ρ, from the start of the ramp to t_min: the longest window that spikes come from, or nothing.  `retimed`
        sets that of ramps from t = 0 on, because it knows t_min."""
        return torch.stack([self.window[name] for name in node.inputs]).max() * (self.coding.ramp_from == "previous")

    def population(self, node: Node, op: Population) -> tuple[tuple[Chain, ...], Neuron]:
        coding, tau = self.coding, torch.tensor(self.coding.tau, dtype=torch.float64)
        chains = self.incoming(node, op)
        total = self.row_sum(node, chains)
        gain = self.rescaling(node, op, chains, total)
        slope = torch.ones_like(total) if coding.mapping == "identical" else coding.alpha / (1 - gain * total)
        alpha = slope * (1 - gain * total)
        bounded = math.isfinite(op.high)
        cap = tau * gain * op.high
        wanted = tau * float((gain * self.ranges.high[node.name]).max()) * (1 + coding.margin)
        clipped = bounded and float(wanted) >= float(cap.max())
        clipped = clipped or bool(op.levels)  # ticks divide the whole range
        window = cap.max() if clipped else wanted
        window = window if float(window) > 0 else tau  # a layer that never fires may have any window
        gate = window - cap if bounded else torch.zeros((), dtype=torch.float64)
        bias = torch.zeros((), dtype=torch.float64) if op.bias is None else gain * op.bias
        bias = bias + self.half_tick(node, op, cap)
        onset = self.onset(node)
        neuron = FirstSpikeIF(
            shift=-slope * bias,
            ramp=torch.zeros_like(alpha) if coding.mapping == "dynamic" else alpha,
            fall=alpha if coding.mapping == "dynamic" else torch.zeros_like(alpha),
            slope=slope,
            onset=onset,
            window=window,
            gate=gate,
            tau=tau,
            unit=1 / (tau * gain),
            gated=coding.gated or bounded,  # a clipped neuron is meant to wait for its gate
            clipped=clipped,
            forced=coding.forced_spikes,
            ticks=op.levels,
            synchronous=coding.ramp_from == "input",
        )
        self.window[node.name], self.gain[node.name] = window, gain
        synapses = tuple(
            fold((*chain, Scale(slope * gain)), self.graph[name].shape)
            for name, chain in zip(node.inputs, chains, strict=True)
        )
        return synapses, neuron

    def half_tick(self, node: Node, op: Population, cap: Tensor) -> Tensor:
        """By how much more a staircase's neurons are driven, so that their clock rounds as the staircase does: φ λ /
        L."""
        if op.levels and cap.min() != cap.max():
            raise InvalidSetting(
                f"`{node.path}` is a staircase and its neurons are rescaled by different factors, so one clock does "
                "not fit all.",
                "Staircases under TTFS(mapping='identical').",
                "Leave --mapping out, or convert with a rectifier that is not quantised.",
            )
        return (
            cap.max() / self.coding.tau * (op.offset / op.levels)
            if op.levels
            else torch.zeros((), dtype=torch.float64)
        )

    def row_sum(self, node: Node, chains: tuple[Chain, ...], magnitude: bool = False) -> Tensor:
        """S, over the full kernel; of the weights' magnitudes if asked."""
        total = torch.zeros((1,) * len(node.shape), dtype=torch.float64)
        for name, chain in zip(node.inputs, chains, strict=True):
            total = total + row_sum(
                tuple(step.abs() for step in chain) if magnitude else chain, self.graph[name].shape
            )
        return collapse(total)

    def rescaling(self, node: Node, op: Population, chains: tuple[Chain, ...], total: Tensor) -> Tensor:
        """The factor by which each neuron's activation is rescaled: at most 1 (eqs. 2.16, 2.18), or what lets its
        channel fill the window."""
        coding = self.coding
        if coding.mapping == "identical":
            high = self.ranges.high[node.name].flatten(1).amax(1) if total.ndim > 1 else self.ranges.high[node.name]
            high = high.reshape(-1, *(1,) * (total.ndim - 1))
            # One end for all is what a clip asks for; and a channel that hardly ever fires says little
            # about its range.
            fill = coding.scale == "channel" and not math.isfinite(op.high) and bool(high.max() > 0)
            return (
                high.max() / high.clamp_min(0.01 * high.max())
                if fill
                else torch.ones((1,) * total.ndim, dtype=total.dtype)
            )
        # Rescaling by the positive weights' sum is what keeps V from falling before t_min.
        bounded = (self.row_sum(node, chains, magnitude=True) + total) / 2 if coding.mapping == "positive" else total
        gain = torch.minimum(
            (1 - coding.delta) / bounded.clamp_min(1 - coding.delta),
            coding.lowest_sum / (-total).clamp_min(coding.lowest_sum),
        )
        if any(isinstance(user.op, Pool) for user in self.graph.users(node.name)):
            # A pool compares neurons: they share one scale
            gain = gain.amin(dim=tuple(range(1, gain.ndim)), keepdim=True)
        return gain

    def pool(self, node: Node, op: Pool) -> Neuron:
        (source,) = node.inputs
        self.window[node.name], self.gain[node.name] = self.window[source], self.gain[source]
        return SpikePool(op, self.window[source], 1 / (self.coding.tau * self.gain[source]), self.coding.forced_spikes)

    def read_out(self, node: Node, op: Affine) -> tuple[tuple[Chain, ...], Neuron]:
        tau = torch.tensor(self.coding.tau, dtype=torch.float64)
        span = torch.stack([self.window[name] for name in node.inputs]).max()
        bias = torch.zeros((1,) * len(node.shape), dtype=torch.float64) if op.bias is None else op.bias
        return self.incoming(node, op), Integrator(bias * tau / span, span, tau)
