"""A NIR graph as a spiking network: IF and LIF nodes become stages, what lies between them their synapses.

NIR says a neuron by a differential equation without a time step, and that V becomes `v_reset` above θ.  Here a step of
Δt is the forward Euler method's, V ← V + Δt/τ (R I − V), as in snnTorch and Norse; that of an IF node is V ← V + R I,
or V ← V + Δt R I where Δt is given, as SpikingJelly writes R.
A graph that isospike wrote says in its metadata what NIR has no word for."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from isospike.encoders import ConstantCurrent
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidFile, InvalidModel, InvalidSetting, UnsupportedOperation, first_line
from isospike.export.nir.extension import Content, body_of, content_of, extended
from isospike.export.nir.maps import KEY, STATELESS, map_of, nir_module, refused, tensor
from isospike.ir.ops.affine import Chain
from isospike.ir.ops.base import Map, Shape, collapse
from isospike.ir.ops.conv import Conv
from isospike.ir.ops.dense import Dense
from isospike.ir.ops.scale import Scale
from isospike.ir.record import Record, from_tree
from isospike.network import Body, Group, Stage
from isospike.neurons import IF, LIF, Accumulator, BurstIF
from isospike.neurons.arithmetic import SETTLE
from isospike.neurons.base import Neuron
from isospike.neurons.stepping import Stepping

if TYPE_CHECKING:
    import nir

STEPS, DT = 64, 1e-4  # unless the graph says them; Δt in seconds, as snnTorch has it
ABOVE = 3 * SETTLE[torch.float64]  # of a threshold that V must exceed, and not only reach
ZERO = torch.zeros((), dtype=torch.float64)
Reset = Literal["zero", "soft", "late", "burst"]


def read(
    path: str | Path, steps: int | None = None, reset: Reset | None = None, dt: float | None = None
) -> SpikingNetwork:
    """The network of a file in NIR's format, in double precision; one of the extension (extension.py) in its own.

    steps: T; reset: of the neurons, which NIR says to be to zero; "soft" subtracts θ, "late" in the next step, "burst"
    as often as V has it, and sends so many spikes; dt: Δt [s].  As the graph says, unless given.  Raises
    `InvalidFile`, and `UnsupportedOperation` with every node that has no form here."""
    graph, content = opened(path)
    if graph is None:
        if any(given is not None for given in (steps, reset, dt)):
            raise InvalidSetting(
                f"`{path}` says all of its network: steps, reset and dt have nothing to say.",
                "Settings for graphs of other tools.",
                "Leave them out.",
            )
        return SpikingNetwork(body_of(str(path), content))
    return read_graph(graph, steps, reset, dt, str(path))


def opened(path: str | Path) -> tuple["nir.NIRGraph | None", Content]:
    """The graph of a file, None for one of the extension, and what the file holds.  Raises `InvalidFile`."""
    module = nir_module()
    if not Path(path).is_file():
        raise InvalidFile(f"`{path}` does not exist or is not a file.", "A NIR graph.", "Write it with nir.write.")
    try:
        content = content_of(str(path))
        return None if extended(content) else module.dict2NIRNode(content | {"type_check": True}), content
    except Exception as error:  # h5py and nir raise whatever is wrong with a file
        raise InvalidFile(
            f"`{path}` is no NIR graph: {type(error).__name__}: {first_line(error)}",
            "Files that nir.write or `isospike export --to nir` wrote.",
            "Write it again; a NIR graph is an HDF5 file.",
        ) from error


def read_graph(
    graph: "nir.NIRGraph",
    steps: int | None = None,
    reset: Reset | None = None,
    dt: float | None = None,
    where: str = "the graph",
) -> SpikingNetwork:
    """The same for a graph in memory.  where: its file, for messages."""
    if steps is not None and steps < 1:
        raise InvalidSetting(f"{steps} time steps.", "At least one.", "64 are usual.")
    if dt is not None and not 0 < dt < math.inf:
        raise InvalidSetting(f"a time step of {dt} s.", "Times above 0.", "Leave it out, or see docs/interop.md.")
    return SpikingNetwork(_Reading(graph, steps, reset, dt, where).body())


@dataclass(frozen=True)
class _Sum:
    """What a node hands on: Σ of chains from stages, and a constant of one sample's shape."""

    parts: tuple[tuple[str, Chain], ...]
    constant: Tensor

    def after(self, step: Map, more: Tensor | None = None) -> "_Sum":
        """What a map makes of it, plus a constant."""
        constant = step(self.constant[None])[0]
        parts = tuple((source, (*chain, *_wanted(step, self.constant.shape))) for source, chain in self.parts)
        return _Sum(parts, constant if more is None else constant + more)


