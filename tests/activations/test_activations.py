"""Trainable activations: their values, their gradients, and that a network of them is imported as it is."""

import io
import math
from pathlib import Path

import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isospike.activations import QCFS, AtLeakyReLU, ClampQuantise, RateNorm, StReLU, TReLU, staircase
from isospike.errors import InvalidSetting, UnsupportedOperation
from isospike.importers import read
from isospike.importers.onnx import from_onnx
from isospike.importers.torch import from_torch
from isospike.ir.ops.affine import Population
from isospike.passes import canonical
from isospike.ranges import calibrate, certify
from zoo import inputs

CONTINUOUS = {
    "StReLU": lambda: StReLU(0.7),
    "AtLeakyReLU": lambda: AtLeakyReLU(0.5),
    "TReLU": lambda: TReLU(0.6),
    "RateNorm": lambda: RateNorm(0.4),
    "PReLU": nn.PReLU,
}
STAIRCASES = {"QCFS": lambda: QCFS(4, 0.8), "ClampQuantise": lambda: ClampQuantise(8)}
ALL = CONTINUOUS | STAIRCASES
X = torch.tensor([-9.0, -1.1, -0.3, 0.0, 0.3, 0.59, 0.95, 9.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (StReLU(0.7), [-0.7, -0.7, -0.3, 0, 0.3, 0.59, 0.7, 0.7]),
        (AtLeakyReLU(0.5), [-2, -0.55, -0.15, 0, 0.3, 0.59, 0.95, 1]),
        (TReLU(0.6), [0, 0, 0, 0, 0.3, 0.59, 0.6, 0.6]),
        (QCFS(4, 0.75), [0, 0, 0, 0, 0.375, 0.5625, 0.75, 0.75]),  # 0.3 is 1.6 steps
        (ClampQuantise(4), [0, 0, 0, 0, 0.25, 0.5, 0.75, 1]),
        (RateNorm(0.5).eval(), [0, 0, 0, 0, 0.3, 0.5, 0.5, 0.5]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_values(layer: nn.Module, expected: list[float]) -> None:
    found = layer.double()(X + 1e-12)  # a staircase is evaluated beside its jumps
    assert torch.allclose(found, torch.tensor(expected, dtype=torch.float64), atol=1e-8)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_gradients_are_those_of_the_values(name: str) -> None:
    layer = ALL[name]().double().eval()
    inside = X[1:].clone().requires_grad_()  # away from the corners
    inside.data[2] = 0.1
    parameters = dict(layer.named_parameters())
    assert torch.autograd.gradcheck(
        lambda x, *values: torch.func.functional_call(layer, dict(zip(parameters, values, strict=True)), x),
        (inside, *parameters.values()),
    )


def test_the_gradients_of_a_staircase() -> None:
    layer, x = QCFS(4, 0.8).double(), X.clone().requires_grad_()
    y = layer(x)
    y.sum().backward()
    inside = (X > 0) & (X < 0.8)
    assert torch.equal(x.grad, inside.double())
    assert layer.threshold.grad is not None
    expected = ((y.detach() - X) / 0.8)[inside].sum() + (X >= 0.8).sum()
    assert torch.allclose(layer.threshold.grad, expected)


@pytest.mark.filterwarnings(
    "ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"
)  # PyTorch's check reads it
def test_the_staircase_is_a_proper_operation() -> None:
    high = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    torch.library.opcheck(staircase, (X.clone().requires_grad_(), high, 4, 0.5))


@pytest.mark.parametrize("name", ALL)
def test_it_trains_and_keeps_its_state(name: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), ALL[name](), nn.Linear(16, 3))
    x, optimizer, losses = inputs((6,), 64).float(), torch.optim.Adam(model.parameters(), 0.03), []
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for _ in range(60):
        loss = F.cross_entropy(model(x), x[:, :3].argmax(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0] and math.isfinite(losses[-1])
    assert all(not torch.equal(value, before[key]) for key, value in model.state_dict().items())
    twin = nn.Sequential(nn.Linear(6, 16), ALL[name](), nn.Linear(16, 3))
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin.eval()(x), model.eval()(x))


def network(name: str) -> nn.Module:
    torch.manual_seed(1)
    make = ALL[name]
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), make(), nn.MaxPool2d(2), nn.Conv2d(4, 3, 2), make(),
        nn.Flatten(), nn.Linear(12, 5), make(), nn.Linear(5, 3),
    ).double().eval()  # fmt: skip


