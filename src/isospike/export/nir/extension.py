"""An extension of NIR that loses nothing: any network, first spikes too, as a graph that isospike reads bit for bit.

| what                                  | node                                                                  |
|---------------------------------------|-----------------------------------------------------------------------|
| dense map of flat values, convolution | NIR's own `Linear`, `Conv1d`, `Conv2d`; the bias of these is 0        |
| other maps of synapses                | `isospike.MAP`, such as `isospike.Permute`                            |
| neurons of a stage                    | `isospike.NEURON`, such as `isospike.FirstSpikeIF`                    |

The metadata of the graph hold under `isospike` a JSON text: the version of the extension, and the network as a tree
(ir/record.py) in which a tensor is a path.  The metadata of a node hold under `isospike` the path that its tensors
begin with, and its tensors themselves: windows, ramps, gates, thresholds, in their precision.  Weights of NIR's own
nodes are where NIR has them.

NIR knows no type `isospike.…`, so that `nir.read` fails, and no other tool takes the graph for a network of rates."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isospike import store
from isospike.engine import SpikingNetwork, spiking
from isospike.errors import InvalidFile, InvalidSetting, first_line
from isospike.export.base import Exported
from isospike.export.nir.maps import KEY, nir_module, node_name
from isospike.ir.ops.base import Map, Shape
from isospike.ir.ops.conv import Conv
from isospike.ir.ops.dense import Dense
from isospike.ir.record import Record, to_tree
from isospike.network import Body, Stage
from isospike.network.file import built
from isospike.simulate import Simulator, simulate

EXTENSION = 2  # version of the extension; of first spikes version 1 had θ in place of D
WRITTEN = "Files written by `isospike export --to nir --target isospike`."
OWN = "isospike."  # that types begin with which NIR has not
Content = dict[str, Any]  # of an HDF5 group, or of what becomes one


@dataclass(frozen=True, repr=False)
class ExtendedNIR(Exported):
    """`content`: what the file holds, groups and datasets by name."""

    network: SpikingNetwork
    content: Content

    @classmethod
    def of(cls, network: SpikingNetwork) -> "ExtendedNIR":
        """The graph of any spiking network.  Raises `InvalidSetting` for other precisions than files have."""
        spiking(network, "ExtendedNIR.of")
        if network.dtype not in (torch.float32, torch.float64):
            raise InvalidSetting(
                f"the network is in {network.dtype}.", "float32, float64.", "Convert it: network.to(torch.float32)."
            )
        return cls(network, _content(network.body.map_tensors(lambda _, t: t.detach().cpu())))

    @property
    def nodes(self) -> dict[str, str]:
        """The nodes of stages, by stage."""
        return nodes_of(self.network.body, self.content)

    def to_dict(self) -> Content:
        """As `nir.write` asks for it."""
        return self.content

    def bytes(self) -> bytes:
        """The file: HDF5, as `nir.write` writes graphs."""
        file = io.BytesIO()
        nir_module().write(file, self)
        return file.getvalue()

    def write(self, path: Path) -> None:
        """Keep the graph; the file appears whole or not at all."""
        store.write(path, self.bytes())

    def differing(self, x: Tensor, simulator: Simulator | None = None) -> int:
        """Of the file as it is read back, against `network`."""
        found = SpikingNetwork(body_of("the graph", content_of(io.BytesIO(self.bytes()))))
        return differing(found, self.network, x, simulator)


def differing(found: SpikingNetwork, wanted: SpikingNetwork, x: Tensor, simulator: Simulator | None = None) -> int:
    """How many spike times, spikes and read-outs of two networks differ.  x: (batch, *input shape)."""
    ours, theirs = (simulate(one, wanted.own(x), simulator) for one in (found, wanted))
    pairs = [(ours.readout, theirs.readout)]
    pairs += [(ours.codes[stage], code) for stage, code in theirs.codes.items()]
    pairs += [(ours.trains[stage], train) for stage, train in theirs.trains.items()]
    return sum(int((a != b).sum()) for a, b in pairs)


def nodes_of(body: Body, content: Content) -> dict[str, str]:
    """The nodes of a network's stages, by stage."""
    named = {node.get("metadata", {}).get(KEY): name for name, node in content["nodes"].items()}
    return {stage.name: named[f"stages.{i}"] for i, stage in enumerate(body.stages)}


def content_of(file: str | io.BytesIO) -> Content:
    """What a file in NIR's format holds.  Raises whatever is wrong with it, as h5py and nir do."""
    import h5py

    with h5py.File(file, "r") as opened:
        found: Content = nir_module().serialization.hdf2dict(opened["node"])
        return found


def extended(content: Content) -> bool:
    """Whether a file is one of the extension."""
    return any(str(node["type"]).startswith(OWN) for node in content["nodes"].values())


