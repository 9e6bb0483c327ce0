"""The hash of a model sees all that its answers depend on."""

import torch
from torch import nn

from isospike.importers import digest


class Scaled(nn.Module):
    def __init__(
        self, weight: float = 1.0, saved: float = 1.0, unsaved: float = 1.0, held: float = 1.0, by: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((2,), weight))
        self.register_buffer("saved", torch.full((2,), saved))
        self.register_buffer("unsaved", torch.full((2,), unsaved), persistent=False)
        self.held, self.by = torch.full((2,), held), by


def test_each_number_counts() -> None:
    models = [Scaled(), *(Scaled(**{name: 2.0}) for name in ("weight", "saved", "unsaved", "held", "by"))]
    assert len({digest(nn.Sequential(model)) for model in models}) == len(models)
    assert digest(nn.Sequential(Scaled())) == digest(nn.Sequential(Scaled()))
    assert digest(Scaled().train()) == digest(Scaled().eval())
