"""Every experiment at a tiny size: its claims about exactness hold, and its files say what it found."""

import csv
import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from rich.console import Console

from isospike.data.lenet import lenet5, lenet5_architecture
from isospike.errors import InvalidData
from isospike.experiments import EXPERIMENTS, keep, reproduce
from isospike.experiments._lenet import train_lenet
from isospike.experiments._page import write_page
from isospike.experiments._result import Result, Settings, from_dict
from isospike.store import Store
from isospike.train.kept import Run

TABLE, FIG_4, FIG_5 = (f"stanojevic2023-{part}" for part in ("table2.1", "fig2.4", "fig2.5"))
TINY = Settings(samples=6, width=1, epochs=1, training=40, trials=2)
HERE = [case for case in EXPERIMENTS[TABLE].PAPER if case.subject.__name__.split("_")[-1] in ("mnist", "l1", "cifar10")]


def test_experiments_are_found_by_their_files() -> None:
    assert set(EXPERIMENTS) >= {TABLE, FIG_4, FIG_5}
    for module in EXPERIMENTS.values():
        assert (module.__doc__ or "").startswith("Claim: ")
        assert module.PAPER


@pytest.mark.parametrize("case", HERE, ids=lambda case: case.name)
def test_a_row_of_the_table_is_exact(case, data: Path) -> None:
    result = EXPERIMENTS[TABLE].run(replace(TINY, data_dir=data), (case,))
    assert [claim for claim in result.claims if not claim.holds] == []
    for row in result.rows:
        assert row.paper["active [%]"] and row.measured["agreement [%]"] == 100
        assert row.measured["images"] == (5 if "held-out" in row.case else 6)  # a tenth of 48 is held out


def test_what_is_not_here_is_said(data: Path) -> None:
    rows = EXPERIMENTS[TABLE].PAPER
    found = {case.name: case for case in rows}
    absent = tuple(case for name, case in found.items() if any(word in name for word in ("CIFAR-100", "Places365", "PASS", "ONNX")))
    result = EXPERIMENTS[TABLE].run(replace(TINY, data_dir=data), (rows[0], *absent))
    assert [row.note for row in result.rows if row.note.startswith("not run: ")] == [row.note for row in result.rows[1:]]
    assert len(absent) == 5
    with pytest.raises(InvalidData, match="none of the table's data sets is here"):
        EXPERIMENTS[TABLE].run(replace(TINY, data_dir=data), absent)


def test_cifar10_that_cannot_be_read_is_asked_for(data: Path) -> None:
    (data / "cifar10.npz").write_bytes(b"no archive")
    with pytest.raises(InvalidData, match=r"CIFAR-10 is not in[\s\S]*cifar10.npz with train_images[\s\S]*ISOSPIKE_DATA"):
        EXPERIMENTS[FIG_5].run(replace(TINY, data_dir=data))


def test_the_raster_shows_real_spikes(data: Path) -> None:
    result = EXPERIMENTS[FIG_4].run(replace(TINY, data_dir=data))
    exact = result.claims[:3]  # the last is about trained networks
    assert all(claim.holds for claim in exact), exact
    keep(result, Path("out"))
    assert Path("out", f"{FIG_4}.png").read_bytes().startswith(b"\x89PNG")


def test_sensitivity(data: Path) -> None:
    result = EXPERIMENTS[FIG_5].run(replace(TINY, data_dir=data))
    latency = {row.case: row.measured["latency"] for row in result.rows}
    # Windows grow with 1 + ζ but for those of dead layers; accuracies of an untrained network mean nothing.
    assert latency["ζ = -0.5"] + latency["ζ = 0.5"] == pytest.approx(2 * latency["ζ = 0"])
    assert latency["ζ = -0.5"] < latency["ζ = 0"]
    assert len(result.rows) == 15 + 6 + 6
    assert result.figure is not None


def test_results_are_written_and_read_back(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isospike.experiments.Settings", partial(Settings, width=1, epochs=1))
    console = Console(record=True, width=200)
    result = reproduce(FIG_4, Path("results"), samples=4, seed=1, data_dir=data, console=console)
    assert "34.92 / " in console.export_text()
    again = from_dict(json.loads(Path("results", f"{FIG_4}.json").read_text()))
    assert again == replace(result, figure=None)
    assert again.seed == 1 and set(again.versions) == {"isospike", "torch"}
    with Path("results", f"{FIG_4}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["layer 2 fires before t_max [%], paper"] == "34.92"
    assert f"![{result.title}]({FIG_4}.png)" in Path("results", "reproduction.md").read_text()
    assert not list(Path("results").glob("*.partial"))


def test_the_page_has_every_result_and_nothing_else_is_written(data: Path) -> None:
    """A folder called docs is somebody's, wherever the command is called."""
    Path("docs").mkdir()
    Path("docs", "reproduction.md").write_text("mine")
    result = EXPERIMENTS[TABLE].run(replace(TINY, data_dir=data), EXPERIMENTS[TABLE].PAPER[:1])
    keep(result, Path("results"))
    keep(_fake(result), Path("results"))
    Path("results", "other.json").write_text("{}")
    page = write_page(Path("results"), EXPERIMENTS)
    text = page.read_text()
    assert page == Path("results/reproduction.md")
    assert text.index(f"## {FIG_5}") < text.index(f"## {TABLE}")
    assert "**does not hold**: pigs fly" in text
    assert Path("docs", "reproduction.md").read_text() == "mine" and len(list(Path("docs").iterdir())) == 1
    assert f"]({TABLE}.csv)" in text and (page.parent / f"{TABLE}.csv").exists()


def _fake(result: Result) -> Result:
    claim = replace(result.claims[0], text="pigs fly", holds=False)
    return replace(result, name=FIG_5, claims=(claim,))


def test_training_goes_on_where_it_was_interrupted(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from isospike.experiments import _cases

    settings = replace(TINY, data_dir=data, epochs=3)
    whole = _cases.two_layers_mnist(settings).model.state_dict()
    shutil.rmtree(Store().root)
    keep = Run.keep

    def interrupted(run: Run, epoch: int, *arguments: object) -> None:
        keep(run, epoch, *arguments)
        if epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _cases.two_layers_mnist(settings)
    monkeypatch.setattr(Run, "keep", keep)
    resumed = _cases.two_layers_mnist(settings).model.state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_the_shipped_lenet_can_be_trained_again(data: Path) -> None:
    from safetensors.torch import load_file

    train_lenet(Path("lenet.safetensors"), replace(TINY, data_dir=data))
    lenet5_architecture().load_state_dict(load_file("lenet.safetensors"))
    assert set(lenet5().state_dict()) == set(load_file("lenet.safetensors"))