def assert_equal(found: Tensor, expected: Tensor, tolerance: float = 1e-12) -> None:
    assert float((found - expected).abs().max()) <= tolerance * float(expected.abs().max())


@pytest.mark.parametrize("name", ALL)
def test_a_network_is_imported_as_it_is(name: str, tmp_path: Path) -> None:
    model, x = network(name), inputs((2, 6, 6))
    expected = model(x).detach()
    graph = from_torch(model, x)
    assert_equal(graph(x), expected)
    torch.export.save(torch.export.export(model, (x,)), tmp_path / "m.pt2")
    assert_equal(read(tmp_path / "m.pt2", x)(x), expected)
    for signed in (False, True):
        final = canonical(graph.with_range(x.min(), x.max()), signed)
        assert_equal(final(x), expected)
        sure, seen = certify(final), calibrate(final, [x])
        assert all(bool((seen.high[key] <= sure.high[key] + 1e-9).all()) for key in seen.high)
        populations = [node.op for node in final if isinstance(node.op, Population)]
        assert len(populations) == 3
        assert all((op.low < 0) == (signed and name in ("StReLU", "PReLU")) for op in populations)
        assert all(bool(op.levels) == (name in STAIRCASES) for op in populations)


def test_a_staircase_in_single_precision_is_compared_in_double() -> None:
    """Among so many values rounding takes some over a step."""
    torch.manual_seed(0)
    model = nn.Sequential(*[layer for a in (3, 32, 32) for layer in (nn.Conv2d(a, 32, 3), QCFS(256, 0.25))])
    x = torch.randn((3, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    graph, rounded = from_torch(model, x), model(x.float()).detach()
    exact = model.double()(x).detach()
    assert float((rounded - exact).abs().max()) > 1e-3 * float(exact.max())
    assert_equal(graph(x), exact)


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript-based ONNX export:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning")
def test_through_onnx(name: str) -> None:
    model, x, file = network(name).float(), inputs((2, 6, 6)), io.BytesIO()
    torch.onnx.export(model, (x.float(),), file, dynamo=False, input_names=["input"], output_names=["output"])
    assert_equal(from_onnx(onnx.load_from_string(file.getvalue()))(x), model.double()(x).detach(), 1e-5)


def test_the_running_maximum() -> None:
    layer = RateNorm(0.5, momentum=0.25)
    layer(torch.tensor([-3.0, 2.0]))
    assert float(layer.largest) == 0.75 * 1 + 0.25 * 2
    layer.eval()(torch.tensor([9.0]))
    assert float(layer.largest) == 1.25
    layer.train()(torch.tensor([-9.0]))
    assert float(layer.largest) == 0.75 * 1.25  # never below 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: StReLU(0),
        lambda: TReLU(math.nan),
        lambda: AtLeakyReLU(-1),
        lambda: QCFS(0),
        lambda: ClampQuantise(0),
        lambda: RateNorm(1.0),
    ],
)
def test_settings_without_meaning(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidSetting, match="Choose numbers within"):
        make()


def test_a_threshold_that_training_made_negative() -> None:
    model = nn.Sequential(nn.Linear(4, 3), QCFS(4))
    model[1].threshold.data.fill_(-0.1)
    with pytest.raises(UnsupportedOperation, match=r"`1` .*a staircase of 4 levels to -0.1"):
        from_torch(model, torch.zeros(1, 4))
