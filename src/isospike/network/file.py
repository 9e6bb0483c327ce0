"""How networks are kept as files: safetensors with a JSON header."""

import json
import math
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

from isospike import store
from isospike.errors import InvalidFile
from isospike.ir.record import from_tree, named, to_tree
from isospike.network.body import Body
from isospike.network.retime import balanced

FORMAT, READABLE = 4, (3, 4)
LARGEST = 1 << 40  # neurons of a stage
ADDRESSES = "http:", "https:", "ftp:", "hf:", "s3:", "gs:"  # that a path begins with which is none
MODELS = ".onnx", ".pt2"  # that users take for a spiking network
CONVERTED, AGAIN = "Files written by `isospike convert`.", "Convert the model again."
SLACK = 1e-2  # of ramp and slope: single precision's sums of many weights stay within it, an edited ramp does not
LENGTH = 8  # bytes in front of safetensors' own header that say how long it is


@runtime_checkable
class Readable(Protocol):
    """A file that is open for reading in binary mode."""

    def read(self, size: int = -1, /) -> bytes: ...


def write(body: Body, path: Path) -> None:
    """Keep a network as safetensors with a JSON header; the file appears whole or not at all.  Raises
    `InvalidFile`."""
    header = json.dumps({"format": FORMAT, "network": to_tree(body)})
    tensors = {name: t.detach().contiguous().cpu() for name, t in body.tensors().items()}
    store.write(path, to_bytes(tensors, metadata={"isospike": header}))


def read(path: Path) -> Body:
    """A network that `write` kept.  Header and shapes are looked at before any number is read.  Raises
    `InvalidFile`."""
    if path.parts and path.parts[0] in ADDRESSES:
        address = path.as_posix().replace(":/", "://", 1)
        remedy = f"Download it first: curl -LO {address}; then open {path.name}."
        raise InvalidFile(f"`{address}` is an address; isospike opens nothing from a network.", "Files here.", remedy)
    if not path.is_file():
        raise InvalidFile(
            f"`{path}` does not exist or is not a file.",
            CONVERTED,
            "Make it with `isospike convert MODEL --data DATA --out FILE`.",
        )
    if path.suffix in MODELS:
        raise InvalidFile(
            f"`{path}` is a model, and no spiking network yet.",
            CONVERTED,
            f"Run: isospike convert {path} --data DATA --out {path.stem}.safetensors",
        )
    try:
        with safe_open(path, "pt") as file:
            tree = _tree(path, file.metadata() or {})
            names = list(file.keys())
            shapes = {name: torch.empty(file.get_slice(name).get_shape(), device="meta") for name in names}
            built(path, tree, shapes)
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise _cut(str(path), error) from error
    return built(path, tree, tensors)


def read_open(file: Readable) -> Body:
    """The same of an open file, from where it stands to its end.  Raises `InvalidFile`."""
    name = "the open file"
    try:
        content = file.read()
    except (OSError, ValueError, TypeError) as error:
        raise InvalidFile(f"{name} cannot be read: {error}", "Files open in binary mode.", "open(…, 'rb')") from error
    if not isinstance(content, bytes):
        raise InvalidFile(
            f"{name} gives {type(content).__name__}, not bytes.", "Files open in binary mode.", "open(…, 'rb')"
        )
    try:
        tensors = from_bytes(content)
        length = int.from_bytes(content[:LENGTH], "little")
        metadata = json.loads(content[LENGTH : LENGTH + length]).get("__metadata__", {})
    except (SafetensorError, ValueError, RuntimeError, RecursionError) as error:
        raise _cut(name, error) from error
    return built(name, _tree(name, metadata), tensors)


def _cut(name: str, error: Exception) -> InvalidFile:
    return InvalidFile(
        f"`{name}` is not a whole safetensors file: {error}",
        CONVERTED,
        "It may be cut short: convert the model again.",
    )


