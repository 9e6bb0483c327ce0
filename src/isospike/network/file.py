"""The spiking network: an encoder, stages of neurons, a read-out; how it is kept as a module and as a file."""

import json
import os
import tempfile
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from isospike.errors import InvalidFile, InvalidSetting
from isospike.ir.ops.affine import Chain, through
from isospike.ir.ops.base import Shape
from isospike.ir.record import Record, from_tree, to_tree
from isospike.neurons.base import Drive, Neuron

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Group(Record):
    """Synapses from one source: their weights as a chain of maps, and the axonal delay [time] that brings its window to this stage's."""

    source: str
    chain: Chain
    delay: Tensor


@dataclass(frozen=True, eq=False)
class Stage(Record):
    """One layer of neurons: synapse groups, the neuron model with its parameters, and when its window begins and ends [time]."""

    name: str
    shape: Shape
    groups: tuple[Group, ...]
    neuron: Neuron
    begin: Tensor
    end: Tensor


@dataclass(frozen=True, eq=False)
class Encoder(Record):
    """Turns a batch of inputs, one sample of the given shape and within [low, high], into the codes of the input neurons."""

    shape: Shape
    low: Tensor
    high: Tensor

    @property
    def end(self) -> float:
        """When the input's window ends [time]; 0 where the code has none."""
        return 0.0

    @abstractmethod
    def encode(self, x: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *shape"]:
        """Codes of a batch.  x: (batch, *shape)."""

    def clocked(self, x: Tensor, ticks: int, half: bool) -> Tensor:
        """Codes of a batch when spikes fall on the ticks of a clock, rounded to the nearest if `half`, else down."""
        raise InvalidSetting(f"{type(self).__name__} has no clocked face.", remedy="Simulate it with another simulator.")

    def outside(self, x: Tensor) -> int:
        """How many values of x lie outside the declared range."""
        return 0


@dataclass(frozen=True, eq=False)
class Body(Record):
    """All of a network: encoder, stages in order (the last is the read-out), and what is known of how it was made.

    `macs`: what the original computes a sample; `notes`: what the import left out; `reach`: by layer, the largest activation that its
    window was made for, and the largest that any input in the declared range can cause.
    """

    encoder: Encoder
    stages: tuple[Stage, ...]
    coding: str
    macs: int = 0
    notes: tuple[str, ...] = ()
    reach: tuple[tuple[str, float, float], ...] = ()

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of one sample's codes, by what synapses may read: the input and every stage."""
        return {"input": self.encoder.shape} | {stage.name: stage.shape for stage in self.stages}


class SpikingNetwork(nn.Module):
    """A network of spiking neurons.  Its tensors are parameters by path, so `to`, `state_dict` and `parameters` work as usual."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        for path, tensor in body.tensors().items():
            self.register_parameter(path.replace(".", "/"), nn.Parameter(tensor.detach().clone(), requires_grad=False))
        self._skeleton = body.map_tensors(lambda _, t: t.new_empty(0))

    @property
    def body(self) -> Body:
        """The network as a record over the current parameters."""
        return self._skeleton.map_tensors(lambda path, _: self.get_parameter(path.replace(".", "/")))

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order, the last being the read-out."""
        return self.body.stages

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the parameters."""
        return next(self.parameters()).dtype

    @property
    def latency(self) -> float:
        """When the read-out answers [time]."""
        return float(self.stages[-1].end)

    def forward(self, x: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *output"]:
        """The read-out, in closed form.  x: (batch, *input shape)."""
        body = self.body
        return run(body, body.encoder.encode(x), lambda stage, drive, _: stage.neuron.closed_form(drive))


Step = Callable[[Stage, Drive, dict[str, Tensor]], Tensor]  # (stage, its drive, the codes it may read) ↦ its code
Watch = Callable[[Stage, Tensor], None]
Perturb = Callable[[Stage, Tensor], Tensor]


def run(body: Body, encoded: Tensor, step: Step, watch: Watch | None = None, perturb: Perturb | None = None) -> Tensor:
    """The read-out for a batch of encoded inputs: every stage in turn, each code kept no longer than it is read.

    `watch(stage, code)` sees each stage's code once; `perturb(stage, code)` may change a code before it is handed on.
    """
    last = {group.source: i for i, stage in enumerate(body.stages) for group in stage.groups}
    if encoded.ndim == 4:
        encoded = encoded.contiguous(memory_format=torch.channels_last)  # convolutions are up to twice as fast
    codes = {"input": encoded}
    for i, stage in enumerate(body.stages):
        code = step(stage, _drive(stage, codes), codes)
        if perturb is not None and i + 1 < len(body.stages):
            code = perturb(stage, code)
        if watch is not None:
            watch(stage, code)
        codes[stage.name] = code
        for name in [name for name in codes if last.get(name, i) <= i and name != stage.name]:
            del codes[name]
    return codes[body.stages[-1].name]


def _drive(stage: Stage, codes: dict[str, Tensor]) -> Drive:
    def drive(bias: Tensor | None) -> Tensor:
        first, *others = stage.groups
        total = through(first.chain, codes[first.source], bias)
        for group in others:
            part = through(group.chain, codes[group.source])
            total = total + part if bias is None else total.add_(part)  # with a bias, total is a tensor of its own
        return total

    return drive


def save(network: SpikingNetwork, path: str | Path) -> None:
    """Write a network as safetensors with a JSON header; the file appears whole or not at all.  Raises `InvalidFile`."""
    path = Path(path)
    header = {"format": FORMAT, "network": to_tree(network.body)}
    data = to_bytes({name: t.detach().contiguous().cpu() for name, t in network.body.tensors().items()}, metadata={"isospike": json.dumps(header)})
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                os.chmod(file.name, 0o644)
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise InvalidFile(
            f"`{path}` cannot be written: {error.strerror or error}.",
            "A folder that exists, may be written to and has room.",
            "Nothing was changed; make room or choose another place.",
        ) from error


def load(path: str | Path) -> SpikingNetwork:
    """Read a network written by `save`.  Raises `InvalidFile`."""
    path = Path(path)
    if not path.is_file():
        raise InvalidFile(
            f"`{path}` does not exist or is not a file.",
            "Files written by `isospike convert`.",
            "Make it with `isospike convert MODEL --data DATA --out FILE`.",
        )
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InvalidFile(
            f"`{path}` is not a whole safetensors file: {error}", "Files written by `isospike convert`.", "It may be cut short: convert the model again."
        ) from error
    try:
        header: Any = json.loads(metadata["isospike"])
        version, tree = header["format"], header["network"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InvalidFile(
            f"`{path}` holds tensors but no spiking network.",
            "Files written by `isospike convert`.",
            "Convert the model: isospike convert MODEL --data DATA --out FILE.",
        ) from error
    if version != FORMAT:
        raise InvalidFile(f"`{path}` has format {version}.", f"This version of isospike reads format {FORMAT}.", "Update isospike, or convert the model again.")
    try:
        body = from_tree(tree, tensors)
        if not isinstance(body, Body) or set(body.tensors()) != set(tensors):
            raise InvalidFile("header and tensors do not belong together.")
        _check_shapes(body)
    except (InvalidFile, TypeError, ValueError, AttributeError, RuntimeError, LookupError) as error:
        detail = error.what if isinstance(error, InvalidFile) else str(error)
        raise InvalidFile(f"`{path}` is damaged: {detail}", "Files written by `isospike convert`.", "Convert the model again.") from error
    return SpikingNetwork(body)


def _check_shapes(body: Body) -> None:
    """Every stage's groups lead from its source's shape to its own."""
    shapes = {"input": tuple(body.encoder.shape)}
    if not body.stages:
        raise InvalidFile("it has no stages.")
    for stage in body.stages:
        for group in stage.groups:
            shape = shapes.get(group.source)
            if shape is None:
                raise InvalidFile(f"stage `{stage.name}` reads `{group.source}`, which does not come before it.")
            for step in group.chain:
                shape = step.out_shape(shape)
            if group.chain and shape != stage.shape:
                raise InvalidFile(f"stage `{stage.name}` has shape {stage.shape}, its synapses lead to {shape}.")
        shapes[stage.name] = stage.shape
        for name, tensor in stage.neuron.tensors().items():
            if tensor.ndim and "pool" not in name:
                torch.broadcast_shapes(tensor.shape, stage.shape)
