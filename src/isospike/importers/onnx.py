"""An ONNX model (opset 9 and later) as a graph.  The import runs both and compares: it proves itself."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from isospike.errors import InvalidModel, IsospikeError
from isospike.importers.rules import Collector, verify
from isospike.ir.graph import Graph, Value

if TYPE_CHECKING:
    from onnx import ModelProto

_DEFAULT = ("", "ai.onnx")  # both name ONNX's own domain
_RANDOM = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"}  # not constants, though nothing enters
_DTYPES = {"tensor(float)": torch.float32, "tensor(double)": torch.float64, "tensor(float16)": torch.float16}


def from_onnx(model: "str | Path | ModelProto") -> Graph:
    """The graph of an ONNX file (`str` or `Path`) or of a model in memory.

    Raises `UnsupportedOperation` (all unsupported places at once) and `InvalidModel`.
    """
    proto = _load(model)
    graph, shape = _read(proto, _name(model))
    run, dtype = _session(model)
    verify(graph, run, shape, dtype, source="onnxruntime")
    return graph


def onnx_session(model: "str | Path | ModelProto") -> Callable[[Tensor], Tensor]:
    """The original model, run by onnxruntime, as a function of a batch: the oracle that a conversion is checked against."""
    return _session(model)[0]


def _optional(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise IsospikeError(f"reading ONNX models needs `{module}`, which is not installed.", remedy="Run: pip install 'isospike[onnx]'") from error


def _name(model: Any) -> str:
    return str(model) if isinstance(model, str | Path) else "the ONNX model"


def _load(model: Any) -> Any:
    onnx = _optional("onnx")
    name = _name(model)
    if isinstance(model, str | Path):
        if not Path(model).is_file():
            raise InvalidModel(f"{name} does not exist or is not a file.", remedy="Check the path.")
        try:
            model = onnx.load(str(model))
        except Exception as error:  # protobuf, external data and file errors share no base class
            raise InvalidModel(f"{name} cannot be read as ONNX: {_first_line(error)}", "Complete .onnx files.", "Export or download it again.") from error
    if not model.graph.node or not model.opset_import:
        raise InvalidModel(f"{name} holds no ONNX network.", "Complete .onnx files.", "Export or download it again.")
    opset = next((entry.version for entry in model.opset_import if entry.domain in _DEFAULT), 0)
    if opset < 9:
        raise InvalidModel(f"{name} is written in ONNX opset {opset}.", "Opset 9 and later.", "Export it again, or use onnx.version_converter.")
    return onnx.inliner.inline_local_functions(model) if model.functions else model


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _read(proto: Any, name: str) -> tuple[Graph, tuple[int, ...]]:
    onnx = _optional("onnx")
    opset = next(entry.version for entry in proto.opset_import if entry.domain in _DEFAULT)
    shapes = _shapes(onnx.shape_inference.infer_shapes(proto))
    values: dict[str, Any] = {entry.name: _tensor(onnx.numpy_helper.to_array(entry), entry.name) for entry in proto.graph.initializer}
    collect = Collector("onnx")
    entry, output = _ends(proto, name, set(values))
    values[entry] = collect.build.input(_input_shape(entry, shapes, name))
    values[""] = None  # an optional input that was left out
    uses = [used for node in proto.graph.node for used in node.input] + [output]

    for node in proto.graph.node:
        path = node.name.strip("/") or node.output[0]
        unknown = [source for source in node.input if source not in values]
        if unknown:
            raise InvalidModel(f"`{path}` ({node.op_type}) reads `{unknown[0]}`, which nothing makes.", remedy=f"{name} is damaged: export it again.")
        inputs = [values[source] for source in node.input]
        target = node.op_type if node.domain in _DEFAULT else f"{node.domain}.{node.op_type}"
        guess = Value("", shapes.get(node.output[0], (0,))[1:])
        if _foldable(node, inputs):
            try:
                results: list[Any] = _fold(node, inputs, opset)
            except Exception as error:
                if not collect.problems:  # behind an unsupported place shapes are guesses
                    what = f"`{path}` ({node.op_type}) cannot be evaluated: {_first_line(error)}"
                    raise InvalidModel(what, remedy="Simplify the model, or export it again.") from error
                results = [guess]
        else:
            attributes = {a.name: _attribute(onnx.helper.get_attribute_value(a)) for a in node.attribute}
            if target in ("Split", "BatchNormalization"):  # their meaning depends on it
                attributes["outputs"] = len(node.output)
            last = node.output[0] == output and uses.count(output) == 1
            result = collect.call(target, path, [_exact(v) for v in inputs], attributes, guess, last)
            results = result if isinstance(result, list) else [result]
        values.update({made: results[i] if i < len(results) else guess for i, made in enumerate(node.output) if made})
        extra = [made for made in node.output[len(results) :] if made in uses]
        if extra and results[0] is not guess:  # its other outputs have no rule
            collect.problems.append(f"`{path}` ({target}): the use of its output `{extra[0]}` is not supported.")
    if not isinstance(values.get(output), Value):
        raise InvalidModel(f"the output of {name} does not depend on its input.", "Models with one output tensor.")
    return collect.finish(values[output]), values[entry].shape


def _ends(proto: Any, name: str, stored: set[str]) -> tuple[str, str]:
    """Names of the one input and of the one output; older files list their weights among the inputs."""
    inputs = [entry.name for entry in proto.graph.input if entry.name not in stored]
    outputs = [entry.name for entry in proto.graph.output]
    for side, found in (("input", inputs), ("output", outputs)):
        if len(found) != 1:
            raise InvalidModel(f"{name} has {len(found)} {side}s: {', '.join(found)}.", f"Models with one {side} tensor.", f"Export a model with one {side}.")
    return inputs[0], outputs[0]


def _shapes(proto: Any) -> dict[str, tuple[int, ...]]:
    """The declared or inferred shapes; −1 is a size that is not known."""
    entries = [*proto.graph.input, *proto.graph.value_info, *proto.graph.output]
    return {
        entry.name: tuple(size.dim_value if size.HasField("dim_value") else -1 for size in entry.type.tensor_type.shape.dim)
        for entry in entries
        if entry.type.tensor_type.HasField("shape")
    }


def _input_shape(entry: str, shapes: dict[str, tuple[int, ...]], name: str) -> tuple[int, ...]:
    shape = shapes.get(entry, ())
    if len(shape) < 2 or any(size < 1 for size in shape[1:]):
        written = "?" if not shape else ", ".join("?" if size < 1 else str(size) for size in shape)
        raise InvalidModel(
            f"the input `{entry}` of {name} has the shape ({written}).",
            "Inputs of a batch, of any size, of samples whose sizes are all known.",
            "Export it with fixed sizes beyond the batch, or set them with onnx.tools.update_model_dims.",
        )
    return shape[1:]


def _foldable(node: Any, inputs: list[Any]) -> bool:
    """Whether the node's value is the same for every input: all it reads is constant, or it reads a shape."""
    if node.domain not in _DEFAULT or node.op_type in _RANDOM or any(a.HasField("g") or a.graphs for a in node.attribute):
        return False
    return node.op_type in ("Shape", "Size") or not any(isinstance(v, Value) for v in inputs)


