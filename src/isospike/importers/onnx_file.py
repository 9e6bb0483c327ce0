"""An ONNX file, and the two that run it as it is: onnxruntime in its own precision, ONNX's reference evaluator in
double."""

from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isospike.errors import InvalidModel, IsospikeError, first_line
from isospike.importers.onnx_reference import reference
from isospike.importers.verify import Original

DEFAULT = ("", "ai.onnx")  # both name ONNX's own domain
_DTYPES = {"tensor(float)": torch.float32, "tensor(double)": torch.float64, "tensor(float16)": torch.float16}
_DOUBLE = 11  # TensorProto.DOUBLE
_SOFTMAX = ("Softmax", "LogSoftmax")


def optional(module: str) -> Any:
    """A module that only ONNX models need.  Raises `IsospikeError` where it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise IsospikeError(
            f"reading ONNX models needs `{module}`, which is not installed.",
            remedy="Run: pip install 'isospike[onnx]'",
        ) from error


class OnnxFile:
    """A file (`str` or `Path`), or a model in memory.  Raises `InvalidModel` for what is no ONNX network of opset 9 or
    later."""

    def __init__(self, source: Any) -> None:
        onnx = optional("onnx")
        self.source, self.name = source, str(source) if isinstance(source, str | Path) else "the ONNX model"
        if isinstance(source, str | Path):
            if not Path(source).is_file():
                raise InvalidModel(f"{self.name} does not exist or is not a file.", remedy="Check the path.")
            try:
                source = onnx.load(str(source))
            except Exception as error:  # protobuf, external data and file errors share no base class
                what = f"{self.name} cannot be read as ONNX: {first_line(error)}"
                raise InvalidModel(what, "Complete .onnx files.", "Export or download it again.") from error
        if not source.graph.node or not source.opset_import:
            raise InvalidModel(
                f"{self.name} holds no ONNX network.", "Complete .onnx files.", "Export or download it again."
            )
        self.opset = next((entry.version for entry in source.opset_import if entry.domain in DEFAULT), 0)
        if self.opset < 9:
            raise InvalidModel(
                f"{self.name} is written in ONNX opset {self.opset}.",
                "Opset 9 and later.",
                "Export it again, or use onnx.version_converter.",
            )
        self.proto = optional("onnx.inliner").inline_local_functions(source) if source.functions else source
        imported = {*DEFAULT, *(entry.domain for entry in source.opset_import)}
        for node in self.proto.graph.node:
            if node.domain not in imported:
                what = (
                    f"`{node.name or node.output[0]}` ({node.op_type}) is of the domain `{node.domain}`, of which "
                    f"{self.name} imports no opset."
                )
                raise InvalidModel(what, "Complete .onnx files.", "Check it with onnx.checker, or export it again.")
        sparse = [entry.values.name for entry in self.proto.graph.sparse_initializer]
        sparse += [
            node.output[0]
            for node in self.proto.graph.node
            for attribute in node.attribute
            if attribute.HasField("sparse_tensor")
        ]
        if sparse:
            what = f"the constant `{sparse[0]}` of {self.name} is stored as a sparse tensor."
            raise InvalidModel(what, "Constants that are stored whole.", "Export it again with dense constants.")
        # Older files list their weights among the inputs
        stored = {entry.name for entry in self.proto.graph.initializer}
        inputs = [entry.name for entry in self.proto.graph.input if entry.name not in stored]
        outputs = [entry.name for entry in self.proto.graph.output]
        for side, found in (("input", inputs), ("output", outputs)):
            if len(found) != 1:
                what = f"{self.name} has {len(found)} {side}s: {', '.join(found)}."
                raise InvalidModel(what, f"Models with one {side} tensor.", f"Export a model with one {side}.")
        self.input, self.output = inputs[0], outputs[0]

    @cached_property
    def doubled(self) -> Any:
        """The same model in double precision: its own, that of its input, is replaced wherever it occurs."""
        onnx = optional("onnx")
        proto = onnx.ModelProto()
        proto.CopyFrom(self.proto)
        own = next(entry.type.tensor_type.elem_type for entry in proto.graph.input if entry.name == self.input)
        _double(proto.graph, own)
        for entry in proto.opset_import:
            entry.domain = _one_name(entry.domain)
        return proto

    @property
    def size(self) -> int | None:
        """The batch that it was exported for, if it was for one only."""
        entry = next(entry for entry in self.proto.graph.input if entry.name == self.input)
        sizes = entry.type.tensor_type.shape.dim
        return sizes[0].dim_value if sizes and sizes[0].dim_value else None

    def session(self, logits: bool = False) -> tuple[Original, torch.dtype]:
        """The model as a function of a batch, run by onnxruntime, and its precision.  logits: without a soft-max at
        its end."""
        runtime = optional("onnxruntime")
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        # Idle, it must not keep the cores from PyTorch
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # onnxruntime moves the zeros of a Pad into the max pool after it, where they count as −∞: wrong for
        # negative values.
        wrong = ["Pad_Fusion"]
        whole = isinstance(self.source, str | Path) and not logits
        source = str(self.source) if whole else self._ending(self.proto, logits).SerializeToString()
        try:
            session = runtime.InferenceSession(
                source, options, providers=["CPUExecutionProvider"], disabled_optimizers=wrong
            )
        except Exception as error:  # onnxruntime's errors share no public base class
            raise InvalidModel(
                f"onnxruntime cannot load {self.name}: {first_line(error)}",
                remedy="Check it with onnx.checker, or export it again.",
            ) from error
        (entry,) = (entry for entry in session.get_inputs() if entry.name == self.input)
        if entry.type not in _DTYPES:
            what = f"the input `{self.input}` of {self.name} is a {entry.type}."
            raise InvalidModel(what, "Inputs of floating-point numbers.", "Export it without its first cast.")
        return self._batched(session, _DTYPES[entry.type], "onnxruntime"), _DTYPES[entry.type]

    def evaluator(self, logits: bool = False) -> Original:
        """The model as a function of a batch, run in double precision by ONNX's reference evaluator.  logits: as
        above."""
        proto = self._ending(self.doubled, logits)
        return self._batched(reference(proto), torch.float64, "onnx.reference")

    def _ending(self, proto: Any, logits: bool) -> Any:
        """The model up to what a soft-max at its end reads."""
        last = next(node for node in proto.graph.node if self.output in node.output)
        if not (logits and last.op_type in _SOFTMAX and last.domain in DEFAULT):
            return proto
        cut = optional("onnx").ModelProto()
        cut.CopyFrom(proto)
        cut.graph.output[0].name = last.input[0]
        cut.graph.node.remove(last)
        return cut

    def _batched(self, runner: Any, dtype: torch.dtype, by: str) -> Original:
        def chunk(x: Tensor) -> Tensor:
            size = self.size or len(x)
            full = torch.cat((x, x[-1:].expand(size - len(x), *x.shape[1:])))
            try:
                (out,) = runner.run(None, {self.input: full.numpy()})
            except Exception as error:
                what = f"{by} cannot run {self.name} on {size} inputs: {first_line(error)}"
                raise InvalidModel(
                    what, remedy="Check the shape of the inputs, and the file with onnx.checker."
                ) from error
            return torch.from_numpy(out)[: len(x)]

        return lambda x: torch.cat(
            [chunk(part) for part in x.detach().cpu().to(dtype).split(self.size or max(len(x), 1))]
        )


def array_of(tensor: Any, name: str) -> Any:
    """A stored constant.  Raises `InvalidModel` if it is damaged."""
    try:
        return import_module("onnx.numpy_helper").to_array(tensor)
    except Exception as error:  # external data, sizes and types that do not fit share no base class
        what = f"the constant `{name}` cannot be read: {first_line(error)}"
        raise InvalidModel(what, "Complete .onnx files.", "Export or download it again.") from error


def _one_name(domain: str) -> str:
    """ONNX's own domain has two names, of which its evaluator knows one."""
    return "" if domain in DEFAULT else domain


