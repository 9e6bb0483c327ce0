"""A model as a graph, and as the function that it was."""

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from isospike.errors import InvalidModel
from isospike.importers.archive import from_archive
from isospike.importers.onnx import from_onnx, onnx_session
from isospike.importers.torch import from_torch, of_any_batch
from isospike.ir.graph import Graph

Model = nn.Module | ExportedProgram | Graph | Path  # a path leads to an ONNX file or to a torch.export archive (.pt2)


def read(model: Model, example: Tensor) -> Graph:
    """The graph of a model for inputs like `example`, (batch, *input shape)."""
    match model:
        case Graph():
            return model
        case Path() if model.suffix == ".pt2":
            return from_torch(from_archive(model), example)
        case Path():
            return from_onnx(model)
        case nn.Module() | ExportedProgram():
            return from_torch(model, example)
    raise InvalidModel(
        f"a {type(model).__name__} is not a model.",
        "nn.Module, ExportedProgram, Graph, or the Path of an .onnx or .pt2 file.",
        "For a file: pathlib.Path(name).",
    )


def original(model: Model, graph: Graph, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """The model as a function of a batch in this precision, run by what it was made for: PyTorch, or ONNX Runtime.

    The imported graph, which was verified against it, stands in where that cannot be: in another precision than an ONNX file's, and
    where a soft-max was taken off the output.
    """
    match model:
        case Path() if model.suffix == ".pt2":
            return original(from_archive(model), graph, dtype)
        case nn.Module() if not graph.notes:
            module = copy.deepcopy(model).eval().to(dtype)
            return torch.no_grad()(lambda x: module(x.clone()))  # the first operation may be in place
        case ExportedProgram() if dtype == next((w.dtype for w in model.state_dict.values() if w.is_floating_point()), dtype) and not graph.notes:
            return torch.no_grad()(of_any_batch(model))
        case Path() if dtype == torch.float32 and not graph.notes:
            return onnx_session(model)
    exact = graph.to(dtype)
    return torch.no_grad()(lambda x: exact(x))
