"""A network trained as it is, such as the ReLU network that is converted afterwards.

L = cross-entropy + λ Σ_n mean(x(n)) / N,   x(n) the output of the n-th rectifier
"""

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isospike.errors import InvalidSetting
from isospike.train.base import Peers, Trainee
from isospike.train.sparsity import Sparsity

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
TINY = 1e-12  # keeps the root of a mean square differentiable where all activities are zero


class Classifier(Trainee[nn.Module]):
    """Trains a module by the cross-entropy of its outputs; the module itself is changed and, in evaluation mode, is
    the result.

    sparsity: a price on the activity of its rectifiers.  A batch norm behind a rectifier would undo a mere change of
    scale; in a network that has one, activity is taken relative to its root mean square."""

    def __init__(self, model: nn.Module, sparsity: Sparsity | None = None) -> None:
        super().__init__()
        self.model, self.sparsity = model, sparsity
        self._relative = any(isinstance(part, NORMS) for part in model.modules())

    def begin(self, inputs: Iterable[Tensor]) -> None:
        """Layers that wait for their first input learn its size; all parameters are learned."""
        with torch.no_grad():
            self.model.eval()(next(iter(inputs))[:1])
        self.model.requires_grad_(True)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        if self.sparsity is None:
            return F.cross_entropy(self.model(x), y)
        activity: list[Tensor] = []

        def heard(_: nn.Module, __: Any, out: Tensor) -> None:
            activity.append(out / (out.square().mean() + TINY).sqrt() if self._relative else out)

        hooks = [part.register_forward_hook(heard) for part in self.model.modules() if isinstance(part, nn.ReLU)]
        try:
            return F.cross_entropy(self.model(x), y) + self.sparsity(activity)
        finally:
            for hook in hooks:
                hook.remove()

    def about(self) -> dict[str, Any]:
        return {} if self.sparsity is None else {"sparsity": self.sparsity.about()}

    def agree(self, peers: Peers) -> None:
        """Raises `InvalidSetting` for norms that keep statistics, which would be those of a part of the batch."""
        if self._relative or any(getattr(part, "running_mean", None) is not None for part in self.model.modules()):
            raise InvalidSetting(
                "a network with batch norm, or another that keeps statistics, is trained by several processes.",
                "Networks without; those with, by one process.",
                "Train in one process: devices=1.",
            )
        if self.sparsity is not None:
            self.sparsity.agree(peers)

    def result(self) -> nn.Module:
        return self.model.eval().requires_grad_(False)
