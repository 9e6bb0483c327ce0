"""Objects show themselves: a line or a small table, the same figures in a notebook, and no tensor."""

from collections.abc import Callable

import pytest
import torch

import isospike as iso
from isospike.data import open_data
from isospike.report import compare
from isospike.shown import Records, html, text
from isospike.zoo import lenet5

TRAIN, TEST = (open_data("mnist-sample", train=training).first(20) for training in (True, False))
IMAGES = next(iter(TEST))
NET = iso.convert(lenet5(), TRAIN, iso.TTFS(), TRAIN.input_range())
RATE = iso.convert(lenet5(), TRAIN, iso.Rate(steps=8), TRAIN.input_range())
CHIP = iso.constrain(NET, [iso.TimeSteps(7), iso.WeightBits(4)], [IMAGES])
SHOWN: dict[str, Callable[[], object]] = {
    "network": lambda: NET,
    "network of steps": lambda: RATE,
    "check": lambda: iso.check(lenet5(), NET, TEST),
    "trace": lambda: iso.simulate(NET, IMAGES),
    "curve": lambda: iso.curve(RATE, TEST.batches(), lenet5()),
    "diagnosis": lambda: iso.diagnose(RATE, TEST.batches()),
    "comparison": lambda: compare(lenet5(), TRAIN, list(TEST.batches()), {"rate": iso.Rate()}, 4),
    "methods": lambda: iso.METHODS,
}
ONLY_TEXT: dict[str, Callable[[], object]] = {
    "body": lambda: NET.body,
    "stage": lambda: NET.stages[0],
    "neuron": lambda: RATE.stages[0].neuron,
    "weights": lambda: NET.stages[0].groups[0].chain[0],
    "encoder": lambda: NET.body.encoder,
    "coding": lambda: iso.METHODS["han2023"],
    "data": lambda: TEST,
    "integers": lambda: iso.export.Integers.of(CHIP),
    "integer rates": lambda: iso.export.IntegerRates.of(RATE),
}


@pytest.mark.parametrize("name", [*SHOWN, *ONLY_TEXT])
def test_a_line_or_a_small_table_without_tensors(name: str) -> None:
    told = repr((SHOWN | ONLY_TEXT)[name]())
    assert 10 < len(told) < 4000 and "tensor(" not in told and "Parameter" not in told
    assert len(told.splitlines()) < 30


@pytest.mark.parametrize("name", SHOWN)
def test_a_notebook_shows_the_same(name: str) -> None:
    made = SHOWN[name]()
    shown = made._repr_html_()  # type: ignore[attr-defined]
    assert shown.count("<tr>") == shown.count("</tr>") > 1
    for word in repr(made).splitlines()[0].split():
        assert name == "check" or word.strip(",;()") in shown.replace("&#x27;", "'"), word


def test_what_the_line_of_a_network_says() -> None:
    assert repr(NET) == f"SpikingNetwork(FirstSpikeIF, SpikePool; 7 stages, 8,094 neurons, latency {NET.latency:.4g})"
    assert repr(RATE).endswith("8,094 neurons, T = 8)")
    assert repr(TEST) == "Data('mnist_sample', 20 samples, (1, 28, 28), 9 classes)"


def test_figures_of_a_trace_are_its_spikes() -> None:
    trace = iso.simulate(NET, IMAGES)
    first = trace.times(NET.stages[0].name)
    spikes = float(torch.isfinite(first).sum()) / len(IMAGES)
    assert repr(trace).splitlines()[2].split() == [NET.stages[0].name, "4,704", f"{spikes:.4g}"]


def test_tables() -> None:
    rows = [{"name": "a", "share of_all": 0.5, "none": None}, {"name": "bc", "share of_all": 1200.0, "none": None}]
    assert text(rows, "Two") == "Two\nname  share of all\na              0.5\nbc            1200"
    assert "<td>&lt;b&gt;</td>" in html([{"name": "<b>"}])
    assert repr(Records()) == "" and Records()._repr_html_()
