"""Training in half precision."""

import torch
from torch import Tensor, nn


class Halved(nn.Sequential):
    """Layers that compute in half precision (bfloat16) while they are trained: half the time, where a processor does.
    Weights, their gradients and what is reported are of single precision."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        with torch.autocast(x.device.type, torch.bfloat16):
            return super().forward(x).float()