def _double(graph: Any, own: int) -> None:
    numpy_helper, helper = import_module("onnx.numpy_helper"), import_module("onnx.helper")

    def double(tensor: Any, name: str) -> None:
        if tensor.data_type == own:
            tensor.CopyFrom(numpy_helper.from_array(array_of(tensor, name).astype("float64"), tensor.name))

    for tensor in graph.initializer:
        double(tensor, tensor.name)
    for entry in (*graph.input, *graph.value_info, *graph.output):
        if entry.type.tensor_type.elem_type == own:
            entry.type.tensor_type.elem_type = _DOUBLE
    for node in graph.node:
        node.domain = _one_name(node.domain)
        names = {attribute.name for attribute in node.attribute}
        if node.op_type == "ConstantOfShape" and "value" not in names:
            node.attribute.append(
                helper.make_attribute("value", numpy_helper.from_array(import_module("numpy").zeros(1)))
            )
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
                number = helper.get_attribute_value(attribute)
                attribute.CopyFrom(
                    helper.make_attribute(
                        "value", numpy_helper.from_array(import_module("numpy").array(number, "float64"))
                    )
                )
            elif attribute.name in ("to", "dtype") and attribute.i == own:
                attribute.i = _DOUBLE
            elif attribute.HasField("t"):
                double(attribute.t, node.output[0])
            elif attribute.HasField("g"):
                _double(attribute.g, own)
