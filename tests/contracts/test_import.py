"""Every network of the zoo, and random ones, keep their values through PyTorch and through ONNX."""

import io
import random
import warnings
from pathlib import Path

import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from isospike.errors import InvalidModel, UnsupportedOperation
from isospike.importers.onnx import from_onnx
from isospike.importers.onnx_file import OnnxFile
from isospike.importers.torch import from_torch
from isospike.ir.graph import Graph
from isospike.passes import canonical
from random_networks import random_network
from zoo import ZOO, inputs

SHARED = sorted((Path(__file__).parents[3] / "shared" / "models").glob("*.onnx"))

# What PyTorch's exporter does with them, so that a change of the exporter is noticed.
NOT_EXPORTED = {
    "parametrised weights": "aten::vdot",
    "adaptive average, uneven": "output size that are not factor of input size",
}
SCATTERED = {"writes through views", "writes into the input"}  # ONNX has an operation for them that has no rule
EXPORTED_WRONG = {  # ONNX keeps the patch that PyTorch drops: the file's own shapes do not fit
    "max pool ceil, last patch dropped",
    "average pool ceil, last patch dropped",
}


def exported(model: nn.Module, x: Tensor) -> onnx.ModelProto:
    file = io.BytesIO()
    with warnings.catch_warnings():
        for message in ("You are using the legacy TorchScript-based ONNX export", "The feature will be removed"):
            warnings.filterwarnings("ignore", message, DeprecationWarning)
        warnings.filterwarnings("ignore", "ONNX Preprocess - Removing mutation", UserWarning)
        warnings.filterwarnings("ignore", "Constant folding - Only steps=1", UserWarning)
        axes = {"input": {0: "batch"}, "output": {0: "batch"}}
        torch.onnx.export(
            model, (x[:2],), file, dynamo=False, input_names=["input"], output_names=["output"], dynamic_axes=axes
        )
    return onnx.load_from_string(file.getvalue())


def values(graph: Graph, x: Tensor, name: str = "") -> Tensor:
    """The graph's output with the soft-max back on that the import took off."""
    y = graph(x.double())
    if not graph.notes:
        return y
    return y.log_softmax(1) if name.startswith("log") else y.softmax(1)


def assert_close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= tolerance * max(float(expected.abs().max()), 1e-3)


def original(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model.double()(x.double())


@pytest.mark.parametrize("name", ZOO)
def test_from_torch(name: str) -> None:
    model, shape = ZOO[name]()
    x = inputs(shape)
    graph = from_torch(model, x.float())
    assert_close(values(graph, x, name), original(model, x), 1e-9)
    assert bool(graph.notes) == ("softmax" in name)


@pytest.mark.parametrize(
    "name", [name for name in ZOO if name not in NOT_EXPORTED and name not in EXPORTED_WRONG | SCATTERED]
)
def test_from_onnx(name: str) -> None:
    model, shape = ZOO[name]()
    x = inputs(shape).float()
    proto = exported(model, x)
    graph = from_onnx(proto)
    # The exporter folds batch normalisation in float32: the file holds rounded weights.
    assert_close(values(graph, x, name), original(model, x), 1e-5)
    assert_close(OnnxFile(proto).session()[0](x).double(), original(model, x), 1e-5)


@pytest.mark.parametrize("name", NOT_EXPORTED)
def test_what_pytorch_does_not_export(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    model, shape = ZOO[name]()
    with pytest.raises(torch.onnx.errors.OnnxExporterError, match=NOT_EXPORTED[name]):
        exported(model, inputs(shape).float())


@pytest.mark.parametrize("name", sorted(SCATTERED))
def test_writes_of_an_onnx_file_are_refused(name: str) -> None:
    model, shape = ZOO[name]()
    with pytest.raises(UnsupportedOperation, match=r"ScatterND.* has no spiking counterpart"):
        from_onnx(exported(model, inputs(shape).float()))


@pytest.mark.parametrize("name", sorted(EXPORTED_WRONG))
def test_what_pytorch_exports_wrong_is_refused(name: str) -> None:
    model, shape = ZOO[name]()
    proto = exported(model, inputs(shape).float())
    with pytest.raises(InvalidModel, match="onnxruntime cannot load"):
        from_onnx(proto)


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_files_of_other_tools(path: Path) -> None:
    graph = from_onnx(path)
    x = 2.1 * torch.rand((4, *graph.input.shape), generator=torch.Generator().manual_seed(0)) - 0.7
    graph = canonical(graph.with_range(x.min(), x.max()))
    assert_close(values(graph, x), OnnxFile(path).session()[0](x).double(), 1e-5)


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_random_networks_from_torch(rng: random.Random) -> None:
    model, shape = random_network(rng)
    x = inputs(shape)
    graph = from_torch(model, x.float())
    assert_close(values(graph, x), original(model, x), 1e-9)
