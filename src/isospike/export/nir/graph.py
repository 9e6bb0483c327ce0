"""A rate network as a NIR graph, for one reader of such graphs or for any.

Weights and potentials are brought onto a grid (grid.py), so that a reader's single precision is exact; metadata keep
what NIR has no word for, so that isospike reads the same network back."""

import io
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from isospike import store
from isospike.encoders import RateEncoder
from isospike.engine import SpikingNetwork, spiking
from isospike.errors import InvalidSetting
from isospike.export.base import Exported
from isospike.export.nir.grid import rounded
from isospike.export.nir.maps import KEY, nir_module, node_name
from isospike.export.nir.plain import flattened, identity
from isospike.export.nir.read import read_graph
from isospike.export.nir.targets import EXTENDED, TARGETS, UNPROVEN, Target
from isospike.ir.ops.base import Map, Shape
from isospike.ir.ops.conv import Conv
from isospike.ir.ops.dense import Dense
from isospike.ir.record import Record, to_tree
from isospike.network import Body, Stage
from isospike.neurons import LIF, Accumulator, CountPool, SpikePool, Stepping
from isospike.simulate import Simulator, Stepped

if TYPE_CHECKING:
    import nir


@dataclass(frozen=True, repr=False)
class NIR(Exported):
    """`network`: the network whose spikes a reader sends, in double precision; `graph`: what is written; `nodes`: the
    graph's name of each stage that spikes; `target`: the reader; `step`: whole multiples of it, as a share of their
    range, are inputs for which every reader's sums are exact."""

    network: SpikingNetwork
    graph: "nir.NIRGraph"
    nodes: dict[str, str]
    target: str
    step: float

    @classmethod
    def of(cls, network: SpikingNetwork, target: str = "any") -> "NIR":
        """The graph of a rate network.  target: the reader that it is for, one of `TARGETS`.

        Raises `InvalidSetting` for what NIR, or that reader, cannot say."""
        reader = _target(target)
        nir_module()
        body = _sayable(network)
        for stage in body.stages:
            reader.wired(stage)
        found = rounded(flattened(body) if reader.flat else body, reader.half)
        for stage in found.body.stages[:-1]:
            reader.refuse(stage, found.drives[stage.name])
        body = replace(found.body, stages=tuple(_leaking(stage, reader) for stage in found.body.stages))
        graph, nodes = _graph(body, reader)
        return cls(SpikingNetwork(body), graph, nodes, target, found.step)

    def differing(self, x: Tensor, simulator: Simulator | None = None) -> int:
        """Of the graph as isospike reads it back, against `network`."""
        run = simulator or Stepped()
        found, wanted = (run.trace(one, x.double()) for one in (read_graph(self.graph), self.network))
        count = sum(int((found.trains[name] != train).sum()) for name, train in wanted.trains.items())
        return count + int((found.readout != wanted.readout).sum())

    def write(self, path: Path) -> None:
        """Keep the graph as NIR's own file format, HDF5."""
        content = io.BytesIO()
        nir_module().write(content, self.graph)
        store.write(path, content.getvalue())


def _target(name: str) -> Target:
    if name in UNPROVEN:
        raise InvalidSetting(
            f"target `{name}` is refused: {UNPROVEN[name]}",
            f"Readers that ran here: {', '.join(TARGETS)}.",
            "Write NIR's own equations, --target any, and compare the golden spikes with the chip's.",
        )
    if name not in TARGETS:
        raise InvalidSetting(
            f"target `{name}` is not known.",
            f"{', '.join(TARGETS)}, {EXTENDED}.",
            "Choose one of these: --target; any is NIR's.",
        )
    return TARGETS[name]


def _sayable(network: SpikingNetwork) -> Body:
    """What a network is made of, if it is one of spikes at every step that begin at 0.  Raises `InvalidSetting`."""
    spiking(network, "NIR.of")
    body = network.body.map_tensors(lambda _, t: t.detach().cpu().double())
    again = "Convert the model again: --coding rate --initial 0 --neuron if-zero."
    if not body.steps or not isinstance(body.encoder, RateEncoder):
        raise InvalidSetting(
            f"NIR has no node for the neurons of {body.coding.partition('(')[0] or 'this network'}.",
            "Rate codes; NIR has no first spike.",
            f"Export it for isospike alone: --target {EXTENDED}.  {again}",
        )
    if network.body.constraints:
        raise InvalidSetting("the network is on hardware that disturbs it.", "The network itself.", "Export it first.")
    for stage in body.stages:
        neuron = stage.neuron
        if isinstance(neuron, CountPool | SpikePool):
            raise InvalidSetting(
                f"stage `{stage.name}` is a max pool, which NIR has no node for.",
                "Average pools.",
                f"Train with average pools (nn.AvgPool2d), or export it for isospike alone: --target {EXTENDED}.",
            )
        if isinstance(neuron, Stepping) and neuron.signed:
            raise InvalidSetting(
                f"stage `{stage.name}` sends spikes of either sign, which NIR has no node for.",
                "Neurons of one threshold.",
                again,
            )
        if isinstance(neuron, Stepping) and bool(neuron.initial.any()):
            raise InvalidSetting(
                f"stage `{stage.name}` begins at a potential of {float(neuron.initial.max()):g} θ, which NIR cannot "
                "say; folded into the bias, it would move spikes.",
                "Potentials that begin at 0.",
                again.replace(" --neuron if-zero", ""),
            )
    if not isinstance(body.stages[-1].neuron, Accumulator):
        raise InvalidSetting("the read-out hears patterns, which NIR has no node for.", "Rate codes.", again)
    return body


