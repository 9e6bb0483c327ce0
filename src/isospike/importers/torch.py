"""A PyTorch model, or a program exported from one, as a graph.  The import runs both and compares: it proves
itself."""

import copy
import gc
import inspect
import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from isospike.errors import InvalidModel, UnsupportedOperation, first_line
from isospike.importers.program import (
    Precision,
    Program,
    functional,
    input_of,
    is_foreign,
    only_tensor,
    output_of,
    schema_of,
    several_inputs,
    stored,
)
from isospike.importers.rules import Collector
from isospike.importers.verify import FIXED, Original, Within, probes, verify
from isospike.ir.graph import Graph, Value

_OF_A_SHAPE = {
    f"aten.{made}"
    for made in (
        "zeros_like",
        "ones_like",
        "full_like",
        "empty_like",
        "new_zeros",
        "new_ones",
        "new_full",
        "new_empty",
    )
}
# The place of the argument that ends a slice; its dimension stands two places before.
_ENDS = {"aten.slice.Tensor": 3, "aten.slice_scatter.default": 4}
# Samples that a model is exported with.  Sizes 0 and 1 are special to the exporter; a number that stands in the code
# by itself must not be it.
PROBES = 19
HEAVY = 1 << 28  # bytes of weights, from which on it matters when they are freed
SAME = 1e-10  # of the largest output: above what rounds in double precision, below what single precision does


def from_torch(model: nn.Module | ExportedProgram, example: Tensor, within: Within | None = None) -> Graph:
    """The graph of a module in evaluation mode, or of an exported program; it is compared with it on samples that fill
    `within`.

    example: (batch, *input shape).  Raises `UnsupportedOperation` (all unsupported places at once) and `InvalidModel`.
    """
    if isinstance(model, ExportedProgram):
        program = functional(model)
        graph, own = from_program(program, tuple(example.shape[1:])), input_of(program).meta["val"].dtype
        verify(
            graph, "the exported program", Program(program, torch.float64), Program(program, own), own, example, within
        )
        return graph
    graph, exact = _in_double(model, example)
    verify(graph, "the PyTorch model", exact, module(model), precision(model, example), example, within)
    del exact
    if sum(t.nbytes for t in graph.tensors().values()) > HEAVY:
        gc.collect()  # what the exporter made holds itself, and with it the weights in double precision
    return graph


def _in_double(model: nn.Module, example: Tensor) -> tuple[Graph, Original]:
    """A module's graph, and the module as a function in double precision; one that asks for its own precision in its
    code is cast as a program."""
    program, exact = in_double(model, example)
    try:
        return from_program(functional(program), tuple(example.shape[1:])), exact
    except UnsupportedOperation:
        program = functional(export(model, example))
        return from_program(program, tuple(example.shape[1:])), Program(program, torch.float64)


def in_double(model: nn.Module, example: Tensor) -> tuple[ExportedProgram, Original]:
    """The program of a module in double precision, and the module as a function in that precision.  Raises
    `InvalidModel`.

    Both are of a copy that is cast by `double()`, so that numbers written in its code are doubles too.  A module that
    cannot be copied, or does not run so, is exported as it is, and the program is cast."""
    try:
        twin = copy.deepcopy(model).double()
        program, exact = export(twin, example), module(twin)
        if not all(map(_of_doubles, program.graph.nodes)):
            exact(example[:1].double())  # the exporter lets pass what does not run
        return program, exact
    except Exception:  # a module's own; what is wrong with the module itself is told by the next line
        program = export(model, example)
        return program, Program(program, torch.float64)


def twin(model: nn.Module, graph: Graph) -> Original | None:
    """A module's copy that is cast by `double()`, as a function, if it computes in that precision what its graph does.

    This needs no exporter.  They are compared on numbers that single precision does not hold."""
    x = probes(graph, None, None)[:2]
    try:
        exact = module(copy.deepcopy(model).double())
        found, expected = exact(x), graph(x)
    except Exception:  # a module's own
        return None
    same = found.dtype == torch.float64 and found.shape == expected.shape
    return exact if same and bool((found - expected).abs().max() <= SAME * expected.abs().max()) else None


def _of_doubles(node: fx.Node) -> bool:
    """Whether a node is one of PyTorch's operations, and its value no real number of another precision."""
    value: Any = node.meta.get("val")
    real = isinstance(value, Tensor) and value.is_floating_point()
    return not is_foreign(node) and (value.dtype == torch.float64 if real else not isinstance(value, tuple | list))


