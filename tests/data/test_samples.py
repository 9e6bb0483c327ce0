"""One data contract: whatever holds samples is taken wherever samples go in, and the same comes of it; what is missing
is said by name."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import isospike as iso
from isospike.constraints import DoubleExponential
from isospike.data import Data, pairs
from isospike.errors import InvalidData, InvalidModel, InvalidSetting, IsospikeError
from isospike.measure import early
from isospike.simulate import Simulator, StepByStep

X = torch.rand(30, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.arange(30) % 3


def model() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double().eval().requires_grad_(False)


MODEL = model()
TTFS = iso.convert(MODEL, X, input_range=(0.0, 1.0))
RATE = iso.convert(MODEL, X, iso.Rate(steps=8), input_range=(0.0, 1.0))
POISSON = iso.convert(MODEL, X, iso.Rate(steps=8, encoder=iso.encoders.Poisson), input_range=(0.0, 1.0))


def once() -> Iterator[tuple[Tensor, Tensor]]:
    return zip(X.split(11), Y.split(11), strict=True)


FORMS: dict[str, Callable[[], Any]] = {
    "tensor": lambda: X,
    "pair": lambda: (X, Y),
    "pair without labels": lambda: (X, None),
    "loader of pairs": lambda: DataLoader(TensorDataset(X, Y), 7),
    "loader of a data set without labels": lambda: DataLoader(TensorDataset(X), 7),
    "tuple of one": lambda: (X,),
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
    "prepare": lambda data: list(
        iso.train.prepare(TTFS, [iso.TimeSteps(8)], calibration=data).network().state_dict().values()
    ),
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
    "a batch of arrays": (lambda: iso.measure(TTFS, [np.zeros((2, 4))]), InvalidData, "a batch is a "
        "ndarray.*torch.from_numpy"),
    "a text": (lambda: iso.convert(MODEL, "mnist"), InvalidData, "the samples are a str.*a DataLoader"),  # type: ignore[arg-type]
    "a dict": (lambda: iso.measure(TTFS, [{"x": X}]), InvalidData, "a batch is a dict"),
    "three tensors a batch": (lambda: iso.measure(TTFS, [(X, Y, Y)]), InvalidData, "a batch is a tuple of 3"),
    "too few labels": (lambda: iso.measure(TTFS, (X, Y[:4])), InvalidData, "30 samples and 4 labels"),
    "a number": (lambda: iso.curve(RATE, 3), InvalidData, "the samples are a int"),  # type: ignore[arg-type]
    "no sample": (lambda: iso.measure(TTFS, []), InvalidData, "no sample"),
    "an empty tensor": (lambda: iso.check(MODEL, TTFS, X[:0]), InvalidData, "no sample"),
    "a tensor without a batch": (lambda: iso.convert(MODEL, torch.tensor(1.0)), InvalidData, "a batch is a Tensor"),
    "the model in place of samples": (lambda: iso.measure(TTFS, MODEL), InvalidData, "Exchange the arguments"),  # type: ignore[arg-type]
    "network and model exchanged": (lambda: iso.check(TTFS, MODEL, X), InvalidModel, "check.SpikingNetwork, "
        "Sequential.*Exchange the first two"),  # type: ignore[arg-type]
    "a network as the model": (lambda: iso.check(TTFS, TTFS, X), InvalidModel, "Exchange"),
    "a network to convert": (lambda: iso.convert(TTFS, X), InvalidModel, "SpikingNetwork already"),
    "a coding by name": (lambda: iso.convert(MODEL, X, coding="rate"), InvalidSetting, "not 'rate'.*METHODS"),  # type: ignore[arg-type]
    "a class as coding": (lambda: iso.convert(MODEL, X, coding=iso.Rate), InvalidSetting, "a coding is an object"),  # type: ignore[arg-type]
    "a loader to simulate": (lambda: iso.simulate(TTFS, [X]), InvalidData, "the input is a list.*measure"),  # type: ignore[arg-type]
    "a stage that is not there": (lambda: iso.simulate(TTFS, X).times("nosuch"), InvalidSetting, "no stage `nosuch`.*0, 2"),
    "a stage of a rate network": (lambda: iso.simulate(RATE, X).times("nosuch"), InvalidSetting, "no stage `nosuch`"),
    "two batches as a pair": (lambda: iso.measure(TTFS, (X, X.flip(0))), InvalidData, r"the labels are torch.float64 "
        r"\(30, 4\).*a list, \[a, b\]"),
    "complex labels": (lambda: iso.measure(TTFS, (X, Y + 0j)), InvalidData, "the labels are torch.complex64.*class "
        "number"),
    "labels in a list": (lambda: iso.measure(TTFS, [X, Y]), InvalidData, r"second of these two is torch.int64 "
        r"\(30,\).*\(samples, labels\)"),
    "too few labels of data": (lambda: iso.measure(TTFS, Data("x", X, Y[:4])), InvalidData, "30 samples and 4 labels"),
    "a dict as batch": (lambda: iso.measure(TTFS, [{"image": X, "label": Y}]), InvalidData, r"\(batch\['image'\], batch\['label'\]\) for batch in"),
    "a dict as samples": (lambda: iso.measure(TTFS, {"image": X, "label": Y}), InvalidData, r"a dict.*\(batch\['image'\], batch\['label'\]\)"),
    "a data set": (lambda: iso.measure(TTFS, TensorDataset(X, Y)), InvalidData, r"a "
        r"TensorDataset.*DataLoader\(dataset, batch_size=64\)"),
    "a loader without batches": (lambda: iso.measure(TTFS, DataLoader(TensorDataset(X, Y), batch_size=None)), InvalidData, r"one number for.*batch_size=64"),
    "a simulator by name": (lambda: iso.simulate(TTFS, X, "event-driven"), InvalidSetting, "simulator='event-driven'.*ClosedForm, EventDriven"),  # type: ignore[arg-type]
    "a class as simulator": (lambda: iso.simulate(TTFS, X, iso.EventDriven), InvalidSetting, r"simulate.*Make an object of it: EventDriven\("),  # type: ignore[arg-type]
    "measured in a text": (lambda: iso.measure(TTFS, X, "x"), InvalidSetting, "measure.simulator='x'"),  # type: ignore[arg-type]
    "checked in a text": (lambda: iso.check(MODEL, TTFS, X, simulators="closed-form"), InvalidSetting, "simulators='closed-form'.*ClosedForm"),  # type: ignore[arg-type]
    "checked in a class": (lambda: iso.check(MODEL, TTFS, X, simulators=[iso.ClosedForm]), InvalidSetting, "check.simulators=.*, in a sequence"),  # type: ignore[list-item]
    "constraints by name": (lambda: iso.constrain(TTFS, "jitter"), InvalidSetting, "constraints='jitter'.*SpikeJitter"),  # type: ignore[arg-type]
    "no constraints": (lambda: iso.constrain(TTFS, None), InvalidSetting, "constraints=.None"),  # type: ignore[arg-type]
    "a class as constraint": (lambda: iso.constrain(TTFS, [iso.TimeSteps]), InvalidSetting, "constraints=.*SpikeJitter"),  # type: ignore[list-item]
    "a constraint to prepare for by name": (lambda: iso.train.prepare(TTFS, "jitter"), InvalidSetting, "prepare.constraints='jitter'"),  # type: ignore[arg-type]
    **{
        f"a response as constraint {number}": (lambda call=call: call(), InvalidSetting, r"no constraint.*DoubleExponential\(tau1=1.0.*\)\(network\)")
        for number, call in enumerate((
            lambda: iso.constrain(TTFS, [DoubleExponential(1.0)]), lambda: iso.constrain(TTFS, DoubleExponential(1.0)),
            lambda: iso.train.prepare(TTFS, [DoubleExponential(1.0)]),
        ))
    },
    "one margin": (lambda: early(RATE, X, 3.0), InvalidSetting, "margins=3.0.*a number, in a sequence"),  # type: ignore[arg-type]
    "a broken number of steps to diagnose": (lambda: iso.diagnose(RATE, X, 2.5), InvalidSetting, "steps=2.5.*a whole number or None"),  # type: ignore[arg-type]
    "a seed of text": (lambda: early(RATE, X, [1.0], seed="x"), InvalidSetting, "early.seed='x'"),  # type: ignore[arg-type]
    "no place to save": (lambda: iso.save(TTFS, None), InvalidSetting, "save.path=None"),  # type: ignore[arg-type]
    "a number to load": (lambda: iso.load(3), InvalidSetting, "load.path=3"),  # type: ignore[arg-type]
    "bytes to load": (lambda: iso.load(b"m.safetensors"), InvalidSetting, "load.path=b'm"),  # type: ignore[arg-type]
    **{
        f"a model to {name}": (lambda f=f: f(MODEL), InvalidModel, f"{name}: the network is a Sequential.*Convert the "
            "model first")
        for name, f in {
            "measure": lambda m: iso.measure(m, X), "simulate": lambda m: iso.simulate(m, X), "diagnose": lambda m: iso.diagnose(m, X),
            "early": lambda m: early(m, X, [1.0]), "save": lambda m: iso.save(m, "m.safetensors"), "constrain": lambda m: iso.constrain(m, []),
            "Integers.of": iso.export.Integers.of, "prepare": iso.train.prepare,
        }.items()
    },
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


NO_BATCH: dict[str, tuple[Callable[[], Any], str]] = {
    "array": (lambda: X.numpy(), "a ndarray.*torch.from_numpy"),
    "list": (lambda: [X], "a list.*measure goes through loaders"),
    "pair": (lambda: (X, Y), "a tuple.*measure"),
    "text": (lambda: "a", "a str"),
    "nothing": (lambda: None, "a NoneType"),
}  # fmt: skip
NO_SAMPLES: dict[str, tuple[Callable[[], Any], str]] = {
    "complex": (lambda: X + 0j, "torch.complex"),
    "bool": (lambda: X > 0.5, "torch.bool"),
    "half": (lambda: X.half(), "torch.float16"),
    "sparse": (lambda: X.to_sparse(), r"sparse_coo.*x.to_dense"),
    "sparse rows": (lambda: X.to_sparse_csr(), "sparse_csr"),
    "meta": (lambda: X.to("meta"), "meta tensor.*in memory"),
    "nested": (lambda: torch.nested.nested_tensor([X]), "nested tensor"),
}


@pytest.mark.parametrize("network", [TTFS, RATE, POISSON], ids=["ttfs", "rate", "poisson"])
@pytest.mark.parametrize("what", NO_BATCH | NO_SAMPLES)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors", "ignore:Sparse CSR tensor support")
def test_what_is_no_batch_is_refused_alike_by_all_networks(network: iso.SpikingNetwork, what: str) -> None:
    make, reason = (NO_BATCH | NO_SAMPLES)[what]
    for run in (network, lambda x: iso.simulate(network, x)):
        with pytest.raises(InvalidData) as caught:
            run(make())
        assert re.search(reason, str(caught.value), re.S) and caught.value.remedy, caught.value


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("what", NO_SAMPLES)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors", "ignore:Sparse CSR tensor support")
def test_what_are_no_samples_are_refused_alike_everywhere(use: str, what: str) -> None:
    make, reason = NO_SAMPLES[what]
    for data in (make(), [make()]):
        with pytest.raises(InvalidData) as caught:
            USES[use](data)
        assert re.search(reason, str(caught.value), re.S) and caught.value.remedy, caught.value


SIMULATED: list[tuple[iso.SpikingNetwork, Simulator | None]] = [
    (TTFS, None), (TTFS, iso.EventDriven()), (TTFS, iso.Clocked(8)), (DoubleExponential(2.0)(TTFS), iso.EventDriven()),
    (RATE, None), (RATE, iso.EarlyExit()), (RATE, StepByStep()), (POISSON, None), (POISSON, iso.EarlyExit()),
]  # fmt: skip


@pytest.mark.parametrize(("network", "simulator"), SIMULATED)
def test_no_samples_have_no_answers_in_every_simulator(
    network: iso.SpikingNetwork, simulator: Simulator | None
) -> None:
    none, one = iso.simulate(network, X[:0], simulator), iso.simulate(network, X[:1], simulator)
    assert none.readout.shape == (0, 3) and none.readout.dtype == one.readout.dtype
    assert {name: tuple(code.shape) for name, code in none.codes.items()} == {
        name: (0, *code.shape[1:]) for name, code in one.codes.items()
    }
    assert none.steps is None or none.steps.shape == (0,)


def test_a_batch_of_no_samples_is_left_out() -> None:
    for use in USES:
        if not use.startswith(("convert", "prepare", "constrain")):
            assert USES[use]([X[:0], X, X[:0]]) == USES[use](X)


def test_one_simulator_or_constraint_is_taken_as_several_are() -> None:
    assert iso.check(MODEL, TTFS, X, simulators=iso.EventDriven()).simulators.keys() == {"EventDriven"}
    one, several = (iso.train.prepare(TTFS, given, X).network() for given in (iso.TimeSteps(8), [iso.TimeSteps(8)]))
    assert torch.equal(one(X), several(X)) and not torch.equal(one(X), TTFS(X))


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
