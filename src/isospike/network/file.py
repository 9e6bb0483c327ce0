"""How networks are kept as files: safetensors with a JSON header."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from isospike.errors import InvalidFile
from isospike.ir.record import from_tree, to_tree
from isospike.network.body import Body
from isospike.network.module import SpikingNetwork

FORMAT = 3


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