class _Reading:
    """A graph on its way to a network, node by node in the order of its edges."""

    def __init__(
        self, graph: "nir.NIRGraph", steps: int | None, reset: Reset | None, dt: float | None, where: str
    ) -> None:
        self.graph, self.reset, self.dt, self.where = graph, reset, dt, where
        header = _kept(graph, where)
        own = _record(header.get("network"), where)
        self.kept = own if isinstance(own, Body) else None
        self.steps = steps or (STEPS if self.kept is None else self.kept.steps)
        self.found: dict[str, _Sum] = {}
        self.stages: list[Stage] = []

    def body(self) -> Body:
        order = _order(self.graph)
        for name in order:
            node = self.graph.nodes[name]
            if not _finite(node):
                raise refused(name, node, " with NaN, infinite or complex numbers")
            try:
                self._node(name, node)
            except (ValueError, RuntimeError, TypeError, LookupError, ArithmeticError) as error:
                raise InvalidModel(
                    f"node `{name}` ({type(node).__name__}) does not fit what it reads: {first_line(error)}",
                    "Nodes whose sizes fit.",
                    "Write the graph again.",
                ) from error
        if self.kept is not None:
            return replace(self.kept, stages=tuple(self.stages), steps=self.steps)
        first = next(name for name in order if type(self.graph.nodes[name]).__name__ == "Input")
        encoder = ConstantCurrent(tuple(self.found[first].constant.shape), ZERO, ZERO + 1, True)
        return Body(encoder, tuple(self.stages), "NIR", self.steps)

    def _node(self, name: str, node: Any) -> None:
        kind = type(node).__name__
        if kind == "Input":
            shape = tuple(int(size) for size in node.input_type["input"])
            self.found[name] = _Sum((("input", ()),), torch.zeros(shape, dtype=torch.float64))
            return
        parts = [self.found[source] for source, target in self.graph.edges if target == name]
        if not parts:
            raise refused(name, node, " and reads nothing")
        arriving = _Sum(
            sum((one.parts for one in parts), ()), sum((one.constant for one in parts[1:]), parts[0].constant)
        )
        if kind == "Output":
            source = next(source for source, target in self.graph.edges if target == name)
            stage = _kept(self.graph.nodes[source], self.where).get("stage", "output")
            taken = {one.name for one in self.stages}
            self._add("output" if stage in taken else stage, arriving, Accumulator(collapse(arriving.constant)))
        elif kind in ("IF", "LIF"):
            kept = _kept(node, self.where)
            stage = kept.get("stage", name)
            neuron, gain = self._neuron(name, node, kept, tuple(arriving.constant.shape))
            arriving = arriving if gain is None else arriving.after(Scale(gain))
            self._add(stage, arriving, replace(neuron, bias=collapse(arriving.constant)))
            self.found[name] = _Sum(((stage, ()),), torch.zeros_like(arriving.constant))
        else:
            self.found[name] = arriving.after(*map_of(name, node, tuple(arriving.constant.shape)))

    def _neuron(self, name: str, node: Any, kept: dict[str, Any], shape: Shape) -> tuple[Stepping, Tensor | None]:
        """The neurons of a node, and what their input is multiplied by, if anything."""
        level = collapse(tensor(node.v_threshold).expand(shape))
        if not bool((level > 0).all()):
            raise refused(name, node, " with a v_threshold of 0 or less")
        own = _record(kept.get("neuron"), self.where)
        if isinstance(own, Stepping):
            if self.reset is not None or self.dt is not None:
                raise InvalidSetting(
                    f"node `{name}` says how its neurons fire: reset and dt have nothing to say.",
                    "Settings for graphs of other tools.",
                    "Leave them out.",
                )
            factor = torch.full((1,) * len(shape), 1 / float(kept["factor"]), dtype=torch.float64)
            return replace(own, threshold=level), None if kept["factor"] == 1 else factor
        if bool((tensor(node.v_reset) != 0).any()):
            raise refused(name, node, " with a v_reset other than 0")
        reset: Reset = self.reset or "zero"
        r = collapse(tensor(node.r).expand(shape))
        if type(node).__name__ == "IF":
            r = r * (self.dt or 1.0)
            return _without_leak(level, reset), None if bool((r == 1).all()) else r
        if reset == "burst":
            raise refused(name, node, " with a leak and several spikes a step")
        if bool((tensor(node.v_leak) != 0).any()):
            raise refused(name, node, " with a v_leak other than 0")
        dt, tau = self.dt or DT, collapse(tensor(node.tau).expand(shape))
        if not bool((tau > dt).all()):
            raise refused(name, node, f" with τ of less than a time step, {dt:g} s")
        share = dt / tau
        rate = -torch.log1p(-share)
        made = LIF(threshold=_passed(level, reset), initial=ZERO, reset=reset, conductance=rate, dt=ZERO + 1)
        return made, share * r

    def _add(self, name: str, arriving: _Sum, neuron: Neuron) -> None:
        if not arriving.parts:
            raise InvalidModel(
                f"node `{name}` reads nothing that changes.", "Nodes that read the input.", "Cut it off."
            )
        groups = tuple(Group(source, chain, ZERO) for source, chain in arriving.parts)
        shape = tuple(arriving.constant.shape)
        self.stages.append(Stage(name, shape, groups, neuron, ZERO, ZERO + self.steps))


