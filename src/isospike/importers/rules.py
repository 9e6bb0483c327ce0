"""What both importers share: finding an operation's rule, collecting every unsupported place, and proving the
import."""

import re
from typing import Any

from isospike.errors import InvalidModel, UnsupportedOperation
from isospike.ir import ops as _defines_the_operations  # noqa: F401
from isospike.ir.graph import Builder, Graph, Value
from isospike.ir.numbers import finite
from isospike.ir.ops.base import Op, Rule, Unsupported
from isospike.ir.record import subclasses


def rules(dialect: str) -> dict[str, Rule]:
    """Node type → import rule, from every operation that is defined, in this package or outside it."""
    found = {target: rule for op in subclasses(Op) for target, rule in vars(op).get(dialect, {}).items()}
    in_place = {re.sub(r"^(aten\.\w+?)\.", r"\1_.", target): rule for target, rule in found.items()}
    return in_place | found


class Collector:
    """Applies import rules one node at a time and keeps a list of what no rule covers."""

    def __init__(self, dialect: str) -> None:
        self.rules = rules(dialect)
        self.build = Builder()
        self.problems: list[str] = []

    def call(self, target: str, path: str, args: Any, kwargs: Any, fallback: Any, last: bool) -> Any:
        """The value of a node; `fallback` stands in for it where it is unsupported, so that the rest is looked at
        too."""
        self.build.path, self.build.last = path, last
        rule = self.rules.get(target)
        if rule is None:
            self.problems.append(f"`{path}` ({target.removesuffix('.default')}) has no spiking counterpart.")
            return fallback
        if fallback is None and any(a is None for a in args if not isinstance(a, list | tuple)) and self.problems:
            return None
        try:
            return rule(self.build, *args, **kwargs)
        except Unsupported as error:
            self.problems.append(f"`{path}` ({target.removesuffix('.default')}): {error} is not supported.")
        except (TypeError, RuntimeError, KeyError, ValueError, AttributeError, StopIteration) as error:
            if not self.problems:  # behind an unsupported place values are placeholders, and may not fit
                raise InvalidModel(
                    f"`{path}` ({target}) cannot be read: {error}",
                    remedy="If the model runs as it is, this is a defect of the import rule.",
                ) from error
        return fallback

    def finish(self, output: Value) -> Graph:
        """The graph, or one error with every unsupported place."""
        if self.problems:
            raise UnsupportedOperation(
                "\n  ".join(self.problems),
                "Supported after an affine layer: relu, leaky relu, relu6, hardtanh and clamp from at most 0 to above "
                "0, max pool; anywhere: affine layers, average pools, sums, concatenations and reshapes.",
                "Replace what is listed and fine-tune, or add one file in isospike/ir/ops/ (see clip.py).",
            )
        graph = self.build.graph(output)
        for node in graph:
            for name, tensor in node.op.tensors().items():
                if node is not graph.input and not finite(tensor):
                    raise InvalidModel(
                        f"`{node.path}` has NaN or infinite numbers in its {name.rsplit('.', 1)[-1]}.",
                        remedy="Load weights that were trained to the end.",
                    )
        return graph
