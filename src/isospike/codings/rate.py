r"""Rate codes: each activation is how many spikes a neuron sends in T time steps.

    x_i ≈ u_i N_i(T) / T,     weights w_ij u_j / u_i,     bias current b_i / u_i,     θ = 1

u, the range of a layer or channel, is what one spike a step stands for: a neuron fires whenever its drive has paid for
one more.  On the wire there are whole spikes; all scales lie in the weights, and the read-out adds up."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from isospike.codings.base import Coding
from isospike.codings.calibrate import Calibrate
from isospike.codings.normalise import Normalise, Percentile
from isospike.encoders import ConstantCurrent, RateEncoder
from isospike.errors import InvalidSetting
from isospike.ir.graph import Graph, Node
from isospike.ir.ops.affine import Affine, Population
from isospike.ir.ops.clip import Clip
from isospike.ir.ops.pool import Pool
from isospike.ir.ops.scale import Scale
from isospike.network import Body, Group, Stage
from isospike.neurons import IF, Accumulator, CountPool, SpikePool, Stepping, TernaryIF, WindowPool
from isospike.neurons.base import Neuron
from isospike.passes.fold_scales import fold
from isospike.ranges import Ranges

POOLS = {"online": CountPool, "window": WindowPool}


@dataclass(frozen=True)
class Rate(Coding):
    """
    | field        | meaning |
    |--------------|--------------------|
    | `steps`      | T |
    | `neuron`     | the model, with its settings; thresholds, units and biases are filled in |
    | `normalise`  | how ranges are chosen |
    | `initial`    | potential at the start, as a share of the threshold; else the model's own |
    | `encoder`    | the input neurons' model: a class of `encoders`, or one with its rate given by `partial` |
    | `pool`       | max pools compare counts "online", or the inputs' whole "window" |
    | `correction` | what is measured and mended after conversion |
    | `outside`    | inputs outside the declared range: "clip" (and count), or "error" |
    """

    steps: int = 64
    neuron: Stepping = field(default_factory=IF)
    normalise: Normalise = field(default_factory=Percentile)
    initial: float | None = None
    encoder: Callable[..., RateEncoder] = ConstantCurrent
    pool: Literal["online", "window"] = "online"
    correction: Calibrate | None = None
    outside: Literal["clip", "error"] = "clip"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1:
            raise InvalidSetting(f"Rate(steps={self.steps}).", "At least one time step.", "64 are usual.")
        if self.initial is not None and not -1 <= self.initial <= 1:
            raise InvalidSetting(
                f"Rate(initial={self.initial}).", "A share of the threshold, from −1 to 1.", "One half rounds."
            )

    @property
    def signed(self) -> bool:
        return self.neuron.negative

    def ranges(self, graph: Graph, calibration: Iterable[Tensor]) -> Ranges:
        return self.normalise.ranges(graph, calibration, lambda ranges: self.network(graph, ranges))

    def body(self, graph: Graph, ranges: Ranges) -> Body:
        encoder = self.encoder(graph.input.shape, graph.input_op.low, graph.input_op.high, self.outside == "clip")
        unit = {graph.input.name: torch.full((1,) * len(graph.input.shape), 1 / encoder.rate, dtype=torch.float64)}
        stages = []
        for node in graph.nodes[1:]:
            stages.append(self._stage(node, graph, unit, ranges))
            if isinstance(neuron := stages[-1].neuron, Stepping | CountPool | SpikePool):  # no other is read
                unit[node.name] = neuron.unit
        reach = tuple((name, float(ranges.high[name].max()), bound) for name, bound in ranges.bounds.items())
        return Body(encoder, tuple(stages), self.describe(), self.steps, graph.macs, graph.notes, reach)

    def corrected(self, body: Body, graph: Graph, calibration: Iterable[Tensor]) -> Body:
        return body if self.correction is None else self.correction(body, graph, calibration)

    def _stage(self, node: Node, graph: Graph, unit: dict[str, Tensor], ranges: Ranges) -> Stage:
        zero, end = torch.zeros((), dtype=torch.float64), torch.tensor(float(self.steps), dtype=torch.float64)
        one = torch.ones((1,) * len(node.shape), dtype=torch.float64)
        match node.op:
            case Population() as op:
                reach = ranges.high[node.name].clamp(max=op.high)
                most = self.neuron.most
                if math.isinf(most) and math.isfinite(op.high):
                    # Without a limit a neuron would follow its drive beyond the clip
                    most = math.ceil(op.high / float(reach.max()))
                    reach = torch.full_like(reach, op.high)
                own = reach / (most if math.isfinite(most) else 1) * one
                neuron: Neuron = self._neuron(op, own, most)
                chains = tuple((*chain, Scale(1 / own)) for chain in op.groups)
            case Pool() as op:
                return Stage(
                    node.name,
                    node.shape,
                    (Group(node.inputs[0], (), zero),),
                    POOLS[self.pool](op, unit[node.inputs[0]]),
                    zero,
                    end,
                )
            case Affine() as op:
                neuron = Accumulator(0 * one if op.bias is None else op.bias)
                chains = op.groups
            case other:
                raise InvalidSetting(f"Rate has no neuron for `{node.path}` ({type(other).__name__}).")
        sources = zip(node.inputs, chains, strict=True)
        groups = tuple(
            Group(name, fold((Scale(unit[name]), *chain), graph[name].shape), zero) for name, chain in sources
        )
        return Stage(node.name, node.shape, groups, neuron, zero, end)

    def _neuron(self, op: Population, unit: Tensor, most: float) -> Stepping:
        rectifier = Clip(op.low, op.high, op.leak, op.levels, op.offset)
        limit: dict[str, Any] = {} if most == self.neuron.most else {"most": most}  # a field of those that have one
        bias = (0 * unit if op.bias is None else op.bias) / unit
        filled = replace(self.neuron, bias=bias, unit=unit, rectifier=rectifier, **limit)
        initial = op.offset if op.levels else self.initial  # a staircase says where its steps are
        if isinstance(filled, TernaryIF):
            initial = initial if not op.levels else op.offset - (1 - filled.level)
            filled = replace(filled, slope=torch.tensor(op.leak if op.low < 0 else 0.0, dtype=torch.float64))
        return filled if initial is None else replace(filled, initial=torch.tensor(initial, dtype=torch.float64))

    def describe(self) -> str:
        """The settings in one line."""
        return f"Rate({', '.join(f'{f.name}={_text(getattr(self, f.name))}' for f in fields(self))})"


def _text(value: Any) -> str:
    match value:
        case Stepping():
            settings = [
                f"{f.name}={getattr(value, f.name)!r}"
                for f in fields(value)
                if not isinstance(getattr(value, f.name), Tensor)
            ]
            return f"{type(value).__name__}({', '.join(settings)})"
        case type():
            return value.__name__
        case partial():
            return f"{value.func.__name__}({', '.join(f'{key}={number!r}' for key, number in value.keywords.items())})"
    return repr(value)