def _tree(path: Path | str, metadata: dict[str, str]) -> Any:
    try:
        header: Any = json.loads(metadata["isospike"])
        version, tree = header["format"], header["network"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InvalidFile(
            f"`{path}` holds tensors but no spiking network.",
            CONVERTED,
            "Convert the model: isospike convert MODEL --data DATA --out FILE.",
        ) from error
    if version not in READABLE:
        known = " and ".join(map(str, READABLE))
        raise InvalidFile(
            f"`{path}` has format {version}.",
            f"This version of isospike reads formats {known}.",
            "Update isospike, or convert the model again.",
        )
    return tree


def built(path: Path | str, tree: Any, tensors: dict[str, Tensor], supported: str = CONVERTED) -> Body:
    """The network of a tree and its tensors by path, its shapes and numbers looked at.  path: where they are from;
    supported: which files are read; both for messages.  Raises `InvalidFile`."""
    try:
        body = from_tree(tree, tensors)
        if not isinstance(body, Body) or named(tree) != tensors.keys():
            raise InvalidFile("header and tensors do not belong together.")
        _check_shapes(body)
        kinds = {t.dtype for t in tensors.values()} - {torch.uint8}  # of what is counted, such as patterns
        if len(kinds) > 1 or not kinds <= {torch.float32, torch.float64}:
            raise InvalidFile(f"its numbers are {', '.join(sorted(map(str, kinds)))}.", "All float32, or all float64.")
        if not any(t.is_meta for t in tensors.values()):
            _check_times(body)
            _check_values(body)
    except InvalidFile as error:
        raise InvalidFile(
            f"`{path}` cannot be read: {error.what}",
            error.supported or supported,
            error.remedy or AGAIN,
        ) from error
    except (TypeError, ValueError, AttributeError, RuntimeError, LookupError, ArithmeticError) as error:
        raise InvalidFile(f"`{path}` is damaged: {error}", supported, AGAIN) from error
    return body


def _check_shapes(body: Body) -> None:
    """Every stage's groups lead from its source's shape to its own."""
    shapes = {"input": _sizes("input", body.encoder.shape)}
    if not body.stages:
        raise InvalidFile("it has no stages.")
    for stage in body.stages:
        _sizes(stage.name, stage.shape)
        for group in stage.groups:
            shape = shapes.get(group.source)
            if shape is None:
                raise InvalidFile(f"stage `{stage.name}` reads `{group.source}`, which does not come before it.")
            for step in group.chain:
                shape = step.out_shape(shape)
            if group.chain and shape != stage.neuron.driven(stage.shape):
                raise InvalidFile(f"stage `{stage.name}` has shape {stage.shape}, its synapses lead to {shape}.")
        shapes[stage.name] = stage.shape
        for name, tensor in stage.neuron.tensors().items():
            if tensor.ndim and name.partition(".")[0] not in stage.neuron.shared:
                torch.broadcast_shapes(tensor.shape, stage.neuron.driven(stage.shape))


def _check_times(body: Body) -> None:
    """Windows end after they begin."""
    for stage in body.stages:
        window = stage.neuron.tensors().get("window")
        if window is not None and (bool((window < 0).any()) or bool(stage.begin > stage.end)):
            raise InvalidFile(f"the window of stage `{stage.name}` ends before it begins.")


def _check_values(body: Body) -> None:
    """Ranges run upwards, leads stand for something, and ramps are those that the neurons' slopes ask for."""
    if bool((body.encoder.low > body.encoder.high).any()):
        raise InvalidFile("the input's range runs from high to low.")
    for stage in body.stages:
        unit = stage.neuron.tensors().get("unit")
        if unit is not None and not bool((unit > 0).all()):
            raise InvalidFile(f"stage `{stage.name}` has neurons whose leads stand for 0 or less (`unit`).")
    for stage, due in zip(body.stages, balanced(body).stages, strict=True):
        if due is not stage:
            own, wanted = stage.neuron.tensors(), due.neuron.tensors()
            scale = own["ramp"].abs() + own["fall"].abs() + own["slope"].abs()
            if any(bool(((own[part] - wanted[part]).abs() > SLACK * scale).any()) for part in ("ramp", "fall")):
                raise InvalidFile(f"the ramps of stage `{stage.name}` are not those of its slopes, s = α + δ + Σ J.")


def _sizes(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    if any(type(size) is not int or size < 1 for size in shape) or math.prod(shape) > LARGEST:
        raise InvalidFile(
            f"stage `{name}` has the shape {shape}.",
            f"Whole sizes from 1 on, at most {LARGEST:,} neurons a stage.",
            AGAIN,
        )
    return tuple(shape)
