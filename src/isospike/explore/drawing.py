"""Inputs of the page: samples of the data as small pictures, and what a visitor draws."""

import base64
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from isospike.data import Data
from isospike.errors import InvalidData

SIDE = 64  # pixels of a small picture at most


def drawable(shape: Sequence[int]) -> bool:
    """Whether samples of this shape can be drawn with a brush: images of one channel."""
    return len(shape) == 3 and shape[0] == 1


def image(data: Data, shape: Sequence[int], pixels: Any) -> Tensor:
    """A drawn image as a batch of one, prepared as the data are.  pixels: row after row, from 0 for paper to 1 for
    ink.  Raises `InvalidData`."""
    if not drawable(shape):
        what = f"samples of shape {tuple(shape)} cannot be drawn."
        raise InvalidData(what, "Images of one channel.", "Choose a sample.")
    size = math.prod(shape)
    numbers = isinstance(pixels, list) and all(type(one) in (int, float) for one in pixels)
    if not numbers or len(pixels) != size or not all(0 <= one <= 1 for one in pixels):
        what = f"a drawing that is no list of {size} numbers from 0 to 1."
        raise InvalidData(what, f"Pixels of {shape[1]} rows of {shape[2]}.", "Draw again.")
    ink = torch.tensor(pixels, dtype=torch.float64).reshape(1, *shape)
    seen = data.images[slice(0, 256)]
    if seen.dtype == torch.uint8:
        drawn = (ink * 255).round().to(torch.uint8)
    else:
        low, high = seen.min(), seen.max()
        drawn = (low + ink * (high - low)).to(seen.dtype)
    return replace(data, images=drawn.reshape(1, *seen.shape[1:]), labels=None).take(torch.tensor([0]))


def thumbnails(data: Data, first: int, count: int) -> list[dict[str, Any]]:
    """Samples from number `first` on: their labels, and their pixels as base64 of bytes where they are images."""
    raw = data.images[slice(first, first + count)]
    return [{"number": first + i, "label": _label(data, first + i), **_picture(one)} for i, one in enumerate(raw)]


def _label(data: Data, number: int) -> str:
    if data.labels is None:
        return ""
    label = data.labels[number]
    if label.is_floating_point():
        return ", ".join(f"{value:.4g}" for value in label.flatten()[:4].tolist())
    at = int(label)
    return data.classes[at] if 0 <= at < len(data.classes) else str(at)


def _picture(one: Tensor) -> dict[str, Any]:
    if one.ndim == 2:
        one = one[None]
    if one.ndim != 3 or one.shape[0] not in (1, 3):
        return {}
    one = one[:, :: max(1, math.ceil(one.shape[1] / SIDE)), :: max(1, math.ceil(one.shape[2] / SIDE))]
    if one.dtype != torch.uint8:
        low, high = one.min(), one.max()
        one = ((one - low) / (high - low).clamp_min(1e-12) * 255).round().to(torch.uint8)
    pixels = one.permute(1, 2, 0).contiguous().numpy().tobytes()
    return {
        "height": one.shape[1],
        "width": one.shape[2],
        "channels": one.shape[0],
        "pixels": base64.b64encode(pixels).decode(),
    }
