"""Table 2.1 and Figures 2.4 and 2.5 of the thesis at a tiny size: what is exact is exact; networks are kept, and
trained on where they were left."""

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import isospike as iso
from claims import module_of, result_of
from isospike.errors import InvalidData
from isospike.report.claim import Setup
from isospike.report.result import Result, keep
from isospike.store import Store, plain
from isospike.train.kept import Run
from isospike.zoo import lenet, lenet5
from isospike_papers.shared.halved import Halved, HalvedRecipe
from isospike_papers.shared.recipe import Recipe
from isospike_papers.stanojevic2023.parts.lenet import main
from isospike_papers.stanojevic2023.parts.subjects import Decaying, two_layers_mnist
from isospike_papers.stanojevic2023.table2_1 import QUOTED, SUBJECTS

TABLE, FIG_4, FIG_5 = (f"stanojevic2023-{part}" for part in ("table2.1", "fig2.4", "fig2.5"))
TINY = Setup(samples=6, width=1, epochs=1, training=40, trials=2)
HERE = [name for name, made in SUBJECTS.items() if made.__name__.split("_")[-1] in ("mnist", "l1", "cifar10")]


def table(names: Iterable[str], data: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setattr(module_of(TABLE), "SUBJECTS", {name: SUBJECTS[name] for name in names})
    return result_of(TABLE, replace(TINY, data_dir=data))


@pytest.mark.parametrize("name", HERE)
def test_a_row_of_the_table_is_exact(name: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = table((name,), data, monkeypatch)
    assert [claim for claim in result.held if not claim.holds] == []
    for row in result.rows[: -len(QUOTED)]:
        assert row.paper["active [%]"] and row.measured["agreement [%]"] == 100
        assert row.measured["images"] == (5 if "held-out" in row.case else 6)  # a tenth of 48 is held out


def test_what_is_not_here_is_said(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = tuple(set(SUBJECTS) - set(HERE))
    _, *rows = table((HERE[0], *absent), data, monkeypatch).rows
    assert [row.note for row in rows if row.note.startswith("not run: ")] == [row.note for row in rows[: -len(QUOTED)]]
    assert [(row.case, row.measured, row.paper) for row in rows[-len(QUOTED) :]] == [
        (case, {}, figures) for case, figures in QUOTED.items()
    ]
    assert len(absent) == 5
    with pytest.raises(InvalidData, match="none of the table's data sets is here"):
        table(absent, data, monkeypatch)


def test_cifar10_that_cannot_be_read_is_asked_for(data: Path) -> None:
    (data / "cifar10.npz").write_bytes(b"no archive")
    with pytest.raises(
        InvalidData, match=r"CIFAR-10 is not in[\s\S]*cifar10.npz with train_images[\s\S]*ISOSPIKE_DATA"
    ):
        result_of(FIG_5, replace(TINY, data_dir=data))


def test_the_raster_shows_real_spikes(data: Path) -> None:
    result = result_of(FIG_4, replace(TINY, data_dir=data))
    exact = result.held[:3]  # the last is about trained networks
    assert all(claim.holds for claim in exact), exact
    keep(result, Path("out"))
    assert Path("out", f"{FIG_4}.png").read_bytes().startswith(b"\x89PNG")


def test_sensitivity(data: Path) -> None:
    result = result_of(FIG_5, replace(TINY, data_dir=data))
    latency = {row.case: row.measured["latency"] for row in result.rows}
    # Windows grow with 1 + ζ but for those of dead layers; accuracies of an untrained network mean nothing.
    assert latency["ζ = -0.5"] + latency["ζ = 0.5"] == pytest.approx(2 * latency["ζ = 0"])
    assert latency["ζ = -0.5"] < latency["ζ = 0"]
    assert len(result.rows) == 15 + 6 + 6
    assert result.picture is not None


def test_training_goes_on_where_it_was_interrupted(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = replace(TINY, data_dir=data, epochs=3)
    whole = two_layers_mnist(setup).model.state_dict()
    shutil.rmtree(Store().root)
    keep = Run.keep

    def interrupted(run: Run, epoch: int, *arguments: object) -> None:
        keep(run, epoch, *arguments)
        if epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        two_layers_mnist(setup)
    monkeypatch.setattr(Run, "keep", keep)
    resumed = two_layers_mnist(setup).model.state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_the_shipped_lenet_can_be_trained_again(data: Path) -> None:
    main("lenet.safetensors", replace(TINY, data_dir=data))
    lenet((1, 28, 28), 10, norm=True).load_state_dict(load_file("lenet.safetensors"))
    assert set(lenet5().state_dict()) == set(load_file("lenet.safetensors"))


def test_weights_of_colour_images_decay() -> None:
    """One step of SGD by hand: w − rate · (gradient + decay · w)."""
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    weight.grad = torch.tensor([0.5])
    recipe = Decaying("n", 1, rate=0.1, momentum=0.9)
    recipe.optimizer([weight]).step()
    assert weight.item() == pytest.approx(2 - 0.1 * (0.5 + 5e-4 * 2))
    assert plain(recipe.key) != plain(Recipe("n", 1, rate=0.1, momentum=0.9).key)


def processor(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: kind)


def test_half_precision_is_of_training_only(monkeypatch: pytest.MonkeyPatch) -> None:
    processor("AVX512", monkeypatch)
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 3))
    halved, x = Halved(*layers), torch.rand(8, 1, 8, 8)
    exact, coarse = layers.train()(x), halved.train()(x)
    assert coarse.dtype == torch.float32 and 1e-5 < float((coarse - exact).detach().abs().max()) < 0.05
    coarse.sum().backward()
    assert {p.grad.dtype for p in halved.parameters() if p.grad is not None} == {torch.float32}
    layers.eval(), halved.eval()
    with torch.no_grad():
        assert torch.equal(halved(x), layers(x)), "what is reported is of single precision"
        network = iso.convert(halved, x, input_range=(0.0, 1.0))
        assert float((network(x) - layers(x)).abs().max()) < 1e-4


def test_processors_that_imitate_half_precision_train_in_single(monkeypatch: pytest.MonkeyPatch) -> None:
    layers, x, kept = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()).train(), torch.rand(8, 1, 8, 8), {}
    for kind in ("AVX2", "AVX512"):
        processor(kind, monkeypatch)
        halved = Halved(*layers).train()
        assert torch.equal(halved(x), layers(x)) == (kind == "AVX2")
        kept[kind] = HalvedRecipe("n", 1).at(Setup())
    assert (kept["AVX2"].products, kept["AVX512"].products) == ("float32", "bfloat16")
    assert plain(kept["AVX2"].key) != plain(kept["AVX512"].key), "networks trained so are not taken for one another"