def _leaking(stage: Stage, reader: Target) -> Stage:
    """The stage with the leak that the reader computes, which is not ours to the last digit."""
    if not isinstance(stage.neuron, LIF):
        return stage
    leak = torch.full_like(stage.neuron.conductance, -math.log(reader.left(stage.neuron)))
    return replace(stage, neuron=replace(stage.neuron, conductance=leak / stage.neuron.dt))


def _graph(body: Body, reader: Target) -> tuple["nir.NIRGraph", dict[str, str]]:
    nir = nir_module()
    shapes = body.shapes
    nodes: dict[str, Any] = {"input": nir.Input({"input": np.array(body.encoder.shape)})}
    edges: list[tuple[str, str]] = []
    names = {"input": "input"}
    for stage in body.stages:
        name = names[stage.name] = node_name(stage.name, nodes)
        neuron = stage.neuron
        spikes = isinstance(neuron, Stepping)
        factor = reader.factor(neuron) if isinstance(neuron, Stepping) else 1.0
        bias = neuron.current
        assert bias is not None
        ends = []
        for k, group in enumerate(stage.groups):
            before, shape = names[group.source], shapes[group.source]
            weighted = [i for i, step in enumerate(group.chain) if isinstance(step, Conv | Dense)]
            for i, step in enumerate(group.chain):
                own = bias * factor if k == 0 and i == weighted[-1] else None
                link = f"{name}_{k}_{i}"
                nodes[link] = _link(step, shape, own, factor if i == weighted[-1] else 1.0)
                edges.append((before, link))
                before, shape = link, step.out_shape(shape)
            ends.append(before)
        if spikes:
            nodes[name] = reader.node(stage)
            nodes[name].metadata[KEY] = _kept(stage, factor)
        else:  # readers take one value for the output
            nodes[name] = _link(identity(stage.shape), stage.shape, None, 1.0)
            nodes[name].metadata[KEY] = json.dumps({"stage": stage.name})
        edges += [(end, name) for end in ends]
    nodes["output"] = nir.Output({"output": np.array(body.stages[-1].shape)})
    edges.append((names[body.stages[-1].name], "output"))
    header = {"network": _tree(replace(body, stages=())), "target": reader.name}
    graph = nir.NIRGraph(nodes, edges, metadata={KEY: json.dumps(header)})
    return graph, {stage.name: names[stage.name] for stage in body.stages[:-1]}


def _link(step: Map, shape: Shape, bias: Tensor | None, factor: float) -> "nir.NIRNode":
    """The node of a plain map, with its bias."""
    nir = nir_module()
    match step:
        case Conv():
            zero = torch.zeros(len(step.weight)) if bias is None else bias.reshape(len(step.weight), -1)[:, 0]
            return nir.Conv2d(
                input_shape=(shape[1], shape[2]),
                weight=_single(step.weight * factor),
                stride=_pair(step.stride),
                padding=_pair(step.padding),
                dilation=_pair(step.dilation),
                groups=1,
                bias=_single(zero),
            )
        case Dense():
            zero = torch.zeros(len(step.weight)) if bias is None else bias.reshape(-1).expand(len(step.weight))
            return nir.Affine(weight=_single(step.weight * factor), bias=_single(zero))
    # Counted from the end, so that a batch in front changes nothing
    return nir.Flatten(input_type={"input": np.array(shape)}, start_dim=-len(shape), end_dim=-1)


def _pair(numbers: tuple[int, ...]) -> tuple[int, int]:
    return numbers[0], numbers[1]


def _single(t: Tensor) -> np.ndarray:
    return np.ascontiguousarray(t.float().numpy())


def _kept(stage: Stage, factor: float) -> str:
    return json.dumps({"stage": stage.name, "factor": factor, "neuron": _tree(stage.neuron)})


def _tree(record: Record) -> dict[str, Any]:
    tensors = {name: {"dtype": str(t.dtype), "values": t.tolist()} for name, t in record.tensors().items()}
    return {"record": to_tree(record), "tensors": tensors}
