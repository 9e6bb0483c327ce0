"""Import rules in the forms that the zoo does not have, against the models themselves."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from isospike.errors import UnsupportedOperation
from isospike.importers.torch import from_torch
from isospike.passes import canonical

WEIGHT = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


class Written(nn.Module):
    """A dense layer, ReLU, and then an expression."""

    def __init__(self, shape: tuple[int, ...], expression: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.expression = nn.Linear(shape[-1], shape[-1]), expression

    def forward(self, x: Tensor) -> Tensor:
        return self.expression(torch.relu(self.first(x)))


EXPRESSIONS: dict[str, tuple[tuple[int, ...], Callable[[Tensor], Tensor]]] = {
    "squeeze, all dimensions": ((1, 4, 1, 3), lambda x: x.squeeze()),
    "squeeze, one that is not 1": ((2, 4), lambda x: x.squeeze(1)),
    "squeeze, two": ((1, 4, 1), lambda x: x.squeeze((1, 3))),
    "a matrix from the left": ((4, 5), lambda x: torch.matmul(WEIGHT, x)),
    "a matrix from the left of many": ((2, 4, 5), lambda x: torch.matmul(WEIGHT, x)),
    "addmm with factors": ((4,), lambda x: torch.addmm(torch.arange(3.0), x, WEIGHT.T, beta=0.5, alpha=-2.0)),
    "addmm with a bias a sample": ((4,), lambda x: torch.addmm(torch.full((len(x), 1), 0.7), x, WEIGHT.T)),
    "joined with an empty list": ((2, 3, 4), lambda x: torch.cat([torch.empty(0), x, x], 2)),
    "joined from an empty list on": ((4,), lambda x: torch.cat([torch.cat([torch.empty(0), x[:, i:]], 1) for i in range(3)], -1)),
    "mean in its own precision": ((3, 4), lambda x: x.mean(1, dtype=torch.float32)),
    "mean over everything but the batch, kept": ((2, 3, 4), lambda x: x.mean((1, 2, 3), keepdim=True)),
    "average by another number": ((2, 4, 4), lambda x: nn.functional.avg_pool2d(x, 2, divisor_override=3)),
    "adaptive average, uneven along one": ((2, 4, 5), lambda x: nn.functional.adaptive_avg_pool2d(x, 2)),
    "written into, the whole of the batch": ((4,), lambda x: torch.slice_scatter(x, 2 * x + 1, 0)),
    "written into, the whole of the batch by name": ((4,), lambda x: torch.slice_scatter(x, 2 * x + 1, 0, 0, 2**63 - 1, 1)),
    "adaptive average, a dimension as it is": ((2, 4, 6), lambda x: nn.functional.adaptive_avg_pool2d(x, (None, 3))),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_is_the_model(name: str) -> None:
    shape, expression = EXPRESSIONS[name]
    model = Written(shape, expression).eval().requires_grad_(False)
    x = torch.rand(5, *shape, generator=torch.Generator().manual_seed(1))
    raw = from_torch(model, x).with_range(0.0, 1.0)
    for graph in (raw, canonical(raw)):
        assert torch.allclose(graph(x.double()).float(), model(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("part", [{"step": 2}, {"start": 1}, {"end": 1}], ids=str)
def test_a_write_into_part_of_the_batch_is_refused(part: dict[str, int]) -> None:
    def written(x: Tensor) -> Tensor:
        return torch.slice_scatter(x, (2 * x)[part.get("start", 0) : part.get("end") : part.get("step", 1)], 0, **part)

    with pytest.raises(UnsupportedOperation, match="part of the batch"):
        from_torch(Written((4,), written).eval(), torch.rand(5, 4))
