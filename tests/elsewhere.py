"""A device that is none: tensors that say they are elsewhere, hold their numbers on the CPU, and refuse to be mixed with
tensors that are there."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("lazy", 0)
MOVES = torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default


class Away(Tensor):
    """A tensor elsewhere; `held` has its numbers."""

    @staticmethod
    def __new__(cls, held: Tensor) -> "Away":
        return Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), dtype=held.dtype, device=DEVICE, requires_grad=held.requires_grad
        )

    def __init__(self, held: Tensor) -> None:
        self.held = held

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})


class Elsewhere(TorchDispatchMode):
    """Within it, what is made on `DEVICE` is made there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})


def computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """An operation on the CPU, its result where its arguments are."""
    tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
    away = [t for t in tensors if isinstance(t, Away)]
    if away and func not in MOVES and any(t.ndim and not isinstance(t, Away) for t in tensors):
        raise RuntimeError(f"{func}: tensors on the CPU and elsewhere")
    asked = kwargs.get("device")
    there = bool(away) if asked is None else torch.device(asked) == DEVICE
    args, kwargs = tree_map(lambda t: t.held if isinstance(t, Away) else t, (args, kwargs))
    if asked is not None:
        kwargs = kwargs | {"device": torch.device("cpu")}
    found = func(*args, **kwargs)
    if func is torch.ops.aten.copy_.default:
        return next(t for t in tensors)  # in place
    if not there:
        return found
    same = {id(t.held): t for t in away}  # what is written in place stays the tensor that it was
    return tree_map(lambda t: same.get(id(t), Away(t)) if isinstance(t, Tensor) else t, found)
