"""An exported program as a function: of batches of any size, in any precision, by PyTorch's own operations and none of
ours."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from isospike.errors import InvalidModel

SOFTMAX = ("aten.softmax.int", "aten.log_softmax.int", "aten._softmax.default", "aten._log_softmax.default")
# Calls that run a part of the program in another mode; the part can be written without the call.
_MODES = {"wrap_with_autocast", "wrap_with_set_grad_enabled"}
# Operations whose result is a tensor of its own, though PyTorch composes them of others and could hand an argument on.
_FRESH = ("conv", "linear", "matmul", "batch_norm", "max_pool", "avg_pool")


class Program:
    """The answers of an exported program, computed in `dtype`.  logits: leave out a soft-max that is its last
    operation."""

    def __init__(self, program: ExportedProgram, dtype: torch.dtype, logits: bool = False) -> None:
        self.program = functional(program)
        self.precision = Precision(self.program, dtype)
        self.output = output_of(self.program)
        if logits and str(self.output.target) in SOFTMAX:
            self.output = self.output.all_input_nodes[0]
        self.constants = {name: self.precision.of(value) for name, value in stored(self.program).items()}
        size = input_of(self.program).meta["val"].shape[0]
        self.batch = size if isinstance(size, int) else None  # it may have been exported for one size only

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """x: (batch, *input shape)."""
        size = self.batch or max(len(x), 1)
        return torch.cat(
            [
                self._run(torch.cat((part, part[-1:].expand(size - len(part), *x.shape[1:]))))[: len(part)]
                for part in x.split(size)
            ]
        )

    def _run(self, x: Tensor) -> Tensor:
        values: dict[fx.Node, Any] = {}
        computed: set[fx.Node] = set()
        last = {used: node for node in self.program.graph.nodes for used in node.all_input_nodes}
        for node in self.program.graph.nodes:
            if node.op == "placeholder" and node.name in self.constants:
                values[node] = self.constants[node.name]
            elif node.op == "placeholder":
                values[node] = self.precision.of(x)
                computed.add(node)
            elif node.op == "call_function":
                depends = not computed.isdisjoint(node.all_input_nodes)
                values[node] = self.precision.execute(
                    node, *fx.node.map_arg((node.args, node.kwargs), lambda n: values[n]), depends
                )
                computed.update([node] if depends else [])
            if node is self.output:
                break
            for used in node.all_input_nodes:
                if last[used] is node:
                    del values[used]
        found: Tensor = values[self.output]
        return found


class Precision:
    """Runs a program's operations in another precision than its own, that of its input.

    As in a module that is cast to it, weights, buffers and inputs have this precision, and so has what is worked out
    from them; constants that the program makes of numbers alone keep their own until they meet these."""

    def __init__(self, program: ExportedProgram, dtype: torch.dtype) -> None:
        self.own, self.dtype = input_of(program).meta["val"].dtype, dtype

    def of(self, value: Any) -> Any:
        """A value, in this precision if it is in the program's own."""
        return value.to(self.dtype) if isinstance(value, Tensor) and value.dtype == self.own else value

    def arguments(self, arguments: Any, computed: bool) -> Any:
        """An operation's arguments.  computed: whether one depends on the input."""
        met: list[Any] = []
        fx.node.map_aggregate(arguments, met.append)
        raised = computed or any(isinstance(a, Tensor) and a.dtype == self.dtype for a in met)
        return fx.node.map_aggregate(arguments, lambda a: self.dtype if a is self.own else self.of(a) if raised else a)

    def execute(self, node: fx.Node, args: Any, kwargs: Any, computed: bool) -> Any:
        """The value of a node."""
        args, kwargs = self.arguments((args, kwargs), computed)
        operation: Any = node.target
        value = operation(*args, **kwargs)
        if "empty" in str(node.target) and isinstance(value, Tensor) and value.is_floating_point():
            value.fill_(torch.nan)  # what is read before it is written is no number
        return value


def stored(program: ExportedProgram) -> dict[str, Any]:
    """Weights, buffers and constants, by the names of their placeholders."""
    signature = program.graph_signature
    held = {**dict(program.named_parameters()), **dict(program.named_buffers())}
    return {
        **{name: held[target].detach() for name, target in signature.inputs_to_parameters.items()},
        **{
            name: held.get(target, program.constants.get(target))
            for name, target in signature.inputs_to_buffers.items()
        },
        **{name: program.constants[target] for name, target in signature.inputs_to_lifted_tensor_constants.items()},
    }


def several_inputs(names: Sequence[str]) -> InvalidModel:
    """The error for a model of several inputs, or none."""
    return InvalidModel(
        f"the model has {len(names)} inputs{': ' if names else ''}{', '.join(names)}.",
        "Models with one input tensor.",
        "Put the inputs side by side, in one tensor, and wrap the model in a module that takes them apart: "
        "self.model(x[:, :3], x[:, 3:]).",
    )