def body_of(where: str, content: Content) -> Body:
    """The network of a file of the extension.  where: the file, for messages.  Raises `InvalidFile`."""
    try:
        header = json.loads(content["metadata"][KEY])
        version, tree = header["extension"], header["network"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(where, f"its metadata hold no network: {first_line(error)}") from error
    if version not in (1, EXTENSION):
        raise InvalidFile(
            f"`{where}` has version {version} of isospike's extension.",
            f"This isospike reads versions 1 and {EXTENSION}.",
            "Update isospike, or export the network again.",
        )
    tensors: dict[str, Tensor] = {}
    for name, holder in (("graph", content), *content["nodes"].items()):
        try:
            for path, value in _kept(holder):
                if path in tensors:
                    raise ValueError(f"`{path}` is there twice")
                tensors[path] = torch.from_numpy(np.array(value))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(where, f"`{name}` holds what is no tensor of a network: {first_line(error)}") from error
    body = built(where, tree, tensors, WRITTEN)
    _agree(where, content, _content(body))
    return body


def _kept(holder: Content) -> Iterator[tuple[str, Any]]:
    """Tensors of the graph, or of a node, by path."""
    metadata = holder.get("metadata", {})
    begin = metadata[KEY] + "." if "edges" not in holder and KEY in metadata else ""
    if begin and "weight" in holder:
        yield begin + "weight", holder["weight"]
    yield from ((begin + name, value) for name, value in metadata.items() if name != KEY)


def _agree(where: str, found: Content, wanted: Content) -> None:
    """Raises `InvalidFile` where the nodes of NIR's own and the edges are not those of the network in the metadata."""
    edges = [tuple(one.decode() if isinstance(one, bytes) else one for one in edge) for edge in found["edges"]]
    if edges != wanted["edges"] or found["nodes"].keys() != wanted["nodes"].keys():
        raise _damaged(where, "its nodes and edges are not those of the network in its metadata")
    for name, node in wanted["nodes"].items():
        for field in node.keys() - {"metadata"}:
            if not np.array_equal(np.asarray(node[field]), np.asarray(found["nodes"][name].get(field))):
                raise _damaged(where, f"`{field}` of node `{name}` is not that of the network in its metadata")


def _damaged(where: str, what: str) -> InvalidFile:
    return InvalidFile(f"`{where}` cannot be read: {what}.", WRITTEN, "Export the network again.")


def _content(body: Body) -> Content:
    """The graph of a network, as a file holds it."""
    nir = nir_module()
    shapes, names = body.shapes, {"input": "input"}
    nodes: Content = {"input": nir.Input({"input": np.array(body.encoder.shape)}).to_dict()}
    nodes["input"]["metadata"] = _metadata("encoder", body.encoder)
    edges: list[tuple[str, str]] = []
    for i, stage in enumerate(body.stages):
        name = names[stage.name] = node_name(stage.name, nodes)
        ends = []
        for k, group in enumerate(stage.groups):
            before, shape = names[group.source], shapes[group.source]
            for j, step in enumerate(group.chain):
                link = node_name(f"{stage.name}_{k}_{j}", nodes)
                nodes[link] = _link(step, shape, f"stages.{i}.groups.{k}.chain.{j}")
                edges.append((before, link))
                before, shape = link, step.out_shape(shape)
            ends.append(before)
        nodes[name] = {"type": OWN + type(stage.neuron).__name__, "metadata": _of_stage(stage, f"stages.{i}")}
        edges += [(end, name) for end in ends]
    nodes["output"] = nir.Output({"output": np.array(body.stages[-1].shape)}).to_dict()
    edges.append((names[body.stages[-1].name], "output"))
    header = json.dumps({"extension": EXTENSION, "network": to_tree(body)})
    rest = {path: t for path, t in body.tensors().items() if not path.startswith(("encoder.", "stages."))}
    metadata = {KEY: header, **{path: _numbers(t) for path, t in rest.items()}}
    return {"type": "NIRGraph", "nodes": nodes, "edges": edges, "metadata": metadata}


def _link(step: Map, shape: Shape, path: str) -> Content:
    """The node of a map."""
    nir = nir_module()
    match step:
        case Dense(weight=weight) if len(shape) == 1:
            node = nir.Linear(_numbers(weight)).to_dict()
        case Conv(weight=weight) if weight.ndim in (3, 4):
            kind = nir.Conv2d if weight.ndim == 4 else nir.Conv1d
            bias = np.zeros(len(weight), _numbers(weight).dtype)
            sizes = (step.stride, step.padding, step.dilation)
            stride, padding, dilation = sizes if weight.ndim == 4 else (size[0] for size in sizes)
            inner = shape[1:] if weight.ndim == 4 else shape[1]
            node = kind(inner, _numbers(weight), stride, padding, dilation, step.groups, bias).to_dict()
        case _:
            return {"type": OWN + type(step).__name__, "metadata": _metadata(path, step)}
    return node | {"metadata": {KEY: path}}


def _of_stage(stage: Stage, path: str) -> Content:
    """The tensors of a stage that are none of a map's."""
    own = {"begin": stage.begin, "end": stage.end}
    own |= {f"groups.{k}.delay": group.delay for k, group in enumerate(stage.groups)}
    own |= {f"neuron.{name}": t for name, t in stage.neuron.tensors().items()}
    return {KEY: path, **{name: _numbers(t) for name, t in own.items()}}


def _metadata(path: str, record: Record) -> Content:
    return {KEY: path, **{name: _numbers(t) for name, t in record.tensors().items()}}


def _numbers(t: Tensor) -> Any:
    """A tensor as `nir.write` takes it: a number where it is one, else an array."""
    return t.numpy()[()] if t.ndim == 0 else t.contiguous().numpy()
