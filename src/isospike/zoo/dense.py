"""Dense networks."""

import math
from itertools import pairwise

from torch import nn


def dense(shape: tuple[int, ...], classes: int, hidden: int, width: int = 340) -> nn.Sequential:
    """Hidden layers of one width on flattened samples (Stanojevic 2023, Fig. 3.2).  shape: (*sample shape)."""
    widths = [math.prod(shape), *(width,) * hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], classes))
