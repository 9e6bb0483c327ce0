"""One data contract: whatever holds samples is taken wherever samples go in, and the same comes of it; what is missing is said by name."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import isospike as iso
from isospike.data import Data, pairs
from isospike.errors import InvalidData, InvalidModel, InvalidSetting, IsospikeError
from isospike.measure import early

X = torch.rand(30, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.arange(30) % 3


def model() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double().eval().requires_grad_(False)


MODEL = model()
TTFS = iso.convert(MODEL, X, input_range=(0.0, 1.0))
RATE = iso.convert(MODEL, X, iso.Rate(steps=8), input_range=(0.0, 1.0))


def once() -> Iterator[tuple[Tensor, Tensor]]:
    return zip(X.split(11), Y.split(11), strict=True)


FORMS: dict[str, Callable[[], Any]] = {
    "tensor": lambda: X,
    "pair": lambda: (X, Y),
    "pair without labels": lambda: (X, None),
    "loader of pairs": lambda: DataLoader(TensorDataset(X, Y), 7),
    "loader of tensors": lambda: DataLoader(X, 7),  # type: ignore[arg-type]
    "list of pairs": lambda: list(once()),
    "list of tensors": lambda: list(X.split(11)),
    "generator": once,
    "data": lambda: Data("x", X, Y),
}
LABELLED = {"pair", "loader of pairs", "list of pairs", "generator", "data"}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_samples(form: str) -> None:
    found = list(pairs(FORMS[form]()))
    assert torch.equal(torch.cat([x for x, _ in found]), X)
    assert (form in LABELLED) == all(labels is not None for _, labels in found)


USES: dict[str, Callable[[Any], Any]] = {
    "convert": lambda data: list(iso.convert(MODEL, data, input_range=(0.0, 1.0)).state_dict().values()),
    "convert, range of the data": lambda data: list(iso.convert(MODEL, data).state_dict().values()),
    "check": lambda data: iso.check(MODEL, TTFS, data).max_abs_error,
    "measure": lambda data: iso.measure(TTFS, data)["synaptic_operations"],
    "measure, rate": lambda data: iso.measure(RATE, data)["spikes_per_neuron"],
    "curve": lambda data: [m.spikes_per_neuron for m in iso.curve(RATE, data, MODEL)],
    "diagnose": lambda data: [f.total for f in iso.diagnose(RATE, data)],
    "early": lambda data: [e.mean_steps for e in early(RATE, data, [0.5])],
    "prepare": lambda data: list(iso.train.prepare(TTFS, [iso.TimeSteps(8)], calibration=data).network().state_dict().values()),
    "constrain": lambda data: list(iso.constrain(TTFS, [iso.TimeSteps(8)], data).state_dict().values()),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_taken_everywhere(form: str, use: str) -> None:
    expected, found = USES[use](X), USES[use](FORMS[form]())
    if isinstance(expected, list) and isinstance(expected[0], Tensor):
        assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    else:
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-13)


def test_labels_that_are_there_are_used_and_else_there_is_no_accuracy() -> None:
    right = float((MODEL(X).argmax(1) == Y).double().mean())
    assert iso.measure(TTFS, (X, Y))["accuracy"] == iso.check(MODEL, TTFS, X, Y).accuracy == right
    assert iso.check(MODEL, TTFS, DataLoader(TensorDataset(X, Y), 7)).accuracy == right
    assert iso.measure(TTFS, X)["accuracy"] is None


@pytest.mark.parametrize("form", ["pair", "loader of pairs", "list of pairs", "data"])
def test_training_takes_what_has_labels(form: str) -> None:
    batches = {"loader of pairs": X.split(7), "list of pairs": X.split(11)}.get(form, (X,))
    expected = list(zip(batches, Y.split(len(batches[0])), strict=True))
    found, wanted = (iso.train.fit(iso.train.prepare(TTFS), data, 1, quiet=True) for data in (FORMS[form](), expected))
    assert all(torch.equal(a, b) for a, b in zip(found.parameters(), wanted.parameters(), strict=True))
    assert not torch.equal(found(X), TTFS(X))


@pytest.mark.parametrize("form", ["tensor", "pair without labels", "list of tensors"])
def test_training_says_that_labels_are_missing(form: str) -> None:
    with pytest.raises(InvalidData, match="a batch holds"):
        iso.train.fit(iso.train.prepare(TTFS), FORMS[form](), 1, quiet=True)


WRONG: dict[str, tuple[Callable[[], object], type[IsospikeError], str]] = {
    "an array": (lambda: iso.measure(TTFS, X.numpy()), InvalidData, "a ndarray.*torch.from_numpy"),
    "a batch of arrays": (lambda: iso.measure(TTFS, [np.zeros((2, 4))]), InvalidData, "a batch is a ndarray.*torch.from_numpy"),
    "a text": (lambda: iso.convert(MODEL, "mnist"), InvalidData, "the samples are a str.*a DataLoader"),  # type: ignore[arg-type]
    "a dict": (lambda: iso.measure(TTFS, [{"x": X}]), InvalidData, "a batch is a dict"),
    "three tensors a batch": (lambda: iso.measure(TTFS, [(X, Y, Y)]), InvalidData, "a batch is a tuple of 3"),
    "too few labels": (lambda: iso.measure(TTFS, (X, Y[:4])), InvalidData, "30 samples and 4 labels"),
    "a number": (lambda: iso.curve(RATE, 3), InvalidData, "the samples are a int"),  # type: ignore[arg-type]
    "no sample": (lambda: iso.measure(TTFS, []), InvalidData, "no sample"),
    "an empty tensor": (lambda: iso.check(MODEL, TTFS, X[:0]), InvalidData, "no sample"),
    "a tensor without a batch": (lambda: iso.convert(MODEL, torch.tensor(1.0)), InvalidData, "a batch is a Tensor"),
    "the model in place of samples": (lambda: iso.measure(TTFS, MODEL), InvalidData, "Exchange the arguments"),  # type: ignore[arg-type]
    "network and model exchanged": (lambda: iso.check(TTFS, MODEL, X), InvalidModel, "check.SpikingNetwork, Sequential.*Exchange the first two"),  # type: ignore[arg-type]
    "a network as the model": (lambda: iso.check(TTFS, TTFS, X), InvalidModel, "Exchange"),
    "a network to convert": (lambda: iso.convert(TTFS, X), InvalidModel, "SpikingNetwork already"),
    "a coding by name": (lambda: iso.convert(MODEL, X, coding="rate"), InvalidSetting, "not 'rate'.*METHODS"),  # type: ignore[arg-type]
    "a class as coding": (lambda: iso.convert(MODEL, X, coding=iso.Rate), InvalidSetting, "a coding is an object"),  # type: ignore[arg-type]
    "a loader to simulate": (lambda: iso.simulate(TTFS, [X]), InvalidData, "the input is a list.*measure"),  # type: ignore[arg-type]
    "a stage that is not there": (lambda: iso.simulate(TTFS, X).times("nosuch"), InvalidSetting, "no stage `nosuch`.*0, 2"),
    "a stage of a rate network": (lambda: iso.simulate(RATE, X).times("nosuch"), InvalidSetting, "no stage `nosuch`"),
    "another shape": (lambda: iso.measure(TTFS, torch.rand(20, 5)), InvalidData, r"\(5,\) do not fit"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.filterwarnings("ignore:the inputs have mean")
def test_what_is_wrong_is_said_by_name(what: str) -> None:
    call, error, reason = WRONG[what]
    with pytest.raises(error) as caught:
        call()
    assert re.search(reason, str(caught.value), re.S), caught.value
    assert caught.value.remedy


def test_a_wrong_shape_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """PyTorch would print the traceback of its own error before it is told."""
    with pytest.raises(InvalidModel, match="inputs of shape"):
        iso.convert(MODEL, torch.rand(20, 5))
    assert capfd.readouterr() == ("", "")


# What the samples are like.


@pytest.mark.parametrize("use", ["check", "measure", "measure, rate", "curve", "diagnose", "early"])
def test_inputs_unlike_the_calibration_are_warned_of(use: str) -> None:
    for unlike in (0.1 * X, 0.4 + 0.1 * X, 0.5 + 0.5 * X):
        with pytest.warns(UserWarning, match="the network was calibrated on 0.*preprocessed alike"):
            USES[use](unlike)
    USES[use](X.flip(0)[:20])  # warnings are errors here


def test_the_first_samples_must_be_many_enough_to_say_something() -> None:
    iso.measure(TTFS, 0.1 * X[:15])
