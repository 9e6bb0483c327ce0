"""A conversion reads its model and its data once, whatever is asked of it."""

import gc
import sys
import weakref
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

import isospike as iso
from isospike.errors import InvalidData, InvalidModel
from isospike.importers.torch import from_torch

X = torch.rand(60, 5, generator=torch.Generator().manual_seed(0))
with torch.random.fork_rng():
    torch.manual_seed(0)
    MODEL = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)).eval()
STORY = sys.modules["isospike.convert"]  # the front door has a function of this name
CODINGS = (
    iso.TTFS(),
    iso.TTFS(scale="channel"),
    iso.Rate(steps=16),
    iso.METHODS["sengupta2019"],
    iso.METHODS["rueckauer2017"],
)


class Counted:
    """A loader that counts how often it is gone through."""

    def __init__(self) -> None:
        self.times = 0

    def __iter__(self) -> Iterator[Tensor]:
        self.times += 1
        return iter(X.split(25))


@pytest.mark.parametrize("declared", [None, (0.0, 1.0)])
def test_data_are_read_once_and_the_model_once(
    declared: tuple[float, float] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[object] = []
    reader = sys.modules["isospike.importers.model"]
    monkeypatch.setattr(reader, "from_torch", lambda *given: (reads.append(given), from_torch(*given))[1])
    loader = Counted()
    conversion = iso.Conversion(MODEL, loader, declared)
    for coding in CODINGS:
        network, other = (
            conversion.network(coding, torch.float64),
            iso.convert(MODEL, X.split(25), coding, declared, torch.float64),
        )
        assert network.body.coding == other.body.coding
        assert all(
            torch.equal(a, b) for a, b in zip(network.state_dict().values(), other.state_dict().values(), strict=True)
        )
        assert network.body.seen == other.body.seen
    assert loader.times == 1 and len(reads) == 1 + len(CODINGS)


def test_a_check_asks_the_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    conversion = iso.Conversion(MODEL, X)
    network = conversion.network(dtype=torch.float64)
    expected = iso.check(MODEL, network, X.double())
    monkeypatch.setattr(sys.modules["isospike.measure"], "read", None)
    found = iso.check(conversion, network, X.double())
    assert found.simulators == expected.simulators and found.max_abs_error < 1e-12
    assert [layer.max_abs_error for layer in found.layers] == [layer.max_abs_error for layer in expected.layers]


def test_more_than_fits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(STORY, "MOST", 1000)
    with pytest.raises(InvalidData, match="calibration samples"):
        iso.convert(MODEL, X)


def test_batches_of_two_shapes_are_refused() -> None:
    with pytest.raises(InvalidData, match="of one shape"):
        iso.convert(MODEL, [X, X[:, :4]])


def test_inputs_side_by_side_take_the_place_of_two() -> None:
    """What the refusal of two inputs advises."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(3, 4), nn.Linear(5, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return self.c(torch.relu(self.a(x) + self.b(y)))

    class One(nn.Module):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Tensor:
            return self.model(x[:, :3], x[:, 3:])

    model, x = Two(), torch.rand(20, 8)
    with pytest.raises(InvalidModel, match=r"2 inputs: x, y.*\n.*one input.*\n.*x\[:, :3\], x\[:, 3:\]"):
        iso.convert(model, x)
    assert iso.check(One(model), iso.convert(One(model), x), x).max_abs_error < 1e-4


def test_nothing_is_printed_before_a_refusal(capfd: pytest.CaptureFixture[str]) -> None:
    class Branching(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else torch.relu(x)

    with pytest.raises(InvalidModel, match="cannot be exported"):
        iso.convert(Branching(), torch.rand(5, 8))
    said = capfd.readouterr()
    assert said.out + said.err == ""


def test_a_conversion_is_freed_when_it_is_no_longer_used() -> None:
    """Its graph holds the weights in double precision: they must not wait for garbage to be collected."""
    conversion = iso.Conversion(MODEL, X)
    conversion.network()
    conversion.original(torch.float64)
    graph = weakref.ref(conversion.exact())
    gc.disable()
    try:
        del conversion
        assert graph() is None
    finally:
        gc.enable()