def _fold(node: Any, inputs: list[Any], opset: int) -> list[Any]:
    helper, reference = import_module("onnx.helper"), import_module("onnx.reference")
    # Of a computed value only the shape is read; a batch of one stands for every batch.
    arrays = [torch.zeros(()).expand(1, *v.shape).numpy() if isinstance(v, Value) else None if v is None else v.numpy() for v in inputs]
    feeds = {source: array for source, array in zip(node.input, arrays, strict=True) if source}
    # In a graph, because the evaluator takes a single node for one of the newest opset.
    made = [name for name in node.output if name]
    untyped = helper.make_empty_tensor_value_info
    graph = helper.make_graph([node], "constant", [untyped(name) for name in feeds], [untyped(name) for name in made])
    found = dict(zip(made, reference.ReferenceEvaluator(graph, opsets={"": opset}).run(None, feeds), strict=True))
    return [_tensor(found[name], name) if name else None for name in node.output]


def _tensor(array: Any, name: str) -> Tensor:
    numpy = import_module("numpy")
    try:
        return torch.from_numpy(numpy.array(array))  # a copy: the file's own buffer cannot be written
    except TypeError as error:
        raise InvalidModel(f"the constant `{name}` has the data type {numpy.asarray(array).dtype}.", "Integers, float16, float32 and float64.") from error


def _exact(value: Any) -> Any:
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


def _attribute(value: Any) -> Any:
    match value:
        case bytes():
            return value.decode()
        case list() | tuple():
            return [_attribute(item) for item in value]
    return value


def _session(model: Any) -> tuple[Callable[[Tensor], Tensor], torch.dtype]:
    runtime = _optional("onnxruntime")
    name = _name(model)
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle, it must not keep the cores from PyTorch
    # onnxruntime moves the zeros of a Pad into the max pool after it, where they count as −∞: wrong for negative values.
    wrong = ["Pad_Fusion"]
    source = str(model) if isinstance(model, str | Path) else model.SerializeToString()
    try:
        session = runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"], disabled_optimizers=wrong)
    except Exception as error:  # onnxruntime's errors share no public base class
        raise InvalidModel(f"onnxruntime cannot load {name}: {_first_line(error)}", remedy="Check it with onnx.checker, or export it again.") from error
    entry = session.get_inputs()[0]
    if entry.type not in _DTYPES:
        raise InvalidModel(f"the input `{entry.name}` of {name} is a {entry.type}.", "Inputs of floating-point numbers.", "Export it without its first cast.")
    dtype, fixed = _DTYPES[entry.type], entry.shape[0] if isinstance(entry.shape[0], int) else None

    def chunk(x: Tensor) -> Tensor:
        size = fixed or len(x)
        full = torch.cat((x, x[-1:].expand(size - len(x), *x.shape[1:])))
        try:
            (out,) = session.run(None, {entry.name: full.numpy()})
        except Exception as error:
            raise InvalidModel(f"onnxruntime cannot run {name} on {size} inputs: {_first_line(error)}", remedy="Check the shape of the inputs.") from error
        return torch.from_numpy(out)[: len(x)]

    def call(x: Tensor) -> Tensor:
        return torch.cat([chunk(part) for part in x.detach().cpu().to(dtype).split(fixed or max(len(x), 1))])

    return call, dtype
