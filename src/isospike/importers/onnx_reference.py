"""ONNX's own reference evaluator, with the operations replaced that it does not compute rightly."""

from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from isospike.ir.ops.conv import onnx_sides


def reference(proto: Any, opset: int | None = None) -> Any:
    """ONNX's own evaluator, of a model, or of a graph in this opset."""
    from onnx.reference.op_run import OpRun

    class BatchNormalization(OpRun):
        """Before opset 14 the evaluator takes every batch normalisation for one in training."""

        def _run(self, x: Any, scale: Any, bias: Any, mean: Any, var: Any, **attributes: Any) -> Any:
            if attributes.get("training_mode") or len([name for name in self.onnx_node.output if name]) > 1:
                raise ValueError("batch normalisation in training mode")
            gain = scale / (var + attributes.get("epsilon", 1e-5)) ** 0.5
            channels = (-1, *(1,) * (x.ndim - 2))
            return ((x - mean.reshape(channels)) * gain.reshape(channels) + bias.reshape(channels),)

    class ConvTranspose(OpRun):
        """The evaluator's own cannot do it with several output channels."""

        def _run(self, x: Any, weight: Any, bias: Any = None, **attributes: Any) -> Any:
            n = x.ndim - 2
            pads, extra = attributes.get("pads") or [0] * 2 * n, attributes.get("output_padding") or [0] * n
            given = {
                "stride": attributes.get("strides") or 1,
                "dilation": attributes.get("dilations") or 1,
                "groups": attributes.get("group") or 1,
            }
            whole = getattr(torch.nn.functional, f"conv_transpose{n}d")(torch.tensor(x), torch.tensor(weight), **given)
            # Output padding adds places beyond the kernel's reach, where the bias is alone.
            shift = torch.zeros(weight.shape[1] * given["groups"]) if bias is None else torch.tensor(bias)
            shift = shift.reshape(-1, *(1,) * n)
            crop = [
                size
                for before, after, more in zip(pads[:n], pads[n:], extra, strict=True)
                for size in (more - after, -before)
            ][::-1]
            return ((torch.nn.functional.pad(whole, crop) + shift).numpy(),)

    class MaxPool(OpRun):
        """The evaluator's own is wrong with SAME_LOWER, and takes long."""

        def _run(self, x: Any, **attributes: Any) -> Any:
            y = _patches(torch.tensor(x), -torch.inf, **attributes).amax(tuple(range(x.ndim, 2 * x.ndim - 2)))
            # A second output would say where the largest lie; it is not imported.
            return (y.numpy(), torch.full_like(y, torch.nan).numpy())[: len(self.onnx_node.output)]

    class AveragePool(OpRun):
        """The evaluator's own is wrong with ceil_mode."""

        def _run(self, x: Any, count_include_pad: int = 0, **attributes: Any) -> Any:
            over = tuple(range(x.ndim, 2 * x.ndim - 2))
            counted = _patches(torch.ones(x.shape), float(bool(count_include_pad)), **attributes).sum(over)
            return ((_patches(torch.tensor(x), 0.0, **attributes).sum(over) / counted).numpy(),)

    evaluator = import_module("onnx.reference").ReferenceEvaluator
    return evaluator(
        proto,
        new_ops=[BatchNormalization, ConvTranspose, MaxPool, AveragePool],
        **({} if opset is None else {"opsets": {"": opset}}),
    )


def _patches(
    x: Tensor,
    beyond: float,
    *,
    kernel_shape: Any,
    strides: Any = None,
    pads: Any = None,
    dilations: Any = None,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    storage_order: int = 0,
) -> Tensor:
    """What each place of a pool sees: (batch, channels, *places, *kernel).  beyond: the value of padding."""
    n = len(kernel_shape)
    strides, dilations = strides or [1] * n, dilations or [1] * n
    sides = onnx_sides(x.shape[2:], kernel_shape, strides, dilations, pads, auto_pad)
    for dim, (k, step, apart, (before, after)) in enumerate(
        zip(kernel_shape, strides, dilations, sides, strict=True), start=2
    ):
        reach, inside = apart * (k - 1) + 1, before + x.shape[dim]
        rest = inside + after - reach
        # No patch begins behind the image.
        places = min((-(-rest // step) if ceil_mode else rest // step) + 1, -(-inside // step))
        missing = (places - 1) * step + reach - inside
        behind = (0, 0) * (x.ndim - 1 - dim)
        x = torch.nn.functional.pad(x, (*behind, before, min(after, missing)), value=beyond)
        # Places beyond the padding do not count.
        x = torch.nn.functional.pad(x, (*behind, 0, max(missing - after, 0)), value=min(beyond, 0.0))
        x = x.unfold(dim, reach, step)[..., ::apart]
    return x
