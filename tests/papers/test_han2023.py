"""Every experiment of Han 2023 at a tiny size: its files say what it found; what holds for any network, trained or
not, holds."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from claims import MODULES, assert_printed_figures_are_shown, result_of
from isospike.measure import Moment
from isospike.report.claim import Setup
from isospike.report.page import page
from isospike.report.result import keep
from isospike_papers.han2023.parts.curves import error, measured, notes, settled, share, steps_to, times
from isospike_papers.han2023.parts.nets import ACTIVATIONS, NETS

TINY = Setup(samples=4, width=1, epochs=1, training=24)
HAN = sorted(name for name in MODULES if name.startswith("han2023"))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of few layers, run for few steps."""
    for name, net in NETS.items():
        monkeypatch.setitem(NETS, name, replace(net, layers=net.layers[:3], steps=20))
    measured.cache_clear()


@pytest.mark.parametrize("name", HAN)
@pytest.mark.usefixtures("short")
def test_an_experiment_is_whole(name: str, data: Path) -> None:
    result = result_of(name, replace(TINY, data_dir=data))
    assert result.name == name and result.rows and result.held
    assert_printed_figures_are_shown(result)
    keep(result, Path("out"))
    with Path("out", f"{name}.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(result.rows)
    assert Path("out", f"{name}.png").exists() == ("fig" in name)
    if name == "han2023-fig3":  # trains nothing, so that all of it holds
        assert [claim.text for claim in result.held if not claim.holds] == []
    assert f"## {name}" in page(Path("out"))[1].read_text()


@pytest.mark.parametrize("name", NETS)
def test_networks_have_the_sizes_of_the_paper(name: str) -> None:
    # [10⁶], Table 5 but for batch norms
    multiplications = {
        "Net1": 2.39,
        "Net2": 1.41,
        "Net3": 5.08,
        "Net4": 4.80,
        "Net5": 615.92,
        "Net6": 313.20,
    }
    net = NETS[name]
    with torch.device("meta"):
        model = net.make(ACTIVATIONS["stReLU"], net.share(Setup(size="full", width=64)))
    assert _macs(model, (3, 32, 32) if net.data == "cifar10" else (1, 28, 28)) / 1e6 == pytest.approx(
        multiplications[name], abs=0.006
    )


def _macs(model: torch.nn.Sequential, shape: tuple[int, ...]) -> float:
    x, total = torch.empty(2, *shape, device="meta"), 0
    for layer in model:
        x = layer(x)
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            total += x[0].numel() * layer.weight[0].numel()
    return total


def _moment(steps: int, accuracy: float, rms: float) -> Moment:
    return Moment(steps, accuracy, 0.8, 1.0, rms, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_a_curve_that_does_not_arrive_is_no_faster() -> None:
    early, late = (
        [_moment(1, 0.4, 1), _moment(2, 0.8, 1), _moment(4, 0.8, 1)],
        [_moment(4, 0.4, 1), _moment(8, 0.8, 1)],
    )
    never = [_moment(1, 0.4, 1), _moment(2, 0.4, 1)]
    assert share(early, late, 1.0) == 2 / 8 and share(late, early, 1.0) == 4
    assert share(never, late, 1.0) == share(never, never, 1.0) == math.inf
    assert share(early, never, 1.0) == 2 / 2


def test_notes_tell_the_training_that_was_done(data: Path) -> None:
    quick = replace(TINY, epochs=7, training=64, data_dir=data)
    (grey, *_), (colour, *_) = notes(quick, "Net1"), notes(quick, "Net6")
    for note in (grey, colour):
        assert "; 7 epochs instead of 300–400" in note and "the first 64 of" in note


def test_latency_is_read_off_the_whole_curve() -> None:
    moments = [_moment(1, 0.4, 0.8), _moment(2, 0.8, 0.4), _moment(4, 0.796, 0.2), _moment(8, 0.81, 0.1)]
    assert error(moments[0]) == pytest.approx(50) and error(moments[3]) < 0
    assert settled(moments) == 8 and settled(moments, 1.0) == 2 and settled(moments[:3]) is None
    assert (
        steps_to(moments, 0.3) == pytest.approx(2 * 2**0.415, rel=1e-3)
        and steps_to(moments, 0.05) is None
        and steps_to(moments, 1.0) == 1
    )
    assert times(24) == [*range(1, 17), 19, 23]