def module(model: nn.Module) -> Original:
    """A module in evaluation mode as a function of a batch, in its own precision.

    A single sample is run as two: `x.squeeze()` would take the batch's dimension too.
    """

    @torch.no_grad()
    def run(x: Tensor) -> Tensor:
        modes = {part: part.training for part in model.modules()}
        model.eval()
        try:
            pair = x if len(x) != 1 else x.expand(2, *x.shape[1:])
            return only_tensor(model(pair.clone()))[: len(x)]  # the first operation may be in place
        finally:
            for part, mode in modes.items():
                part.training = mode

    return run


LOUD = "torch._subclasses.fake_tensor", "torch.fx.experimental.symbolic_shapes"


def _one_input(model: nn.Module) -> None:
    """Raise `InvalidModel` for a model that must be handed several tensors."""
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):  # written in another language
        return
    needed = [
        p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if len(needed) > 1:
        raise several_inputs(needed)


def export(model: nn.Module, example: Tensor) -> ExportedProgram:
    """The program of a model in evaluation mode, for batches of `PROBES` samples.

    example: (batch, *input shape), of which only the shape is used.  Raises `InvalidModel`.
    """
    _one_input(model)
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        probe = example[:1].to(precision(model, example)).expand(PROBES, *example.shape[1:]).contiguous()
        # Without gradients, as it is run: under them some writes in place are errors.  PyTorch would print
        # the traceback of what is told below.
        with torch.no_grad(), _quiet(*LOUD), redirect_stderr(io.StringIO()) as said:
            program = torch.export.export(model, (probe,), strict=False)
        sys.stderr.write(said.getvalue())
        return program
    except Exception as error:
        if "fake tensor" in str(error).lower():
            what = (
                "the model reads `.data` of a tensor, or makes one aside, while it runs, which torch.export cannot "
                "follow."
            )
            raise InvalidModel(
                what, "Weights that are used as they are.", "Use the weight itself: self.weight, not self.weight.data."
            ) from error
        if _runs(model, probe[:2]) and not _runs(model, probe):
            raise InvalidModel(
                f"the model cannot be run on {PROBES} inputs of shape {tuple(example.shape[1:])}: {first_line(error)}",
                *FIXED,
            ) from error
        raise InvalidModel(
            f"the model cannot be exported for inputs of shape {tuple(example.shape[1:])}: {first_line(error)}",
            "A model that torch.export accepts: one input tensor of real numbers, no branching on values.",
            "Check the input's shape and dtype: model.eval() must run on a batch of several.  Or export it yourself "
            "and pass the .pt2 file.",
        ) from error
    finally:
        for part, mode in modes.items():
            part.training = mode


def _runs(model: nn.Module, x: Tensor) -> bool:
    try:
        module(model)(x)
    except Exception:  # whatever a module may raise
        return False
    return True


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    loggers = {logger: logger.level for logger in map(logging.getLogger, names)}
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in loggers.items():
            logger.setLevel(level)


def precision(model: nn.Module, example: Tensor) -> torch.dtype:
    """The dtype that a model computes in: its weights', or else the example's."""
    return next((w.dtype for w in (*model.parameters(), *model.buffers()) if w.is_floating_point()), example.dtype)


def from_program(program: ExportedProgram, shape: tuple[int, ...]) -> Graph:
    """The graph of an exported program for samples of this shape.

    What does not depend on the input is computed once, in double precision.
    Raises `UnsupportedOperation` (all unsupported places at once) and `InvalidModel`.
    """
    entry = input_of(program)
    if tuple(entry.meta["val"].shape[1:]) != shape:
        raise InvalidModel(
            f"the model was exported for inputs of shape {tuple(entry.meta['val'].shape[1:])}, the samples have shape "
            f"{shape}.",
            "Samples of the shape that it was exported with.",
            "Reshape them, or export the model again with such a sample.",
        )
    program = functional(program)
    exact = Precision(program, torch.float64)
    constants = {name: exact.of(value) for name, value in stored(program).items()}
    output = output_of(program)
    collect = Collector("torch")
    values: dict[Any, Any] = {}
    batch = _size(entry.meta["val"].shape[0])
    for node in program.graph.nodes:
        if node.op == "placeholder":
            values[node] = constants[node.name] if node.name in constants else collect.build.input(shape)
        elif node.op == "get_attr":
            values[node] = None  # a graph that a foreign call runs
        elif node.op == "call_function":
            values[node] = _value(node, values, batch, exact, collect, last=node is output and _is_last(node))
    if not isinstance(values[output], Value):
        raise InvalidModel(
            "the model's output does not depend on its input.",
            "Models with one output tensor.",
            "Check what its forward returns.",
        )
    return collect.finish(values[output])


def _value(node: fx.Node, values: dict[Any, Any], batch: Any, exact: Precision, collect: Collector, last: bool) -> Any:
    made: Any = node.meta.get("val")
    if isinstance(made, int):  # a size that is known
        return made
    if isinstance(made, torch.SymInt) and made.node.hint is not None:  # the batch's
        return int(made.node.hint)
    if made is None and not node.users:
        return None  # an assertion of the exporter's
    if any(
        values[used] is None and not isinstance(used.meta.get("val"), Tensor) for used in node.all_input_nodes
    ) and not is_foreign(node):
        return _stand_in(made)  # of a size that values decide
    args, kwargs = _arguments(node, values, batch)
    touched = _touches((args, kwargs))
    if _draws(node, args, kwargs) and not (touched and str(node.target) in collect.rules):
        collect.problems.append(f"`{_path(node)}` ({_name(node)}) draws random numbers, anew whenever the model runs.")
        return _stand_in(made) if touched else torch.zeros(made.shape, dtype=torch.float64)
    if touched and _name(node) in _OF_A_SHAPE:
        args = fx.node.map_arg(node.args, lambda used: torch.zeros(used.meta["val"].shape, dtype=torch.float64))
        touched = False
    if touched and _name(node) == "aten.sym_size.int":
        return None  # of what is unsupported
    if touched or is_foreign(node):
        args, kwargs = exact.arguments((args, kwargs), computed=True)
        return collect.call(_target(node), _path(node), args, kwargs, _stand_in(made), last)
    return exact.execute(node, args, kwargs, computed=False)


def _arguments(node: fx.Node, values: dict[Any, Any], batch: Any) -> Any:
    """What a node is given.  A slice up to the batch's size ends nowhere: it is the whole of a batch; and of a
    constant, beside a batch, any row may be met."""
    args = list(node.args)
    at = _end(node, batch)
    if at is not None and _size(_shape(args[0])[0]) == batch:
        args[at] = None
    elementwise = isinstance(node.target, torch._ops.OpOverload) and torch.Tag.pointwise in node.target.tags

    def given(used: fx.Node) -> Any:
        value = values[used]
        cut = (
            elementwise
            and isinstance(value, Tensor)
            and _end(used, batch)
            and len(value) > 1
            and value.ndim == node.meta["val"].ndim
        )
        return values[used.args[0]] if cut else value

    found = fx.node.map_arg((args, node.kwargs), given)
    return found if _touches(found) else fx.node.map_arg((args, node.kwargs), lambda used: values[used])


def _end(node: fx.Node, batch: Any) -> int | None:
    """The place of the argument that ends a slice, where that is the batch's size, and the slice one of the first
    dimension."""
    at = _ENDS.get(str(node.target))
    if at is None or len(node.args) <= at or _size(node.args[at]) != batch:
        return None
    dim: Any = node.args[at - 2]
    return at if dim % len(_shape(node.args[0])) == 0 else None


def _shape(node: Any) -> Any:
    """Of a node's value, for one batch."""
    return node.meta["val"].shape


def _size(size: Any) -> Any:
    """A size, or the expression of one that depends on the batch's."""
    found = size.meta["val"] if isinstance(size, fx.Node) else size
    return found.node.expr if isinstance(found, torch.SymInt) else found


def _target(node: fx.Node) -> str:
    target: Any = node.target
    return str(target.__name__) if is_foreign(node) else str(target)


def _is_last(node: fx.Node) -> bool:
    return all(user.op == "output" for user in node.users)


def _draws(node: fx.Node, args: Any, kwargs: Any) -> bool:
    """Whether an operation's value is another one each time; a dropout's is not unless it is told to train."""
    if not isinstance(node.target, torch._ops.OpOverload) or torch.Tag.nondeterministic_seeded not in node.target.tags:
        return False
    given = dict(zip((argument.name for argument in schema_of(node).arguments), args, strict=False)) | dict(kwargs)
    return bool(given.get("train", True))


def _stand_in(made: Any) -> Any:
    """What the rest of the network reads where an operation is unsupported: values of the right shapes, None for a
    size."""
    if isinstance(made, tuple | list):
        return [_stand_in(part) for part in made]
    return Value("", tuple(made.shape[1:])) if isinstance(made, Tensor) else None


def _touches(arguments: Any) -> bool:
    """Whether an argument depends on the input."""
    found: list[Any] = []
    fx.node.map_aggregate(arguments, found.append)
    return any(isinstance(item, Value) for item in found)


def _name(node: fx.Node) -> str:
    return str(node.target).removesuffix(".default")


def _path(node: fx.Node) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    path = list(stack.values())[-1][0] if stack else ""
    return path.removeprefix("L['self'].") or node.name