def _finite(node: Any) -> bool:
    """Whether all numbers of a node are, and are real."""
    numbers = [np.asarray(value) for value in vars(node).values() if not isinstance(value, dict | str)]
    return all(one.dtype.kind != "c" and (one.dtype.kind != "f" or bool(np.isfinite(one).all())) for one in numbers)


def _order(graph: "nir.NIRGraph") -> list[str]:
    """Nodes after all that they read.  Raises `UnsupportedOperation` for nodes and wirings that have no form here."""
    kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
    unknown = [f"`{name}` ({kind})" for name, kind in kinds.items() if kind not in KNOWN]
    if unknown:
        raise UnsupportedOperation(
            f"the graph has nodes that have no form here: {', '.join(unknown)}.",
            f"{', '.join(KNOWN)}.",
            "Export the network without them; average pools in place of others.",
        )
    ends = [list(kinds.values()).count(kind) for kind in ("Input", "Output")]
    if ends != [1, 1]:
        raise UnsupportedOperation(
            f"the graph has {ends[0]} inputs and {ends[1]} outputs.", "One of each.", "Export each part by itself."
        )
    before: dict[str, set[str]] = {name: set() for name in kinds}
    for source, target in graph.edges:
        before[target].add(source)
    order: list[str] = []
    while before:
        ready = [name for name, sources in before.items() if not sources - set(order)]
        if not ready:
            raise UnsupportedOperation(
                f"nodes {', '.join(f'`{name}`' for name in before)} read each other in a circle.",
                "Graphs that run forwards.",
                "Recurrent networks have no form here.",
            )
        order += ready
        before = {name: sources for name, sources in before.items() if name not in ready}
    return order


def _without_leak(level: Tensor, reset: Reset) -> Stepping:
    if reset == "burst":
        return BurstIF(threshold=level, initial=ZERO, most=math.inf)
    return IF(threshold=_passed(level, reset), initial=ZERO, reset=reset)


def _passed(level: Tensor, reset: Reset) -> Tensor:
    """The threshold of neurons that fire above θ; those with a soft reset fire at θ, as in sinabs."""
    return level if reset == "soft" else level * (1 + ABOVE)


KNOWN = "Input", "Output", "IF", "LIF", *STATELESS


def _kept(node: Any, where: str) -> dict[str, Any]:
    """What isospike wrote into a node's metadata."""
    text = node.metadata.get(KEY)
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, TypeError) as error:
        raise _damaged(where) from error
    return found if isinstance(found, dict) else {}


def _damaged(where: str) -> InvalidFile:
    return InvalidFile(f"`{where}`: metadata of isospike are damaged.", "What export wrote.", "Export it again.")


def _record(tree: Any, where: str) -> Record | None:
    if tree is None:
        return None
    try:
        tensors = {
            name: torch.tensor(entry["values"], dtype=DTYPES[entry["dtype"]])
            for name, entry in tree["tensors"].items()
        }
        made = from_tree(tree["record"], tensors)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(where) from error
    if not isinstance(made, Record):
        raise _damaged(where)
    return made


DTYPES = {str(kind): kind for kind in (torch.float64, torch.float32, torch.uint8, torch.int64, torch.bool)}


def _wanted(step: Map, shape: Shape) -> Chain:
    """A map, unless it changes nothing."""
    match step:
        case Dense(weight=weight) if weight.shape[0] == weight.shape[1] and bool(
            (weight == torch.eye(len(weight))).all()
        ):
            return ()
        case Conv(weight=weight) if weight.shape[2:] == (1, 1) and {*step.stride, step.groups} == {1}:
            same = len(weight) == weight.shape[1] and not any(step.padding)
            return () if same and bool((weight[:, :, 0, 0] == torch.eye(len(weight))).all()) else (step,)
    return (step,)
