"""Every experiment of Lu & Xu at a tiny size: single neurons in full, networks hardly trained on noise, all pictures
drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from claims import MODULES, assert_printed_figures_are_shown, module_of, result_of
from isospike.codings import METHODS
from isospike.codings.methods import changed
from isospike.report.claim import Setup
from isospike.report.result import keep, read
from isospike_papers.lu2022.parts.deep import alexnet, alexnet_cifar10, vgg16
from isospike_papers.lu2022.parts.neurons import answers, volleys
from isospike_papers.lu2022.parts.setting import coding, convnet, synapses
from isospike_papers.shared.recipe import Recipe

LU = [name for name in MODULES if name.startswith("lu2022-")]
NEURONS = [f"lu2022-fig{number}" for number in (2, 7, 8, 9)]
TINY = Setup(samples=2, width=1, epochs=1, training=40)


@pytest.fixture
def few(data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With faces and motorbikes, and windows a twentieth as long where they are long."""
    place = data / "caltech101_faces_motorbikes"
    place.mkdir()
    for name in ("faces", "motorbikes"):
        np.savez(
            place / f"{name}_80x130_gray.npz",
            images=np.random.default_rng(0).integers(0, 256, (6, 80, 130)).astype(np.uint8),
        )
    monkeypatch.setattr(module_of("lu2022-fig17"), "TIMES", (2.0, 0.5, 1.0))
    table6 = module_of("lu2022-table6")
    monkeypatch.setattr(
        table6, "CASES", tuple(replace(case, printed=(10.0, 0.5), chosen=(5.0, 0.5)) for case in table6.CASES)
    )
    monkeypatch.setattr(module_of("lu2022-fig13"), "RANGES_HZ", (0.5, 1.0, 2.0, 5.0, 10.0, 100.0))
    monkeypatch.setattr(module_of("lu2022-fig13"), "SWEPT_AT_HZ", (10.0, 100.0))
    monkeypatch.setattr(module_of("lu2022-fig13"), "CONDUCTANCES", (0.0, 3.0))
    for name in ("lu2022-table4", "lu2022-fig12", "lu2022-fig13"):
        monkeypatch.setattr(module_of(name), "SECONDS", 0.5)
    monkeypatch.setattr(module_of("lu2022-fig16"), "TIMES", (0.25, 0.5))
    monkeypatch.setattr(module_of("lu2022-bias"), "TIMES", (10, 30, 100))
    monkeypatch.setattr(module_of("lu2022-bias"), "LAYER_TIMES", (10, 30, 100))
    monkeypatch.setattr(module_of("lu2022-fig18"), "TIMES", (1.0, 2.0, 10.0))
    return data


@pytest.mark.parametrize("name", LU)
def test_it_runs_and_says_what_it_found(name: str, few: Path) -> None:
    result = result_of(name, replace(TINY, data_dir=few))
    assert "Source: Lu 2022" in (module_of(name).__doc__ or "")
    assert result.held and all(row.measured for row in result.rows)
    if name in NEURONS:
        assert [claim for claim in result.held if not claim.holds] == []
    assert_printed_figures_are_shown(result)
    keep(result, Path("out"))
    assert read(Path("out", f"{name}.json")) == result
    assert Path("out", f"{name}.png").exists() == (result.picture is not None) and (result.picture or "table" in name)


def test_figures_of_an_independent_simulation() -> None:
    """A check of the paper that was written without this library: Tables II and III at T = 3, 4 and 30 s."""
    f = torch.arange(1, 31, dtype=torch.float64)
    relu = (0.5 * f - 2.16).clamp_min(0)
    for seconds, soft, zero in ((3.0, 0.644, 1.330), (4.0, 0.646, 1.383), (30.0, 0.745, 1.337)):
        drive = volleys((0.3, 0.2), torch.stack([f, f]), seconds)
        for reset, expected in (("soft", soft), ("zero", zero)):
            assert float((answers(drive, reset=reset) - relu).square().mean().sqrt()) == pytest.approx(
                expected, abs=6e-4
            )
    pairs = torch.from_numpy(np.random.default_rng(0).uniform(1, 60, (400, 2)).T.copy())
    drive, relu = volleys((0.3, 0.2), pairs, 3.0), (0.3 * pairs[0] + 0.2 * pairs[1] - 2.16).clamp_min(0)
    assert float((answers(drive) - relu).square().mean().sqrt()) == pytest.approx(0.48, abs=5e-3)
    assert float((answers(drive, reset="zero") - relu).square().mean().sqrt()) == pytest.approx(1.94, abs=5e-3)


def test_the_coding_is_the_papers() -> None:
    made = coding(10.0, 2.0, "zero", 3.0)
    assert made.steps == 200 and made.pool == "window" and made.initial == 0.0 and made.neuron.reset == "zero"
    assert made.normalise.high == pytest.approx(10.0)
    assert changed(coding(10.0, 2.0)) == changed(METHODS["lu2022"])


def test_networks_have_as_many_synapses_as_the_paper_prints() -> None:
    """Table VI: 0.33 M and 33 M, cut off behind the last digit.  AlexNet's 12.98 M has no layers of usual widths."""
    counted = [synapses(model) for model in (convnet(), vgg16(), alexnet())]
    assert counted[0] == 12 * 25 + 12 * 64 * 25 + 3136 * 100 + 100 * 10
    assert (counted[0] // 10**4, counted[1] // 10**6) == (33, 33)
    assert counted[2] == pytest.approx(12.98e6, rel=0.0015)
    assert not [
        name for model in (convnet(), vgg16(1), alexnet(1)) for name, _ in model.named_parameters() if "bias" in name
    ]


def test_the_full_size_is_trained_as_the_paper_says(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """§V-E5: 200 epochs of SGD with momentum 0.9 and a rate of 0.001 that stays, batches of 128."""
    asked: list[Recipe] = []
    monkeypatch.setattr("isospike_papers.lu2022.parts.deep.subject", lambda recipe, *_: asked.append(recipe))
    alexnet_cifar10(Setup(size="full", width=64, data_dir=data))
    (recipe,) = asked
    optimizer = recipe.optimizer([torch.nn.Parameter(torch.zeros(1))])
    assert (recipe.epochs, recipe.decay, recipe.batch, recipe.shift, recipe.flip) == (200, 1.0, 128, 0, False)
    assert isinstance(optimizer, torch.optim.SGD)
    assert (optimizer.defaults["lr"], optimizer.defaults["momentum"]) == (0.001, 0.9)
