"""How a rewrite of one place becomes a pass."""

from collections.abc import Callable
from functools import wraps

from isospike.ir.graph import Graph


def everywhere(once: Callable[[Graph], Graph | None]) -> Callable[[Graph], Graph]:
    """The pass that applies `once` until it finds no place any more and returns None."""

    @wraps(once)
    def rewrite(graph: Graph) -> Graph:
        while (simpler := once(graph)) is not None:
            graph = simpler
        return graph

    return rewrite