def input_of(program: ExportedProgram) -> fx.Node:
    """The placeholder of the one input.  Raises `InvalidModel` if there are several."""
    names = program.graph_signature.user_inputs
    if len(names) != 1:
        raise several_inputs(names)
    return next(node for node in program.graph.nodes if node.name == names[0])


def output_of(program: ExportedProgram) -> fx.Node:
    """The node whose value is the one output, bare or in a tuple or dict.  Raises `InvalidModel` if there are
    several."""
    names = [name for name in program.graph_signature.user_outputs if name is not None]
    if len(names) != 1:
        what = f"the model has {len(names)} outputs."
        raise InvalidModel(
            what,
            "Models with one output tensor, bare or alone in a tuple or dict.",
            "Wrap it in a module that returns one.",
        )
    (output,) = (node for node in program.graph.nodes if node.op == "output")
    found = [node for node in output.all_input_nodes if node.name == names[0]]
    if not found or not isinstance(found[0].meta.get("val"), Tensor):
        raise InvalidModel(
            "the model's output does not depend on its input.",
            "Models with one output tensor.",
            "Check what its forward returns.",
        )
    return found[0]


def only_tensor(output: Any) -> Tensor:
    """The one tensor that a module returned, bare or in a tuple or dict.  Raises `InvalidModel` if there is another
    number of them."""
    found = [
        leaf
        for leaf in pytree.tree_leaves(dict(output) if isinstance(output, dict) else output)
        if isinstance(leaf, Tensor)
    ]
    if len(found) != 1:
        what = f"the model returned {len(found)} tensors."
        raise InvalidModel(
            what,
            "Models with one output tensor, bare or alone in a tuple or dict.",
            "Wrap it in a module that returns one.",
        )
    return found[0]


def functional(program: ExportedProgram) -> ExportedProgram:
    """The program without writes into views, inputs and values that are read elsewhere, and with what runs in another
    mode in its place.

    A write in place into a value of its own that nothing else reads, such as a rectifier's into a convolution's
    output, is left: PyTorch's functionalisation takes several times as long as the export.  So is what `is_foreign`,
    which it cannot take.  Raises `InvalidModel` if the program writes into its buffers."""
    for node in _writes(program):
        _forbid(_held(program, next(iter(node.args), None)))
    graphs = (part.graph for part in program.graph_module.modules() if isinstance(part, fx.GraphModule))
    foreign = {str(node.target) for graph in graphs for node in graph.nodes if is_foreign(node)}
    if foreign <= _MODES and (foreign or not all(map(_harmless, _writes(program)))):
        program = program.run_decompositions({})
    signature = program.graph_signature
    for name in (*signature.buffers_to_mutate.values(), *signature.parameters_to_mutate.values()):
        _forbid(name)
    return program


def is_foreign(node: fx.Node) -> bool:
    """Whether a node is a call of something else than PyTorch's operations and arithmetic on sizes: of a graph of its
    own, or of autograd's insides."""
    if node.op != "call_function" or isinstance(node.target, torch._ops.OpOverload):
        return False
    return not (
        getattr(node.target, "__module__", "") in ("_operator", "math")
        or getattr(node.target, "__name__", "").lstrip("_").startswith("sym_")
    )


def _held(program: ExportedProgram, value: Any) -> str | None:
    """The name of the weight, buffer or constant that a value is, or is a view of."""
    while isinstance(value, fx.Node) and value.op == "call_function":
        schema = schema_of(value)
        aliases = schema is None or any(result.alias_info is not None for result in schema.returns)
        value = value.args[0] if aliases and value.args else None
    signature = program.graph_signature
    held = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    return held.get(value.name) if isinstance(value, fx.Node) else None


def _forbid(kept: str | None) -> None:
    if kept is not None:
        raise InvalidModel(
            f"the model writes into its tensor `{kept}` whenever it runs; what is kept from one run to the next is "
            "not imported.",
            "Models that only read their buffers in evaluation mode.",
            "Take the write out, or do it in training mode only: if self.training.",
        )


def _writes(program: ExportedProgram) -> Iterator[fx.Node]:
    return (node for node in program.graph.nodes if (schema := schema_of(node)) is not None and schema.is_mutable)


def _harmless(write: fx.Node) -> bool:
    """Whether a node writes into a value that was made for it alone."""
    first = schema_of(write).arguments[0].alias_info
    into = write.args[0] if write.args and first is not None and first.is_write else None
    if not isinstance(into, fx.Node) or list(into.users) != [write]:
        return False
    schema = schema_of(into)
    if schema is None or any(result.alias_info is not None and not schema.is_mutable for result in schema.returns):
        return False
    if schema.is_mutable:
        return _harmless(into)
    operation: Any = into.target
    composed = torch._C._dispatch_has_kernel_for_dispatch_key(operation.name(), "CompositeImplicitAutograd")
    return not composed or any(word in str(into.target) for word in _FRESH)


def schema_of(node: fx.Node) -> Any:
    """The signature of a PyTorch operation; None for Python's own, and for what is no operation."""
    return node.target._schema if isinstance(node.target, torch._ops.OpOverload) else None
