"""An ONNX model (opset 9 and later) as a graph.  The import runs both and compares: it proves itself."""

from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from isospike.errors import InvalidModel, first_line
from isospike.importers.onnx_file import DEFAULT, OnnxFile, array_of, optional
from isospike.importers.onnx_reference import reference
from isospike.importers.rules import Collector
from isospike.importers.verify import Within, verify
from isospike.ir.graph import Graph, Value

# What the meaning of an operation depends on besides its inputs and attributes.
_MEANING = {
    "Split": ["outputs"],
    "BatchNormalization": ["outputs"],
    "Slice": ["batch"],
    "Softmax": ["opset"],
    "LogSoftmax": ["opset"],
}
# Operations that may have no input and still are no constants.
_RANDOM = {
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
}


def from_onnx(model: Any, example: Tensor | None = None, within: Within | None = None) -> Graph:
    """The graph of an ONNX file (`str` or `Path`) or of a model in memory; it is compared with the model on samples
    that fill `within`.

    Raises `UnsupportedOperation` (all unsupported places at once) and `InvalidModel`.
    """
    file = model if isinstance(model, OnnxFile) else OnnxFile(model)
    graph = _read(file)
    own, dtype = file.session()
    verify(graph, file.name, file.evaluator(), own, dtype, example, within)
    return graph


def _read(file: OnnxFile) -> Graph:
    onnx, proto, name, output = optional("onnx"), file.doubled, file.name, file.output
    shapes = _shapes(onnx.shape_inference.infer_shapes(proto))
    values: dict[str, Any] = {
        entry.name: _tensor(array_of(entry, entry.name), entry.name) for entry in proto.graph.initializer
    }
    collect = Collector("onnx")
    values[file.input] = collect.build.input(_input_shape(file.input, shapes, name))
    values[""] = None  # an optional input that was left out
    uses = [used for node in proto.graph.node for used in node.input] + [output]

    for node in proto.graph.node:
        path = node.name.strip("/") or node.output[0]
        unknown = [source for source in node.input if source not in values]
        if unknown:
            raise InvalidModel(
                f"`{path}` ({node.op_type}) reads `{unknown[0]}`, which nothing makes.",
                remedy=f"{name} is damaged: export it again.",
            )
        inputs = [values[source] for source in node.input]
        target = node.op_type if node.domain in DEFAULT else f"{node.domain}.{node.op_type}"
        guess = Value("", shapes.get(node.output[0], (0,))[1:])
        if _foldable(node, inputs):
            try:
                results: list[Any] = _fold(node, inputs, file)
            except Exception as error:
                if not collect.problems:  # behind an unsupported place shapes are guesses
                    what = f"`{path}` ({node.op_type}) cannot be evaluated: {first_line(error)}"
                    raise InvalidModel(what, remedy="Simplify the model, or export it again.") from error
                results = [guess]
        else:
            attributes = {a.name: _attribute(onnx.helper.get_attribute_value(a)) for a in node.attribute}
            known = {"outputs": len(node.output), "batch": file.size, "opset": file.opset}
            attributes |= {name: known[name] for name in _MEANING.get(target, ())}
            last = node.output[0] == output and uses.count(output) == 1
            if target in _RANDOM:
                collect.problems.append(f"`{path}` ({target}) draws random numbers, anew whenever the model runs.")
                values.update(dict.fromkeys(node.output, guess))
                continue
            result = collect.call(target, path, inputs, attributes, guess, last)
            results = result if isinstance(result, list) else [result]
        values.update({made: results[i] if i < len(results) else guess for i, made in enumerate(node.output) if made})
        extra = [made for made in node.output[len(results) :] if made in uses]
        if extra and results[0] is not guess:  # its other outputs have no rule
            collect.problems.append(f"`{path}` ({target}): the use of its output `{extra[0]}` is not supported.")
    if not isinstance(values.get(output), Value):
        raise InvalidModel(f"the output of {name} does not depend on its input.", "Models with one output tensor.")
    return collect.finish(values[output])


def _shapes(proto: Any) -> dict[str, tuple[int, ...]]:
    """The declared or inferred shapes; −1 is a size that is not known."""
    entries = [*proto.graph.input, *proto.graph.value_info, *proto.graph.output]
    return {
        entry.name: tuple(
            size.dim_value if size.HasField("dim_value") else -1 for size in entry.type.tensor_type.shape.dim
        )
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
    if (
        node.domain not in DEFAULT
        or node.op_type in _RANDOM
        or any(a.HasField("g") or a.graphs for a in node.attribute)
    ):
        return False
    return node.op_type in ("Shape", "Size") or not any(isinstance(v, Value) for v in inputs)


def _fold(node: Any, inputs: list[Any], file: OnnxFile) -> list[Any]:
    helper = import_module("onnx.helper")
    # Of a computed value only the shape is read; a batch of one stands for every batch, where the file is not
    # for one size only.
    arrays = [
        torch.zeros(()).expand(file.size or 1, *v.shape).numpy()
        if isinstance(v, Value)
        else None
        if v is None
        else v.numpy()
        for v in inputs
    ]
    feeds = {source: array for source, array in zip(node.input, arrays, strict=True) if source}
    # In a graph, because the evaluator takes a single node for one of the newest opset.
    made = [name for name in node.output if name]
    untyped = helper.make_empty_tensor_value_info
    graph = helper.make_graph([node], "constant", [untyped(name) for name in feeds], [untyped(name) for name in made])
    found = dict(zip(made, reference(graph, file.opset).run(None, feeds), strict=True))
    return [_tensor(found[name], name) if name else None for name in node.output]


def _tensor(array: Any, name: str) -> Tensor:
    numpy = import_module("numpy")
    try:
        return torch.from_numpy(numpy.array(array))  # a copy: the file's own buffer cannot be written
    except TypeError as error:
        raise InvalidModel(
            f"the constant `{name}` has the data type {numpy.asarray(array).dtype}.",
            "Integers, float16, float32 and float64.",
        ) from error


def _attribute(value: Any) -> Any:
    match value:
        case bytes():
            return value.decode()
        case list() | tuple():
            return [_attribute(item) for item in value]
    return value
