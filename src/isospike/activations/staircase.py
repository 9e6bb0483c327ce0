r"""The staircase that all quantised activations are, as one operation that exporters see whole.

    y = λ clip(⌊x L / λ + φ⌋ / L, 0, 1)

    ∂y/∂x = 1 for 0 < x < λ, else 0          straight through the steps
    ∂y/∂λ = (y − x) / λ for 0 < x < λ, 0 below, 1 above

Source: Bu 2022 (QCFS) and its published gradients.
"""

from typing import Any

import torch
from torch import Tensor

from isospike.ir.ops.clip import stairs


@torch.library.custom_op("isospike::staircase", mutates_args=())
def staircase(x: Tensor, high: Tensor, levels: int, offset: float) -> Tensor:
    """y for each x.  high: λ, of one element; levels: L; offset: φ, in [0, 1)."""
    return stairs(x, high, levels, offset)


@staircase.register_fake
def _(x: Tensor, high: Tensor, levels: int, offset: float) -> Tensor:
    return torch.empty_like(x)


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor, int, float], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0], inputs[1], output)


def _gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
    x, high, y = ctx.saved_tensors
    inside = (x > 0) & (x < high)
    return gradient * inside, (gradient * (y - x * inside) / high).sum().reshape(high.shape), None, None


staircase.register_autograd(_gradients, setup_context=_keep)
