"""How batches lie in memory: images with their channels last, all else as it comes."""

import math

import numpy as np
import torch
from torch import Tensor


def rows(t: Tensor) -> np.ndarray:
    """A tensor (batch, *shape) as an array (batch, neurons) over the same memory, in its order."""
    if t.ndim == 4 and t.is_contiguous(memory_format=torch.channels_last):
        t = t.permute(0, 2, 3, 1)
    return t.numpy().reshape(len(t), math.prod(t.shape[1:]))


def packed(t: Tensor) -> Tensor:
    """A tensor (batch, *shape) in one of the two layouts that `rows` knows: channels last for images."""
    return t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t.contiguous()


def blank(shape: tuple[int, ...], like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """A packed tensor (batch, *shape) with nothing in it yet, of another's precision unless one is given."""
    layout = torch.channels_last if len(shape) == 4 else torch.contiguous_format
    return torch.empty(shape, dtype=dtype or like.dtype, device=like.device, memory_format=layout)
