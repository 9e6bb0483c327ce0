"""What is measured on: nothing at all is said, and where a sample's distance from the calibration begins to count."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import isospike as iso
from isospike.errors import InvalidData, InvalidModel, InvalidSetting
from isospike.measure import inputs

X = torch.tensor([0.0, 1.0]).repeat(8)[:, None]  # mean 0.5, standard deviation 0.516
MODEL = nn.Linear(1, 2).eval()
NETWORK = iso.convert(MODEL, X)


def calibrated_on(mean: float, sd: float) -> iso.SpikingNetwork:
    return iso.SpikingNetwork(replace(NETWORK.body, seen=(mean, sd)))


@pytest.mark.parametrize(
    "data", [[], (), iter(()), X[:0], [X[:0]]], ids=["list", "tuple", "iterator", "tensor", "batch"]
)
def test_nothing_cannot_be_checked_on(data: object) -> None:
    with pytest.raises(InvalidData, match="no sample"):
        iso.check(MODEL, NETWORK, data)  # type: ignore[arg-type]


def test_half_a_deviation_off_is_near_and_more_is_far() -> None:
    list(inputs(calibrated_on(0.0, 1.0), X))  # warnings are errors here
    list(inputs(calibrated_on(1.0, 1.0), X))
    for mean in (-0.01, 1.01):
        with pytest.warns(UserWarning, match="calibrated on"):
            list(inputs(calibrated_on(mean, 1.0), X))


def test_half_or_twice_the_deviation_is_near_and_beyond_is_far() -> None:
    sd = float(X.double().std())
    for factor in (0.5, 2.0):
        list(inputs(calibrated_on(0.5, factor * sd), X))
    for factor in (0.49, 2.01):
        with pytest.warns(UserWarning, match="calibrated on"):
            list(inputs(calibrated_on(0.5, factor * sd), X))


# Labels and originals that do not belong to the network.

torch.manual_seed(0)
DENSE = nn.Sequential(nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 3)).eval()
ONE = iso.convert(DENSE, X)
RATE = iso.convert(DENSE, X, iso.Rate(steps=8))
LABELS = torch.arange(16) % 3


@pytest.mark.parametrize(
    "labels",
    [LABELS[:, None], torch.eye(3)[LABELS].long(), LABELS.double() + 0.5],
    ids=["a column", "one-hot", "fractions"],
)
def test_labels_are_class_numbers(labels: torch.Tensor) -> None:
    for call in (
        lambda: iso.measure(ONE, (X, labels)),
        lambda: iso.check(DENSE, ONE, (X, labels)),
        lambda: iso.curve(RATE, (X, labels), at=[4]),
    ):
        with pytest.raises(InvalidData, match="Class numbers"):
            call()
    assert iso.measure(ONE, (X, LABELS))["accuracy"] == float((DENSE(X).argmax(1) == LABELS).double().mean())


def test_outputs_at_places_take_labels_at_places() -> None:
    places = nn.Conv1d(1, 3, 1).eval()
    x = torch.rand(20, 1, 5, generator=torch.Generator().manual_seed(0))
    network, right = iso.convert(places, x), places(x).argmax(1)
    assert iso.measure(network, (x, right))["accuracy"] == 1.0
    with pytest.raises(InvalidData, match=r"Class numbers, whole, of shape \(20, 5\)"):
        iso.measure(network, (x, right[:, 0]))


@pytest.mark.parametrize("outputs", [1, 2])
def test_another_model_is_said(outputs: int) -> None:
    with pytest.raises(InvalidModel, match="the model that it was made from"):
        iso.check(nn.Linear(1, outputs), ONE, X)


# The curve takes the original as `check` does.


class Awkward(nn.Module):
    """Changes its input and its own statistics, answers in a tuple, and ends in a soft-max."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(1, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 3), nn.Softmax(1)
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.layers(x.mul_(0.5)),)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_curve_compares_with_the_model_as_it_is_converted(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model, x = Awkward(), X.to(dtype)  # in training mode
    network = iso.convert(model, X, iso.Rate(steps=2048), dtype=dtype)
    before, state = x.clone(), {name: t.clone() for name, t in model.state_dict().items()}
    (moment,) = iso.curve(network, x, model, at=[2048])
    report = iso.check(model, network, x)
    assert moment.max_abs_error == pytest.approx(report.max_abs_error, rel=1e-6) and report.max_abs_error < 0.01
    assert torch.equal(x, before) and all(torch.equal(t, state[name]) for name, t in model.state_dict().items())
    with pytest.raises(InvalidData, match="shape"):
        iso.curve(network, torch.rand(16, 2), model)


def test_simulators_of_a_kind_are_told_apart() -> None:
    found = iso.check(DENSE, ONE, X, simulators=[iso.Clocked(2), iso.Clocked(1024), iso.ClosedForm()]).simulators
    assert (
        found["Clocked(ticks=2, rounding='half')"] > 10 * found["Clocked(ticks=1024, rounding='half')"]
        and found["ClosedForm"] < 1e-5
    )


@pytest.mark.parametrize("factor", [1e39, 1e-50])
def test_what_the_precision_cannot_hold_is_refused(factor: float) -> None:
    model = nn.Sequential(nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 3)).double()
    with torch.no_grad():
        for parameter in model[2].parameters():
            parameter.mul_(factor)
    with pytest.raises(InvalidModel, match="float32 cannot hold"):
        iso.convert(model, X)
    network = iso.convert(model, X, dtype=torch.float64)
    torch.testing.assert_close(network(X.double()), model(X.double()).detach(), rtol=1e-12, atol=0.0)
    with pytest.raises(InvalidSetting, match="dtype"):
        iso.convert(model, X, dtype=torch.float16)


@pytest.mark.parametrize("wrong", [{"at": 4}, {"at": "4"}, {"at": (2.5,)}, {"seed": "x"}])
def test_a_curve_is_told_its_steps_in_a_list(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidSetting, match=f"curve.{next(iter(wrong))}="):
        iso.curve(RATE, X, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidModel, match="SpikingNetwork"):
        iso.curve(DENSE, X)  # type: ignore[arg-type]
