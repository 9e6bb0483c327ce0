"""A PyTorch model, or a program exported from one, as a graph.  The import runs both and compares: it proves itself."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from isospike.errors import InvalidModel
from isospike.importers.rules import Collector, verify
from isospike.ir.graph import Graph, Value
from isospike.ir.ops.clip import Clip


def from_torch(model: nn.Module | ExportedProgram, example: Tensor) -> Graph:
    """The graph of a model in evaluation mode.

    example: (batch, *input shape), any values: only its shape is used.
    Raises `UnsupportedOperation` (all unsupported places at once) and `InvalidModel`.
    """
    weights = model.parameters() if isinstance(model, nn.Module) else model.state_dict.values()
    example = example.to(next((w.dtype for w in weights if w.is_floating_point()), example.dtype))
    program = model if isinstance(model, ExportedProgram) else _export(model, example)
    graph = _read(program, tuple(example.shape[1:]))
    run = of_any_batch(model) if isinstance(model, ExportedProgram) else model
    if isinstance(model, nn.Module) and any(isinstance(node.op, Clip) and node.op.levels for node in graph):
        model, example = copy.deepcopy(model).double(), example.double()  # rounding to float32 takes some value over a step
        run = model
    was_training = isinstance(model, nn.Module) and model.training
    if was_training:
        model.eval()  # type: ignore[union-attr]
    try:
        verify(graph, _callable(run), tuple(example.shape[1:]), example.dtype, source="the PyTorch model")
    finally:
        if was_training:
            model.train()  # type: ignore[union-attr]
    return graph


def _callable(run: Callable[..., Any]) -> Callable[[Tensor], Tensor]:
    def call(x: Tensor) -> Tensor:
        out = run(x)
        return out[0] if isinstance(out, tuple | list) else out

    return call


def of_any_batch(program: ExportedProgram) -> Callable[[Tensor], Tensor]:
    """A program as a function of batches of any size: it may have been exported for one size only."""
    run, (name,) = _callable(program.module()), program.graph_signature.user_inputs
    size = next(node.meta["val"].shape[0] for node in program.graph.nodes if node.name == name)
    return lambda x: run(x) if not isinstance(size, int) else torch.cat([run(x[[i] * size])[:1] for i in range(len(x))])


def _export(model: nn.Module, example: Tensor) -> ExportedProgram:
    training = model.training
    model.eval()
    try:
        # A batch of two: sizes 0 and 1 are special to the exporter.
        probe = example[:1].expand(2, *example.shape[1:]).contiguous()
        return torch.export.export(model, (probe,), strict=False)
    except Exception as error:
        where = str(error).strip().splitlines()
        raise InvalidModel(
            f"the model cannot be exported for inputs of shape {tuple(example.shape[1:])}: {where[0] if where else type(error).__name__}",
            "A model that torch.export accepts: one input tensor, no branching on values.",
            "Check the input's shape and the model's dtype, or export it yourself and pass the .pt2 file.",
        ) from error
    finally:
        model.train(training)


def _read(program: ExportedProgram, shape: tuple[int, ...]) -> Graph:
    signature = program.graph_signature
    stored: dict[str, Tensor] = {**dict(program.named_parameters()), **dict(program.named_buffers())}
    constants = {
        **{name: stored[target] for name, target in signature.inputs_to_parameters.items()},
        **{name: stored.get(target, program.constants.get(target)) for name, target in signature.inputs_to_buffers.items()},
        **{name: program.constants[target] for name, target in signature.inputs_to_lifted_tensor_constants.items()},
    }
    if len(signature.user_inputs) != 1:
        raise InvalidModel(f"the model has {len(signature.user_inputs)} inputs.", "Models with one input tensor.", "Wrap it in a module that takes one.")
    if len(signature.user_outputs) != 1:
        raise InvalidModel(f"the model has {len(signature.user_outputs)} outputs.", "Models with one output tensor.", "Wrap it in a module that returns one.")

    collect = Collector("torch")
    values: dict[Any, Any] = {}
    output: Any = None

    def resolve(arg: Any) -> Any:
        return torch.fx.node.map_arg(arg, lambda node: values[node])

    for node in program.graph.nodes:
        if node.op == "placeholder":
            values[node] = constants[node.name] if node.name in constants else collect.build.input(shape)
        elif node.op == "output":
            output = resolve(node.args[0][0])
        elif node.op == "call_function":
            meta = node.meta.get("val")
            if isinstance(meta, int | torch.SymInt):  # a size: the batch, or known
                values[node] = int(meta.node.hint) if isinstance(meta, torch.SymInt) else meta  # type: ignore[arg-type]
                continue
            args, kwargs = resolve(node.args), resolve(node.kwargs)
            if not _touches(args, kwargs):
                values[node] = node.target(*args, **kwargs)
                continue
            last = all(user.op == "output" for user in node.users)
            values[node] = collect.call(str(node.target), _path(node), args, kwargs, _stand_in(meta), last)
            if isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable:
                # In place: whoever reads the argument from here on, under any name, sees the new value.
                values.update({name: values[node] for name, value in values.items() if value is args[0]})
    if not isinstance(output, Value):
        raise InvalidModel("the model's output does not depend on its input.", "Models with one output tensor.", "Check what its forward returns.")
    return collect.finish(output)


def _stand_in(meta: Any) -> Any:
    """What the rest of the network reads where an operation is unsupported: values of the right shapes."""
    if isinstance(meta, tuple | list):
        return [_stand_in(part) for part in meta]
    return Value("", tuple(meta.shape[1:])) if isinstance(meta, Tensor) else None


def _touches(args: Any, kwargs: Any) -> bool:
    """Whether an argument depends on the input."""
    found = False

    def look(item: Any) -> None:
        nonlocal found
        if isinstance(item, list | tuple):
            for part in item:
                look(part)
        found = found or isinstance(item, Value)

    look([args, list(kwargs.values())])
    return found


def _path(node: torch.fx.Node) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    path = list(stack.values())[-1][0] if stack else ""
    return path.removeprefix("L['self'].") or node.name
