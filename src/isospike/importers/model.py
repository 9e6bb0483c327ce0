"""A model as a graph, and as the function that it was."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from isospike.errors import InvalidModel
from isospike.importers.archive import from_archive
from isospike.importers.onnx import from_onnx
from isospike.importers.onnx_file import OnnxFile
from isospike.importers.program import Program
from isospike.importers.torch import export, from_torch, in_double, module, precision, twin
from isospike.importers.verify import Original, Within
from isospike.ir.graph import Graph

# A path leads to an ONNX file or to a torch.export archive (.pt2)
Model = nn.Module | ExportedProgram | Graph | str | Path


def read(model: Model, example: Tensor, within: Within | None = None) -> Graph:
    """The graph of a model for inputs like `example`, (batch, *input shape); it is compared with the model on samples
    that fill `within`.

    Raises `UnsupportedOperation` (all unsupported places at once) and `InvalidModel`.
    """
    match _opened(model):
        case Graph() as graph:
            return graph
        case OnnxFile() as file:
            return from_onnx(file, example, within)
        case nn.Module() | ExportedProgram() as run:
            return from_torch(run, example, within)


def original(model: Model, graph: Graph, example: Tensor, dtype: torch.dtype) -> Original:
    """The model as a function of a batch, run in this precision by what it was made for, without the soft-max that the
    import took off.

    A module runs as it is in its own precision and cast to double, and else as its exported program; an ONNX file runs
    in onnxruntime in single precision and in ONNX's reference evaluator in double.  Only a graph of ours runs
    itself.  example: (batch, *input shape), for its shape."""
    logits = bool(graph.notes)
    match _opened(model):
        case OnnxFile() as file:
            return file.evaluator(logits) if dtype == torch.float64 else file.session(logits)[0]
        case nn.Module() as run if logits or dtype not in (precision(run, example), torch.float64):
            return Program(
                export(run, example) if dtype != torch.float64 else in_double(run, example)[0], dtype, logits
            )
        case nn.Module() as run:
            same = module(run) if precision(run, example) == dtype else twin(run, graph)
            return same or Program(export(run, example), dtype)
        case ExportedProgram() as program:
            return Program(program, dtype, logits)
        case Graph() as own:
            exact = own.to(dtype)
            return torch.no_grad()(lambda x: exact(x))


def _opened(model: Model) -> nn.Module | ExportedProgram | Graph | OnnxFile:
    match model:
        case Graph() | nn.Module() | ExportedProgram():
            return model
        case str() | Path() if Path(model).suffix == ".pt2":
            return from_archive(Path(model))
        case str() | Path() if Path(model).suffix == ".onnx":
            return OnnxFile(model)
    written = f"`{model}`" if isinstance(model, str | Path) else f"a {type(model).__name__}"
    raise InvalidModel(
        f"{written} is not a model.",
        "nn.Module, ExportedProgram, Graph, or the path of an .onnx or .pt2 file.",
        "Load or export it first.",
    )
