"""The experiments that train from scratch at a tiny size: twins see the same batches, runs are kept and resumed, all
pictures are drawn."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from claims import assert_printed_figures_are_shown, module_of, result_of
from isospike import simulate
from isospike.report.claim import Setup
from isospike.report.papers import claim
from isospike.report.result import keep, read
from isospike.store import Store
from isospike_papers.stanojevic2023.parts.inverse import equivalent, reordered, synapses_of, weights_of
from isospike_papers.stanojevic2023.parts.twins import HELD, MAPPABLE, RELU, Plan, Twins, opened

NAMES = [f"stanojevic2023-{part}" for part in ("table3.1", "table3.3", "fig3.3")]
TINY = Setup(samples=6, epochs=1, training=24, trials=2)
PLAN = Plan("fc2", "mnist", epochs=2, training=40, batch=8, rate=1e-3, double=True, traced=True)


def twins(data: Path, plan: Plan = PLAN) -> Twins:
    split = opened("mnist", data)
    return Twins(plan, split.train, split.reported["test set"])


def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """LeNet-5 on one data set, and narrow VGG16s."""
    cases = module_of(NAMES[0]).CASES[3:]
    monkeypatch.setattr(module_of(NAMES[0]), "CASES", [replace(one, width=one.width and 2) for one in cases])


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_says_what_it_found(name: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch)
    result = result_of(name, replace(TINY, data_dir=data))
    assert result.name == name and all(row.measured for row in result.rows if not row.note)
    assert_printed_figures_are_shown(result)
    exact = [
        claim
        for claim in result.held
        if any(word in claim.text for word in ("double", "so are outputs", "remain", "within rounding"))
    ]
    assert len(exact) == {NAMES[0]: 0, NAMES[1]: 2, NAMES[2]: 2}[name]
    assert [claim for claim in exact if not claim.holds] == []
    keep(result, Path("out"))
    assert read(Path("out", f"{name}.json")) == result
    assert Path("out", f"{name}.png").exists() == (name != NAMES[1])


def test_without_data_the_row_says_so(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "cifar10.npz").unlink()
    few(monkeypatch)
    result = result_of(NAMES[0], replace(TINY, data_dir=data))
    assert [row.case for row in result.rows if row.note] == ["VGG16, CIFAR-10"]


def test_the_printed_accuracies_are_those_of_vgg16() -> None:
    """Table 3.1 prints one line a data set and names no network."""
    table = claim(NAMES[0])
    printed = {case: tuple(figures.values()) for case, figures in table.paper.items()}
    assert printed == {
        "VGG16, MNIST": (99.57, 0.01, 99.57, 0.0),
        "VGG16, Fashion-MNIST": (94.24, 0.02, 94.26, 0.03),
        "VGG16, CIFAR-10": (93.68, 0.02, 93.69, 0.001),
    }
    assert not table.printed("LeNet-5, MNIST") and not table.printed("LeNet-5, Fashion-MNIST")


def test_at_full_size_the_plan_is_the_papers(data: Path) -> None:
    module = module_of(NAMES[0])
    full = claim(NAMES[0]).setup("full", data_dir=data)
    plan = module.CASES[-1].plan(full, 3)
    assert plan == Plan("vgg16", "cifar10", 50, batch=8, rate=5e-4, decay=0.9, seed=3)
    assert len(module.CASES[0].seeds_of(full)) == 16


@pytest.mark.parametrize("kind", [RELU, MAPPABLE, HELD])
def test_a_run_goes_on_where_it_was_interrupted(kind: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = twins(data).run(kind)
    (folder,) = Store().root.glob(f"{PLAN.network}-{PLAN.data}-{kind}-*")
    for path in folder.iterdir():
        path.unlink()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    step = torch.optim.Adam.step
    steps = 0

    def until(self: torch.optim.Adam, *arguments: object) -> object:
        nonlocal steps
        steps += 1
        if steps == 8:
            raise KeyboardInterrupt
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", until)
    with pytest.raises(KeyboardInterrupt):
        twins(data).run(kind)
    assert (folder / "checkpoint.ckpt").exists()
    monkeypatch.setattr(torch.optim.Adam, "step", step)
    resumed = twins(data).run(kind)
    monkeypatch.setattr("isospike_papers.stanojevic2023.parts.twins.fit", interrupted)
    kept = twins(data).run(kind)  # fetched
    assert whole.curve == resumed.curve == kept.curve and len(kept.curve) == 2
    for a, b in zip(whole.weights, kept.weights, strict=True):
        assert len(a) == 2 and all(torch.equal(v, w) for v, w in zip(a, b, strict=True))
    x, _ = twins(data).held_out[0]
    assert torch.equal(whole.outputs(x), kept.outputs(x))


def test_twins_see_the_same_batches(data: Path) -> None:
    one = twins(data)
    relu, mappable, held = (one.run(kind) for kind in (RELU, MAPPABLE, HELD))
    for a, b, c in zip(relu.curve, mappable.curve, held.curve, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-12)
        assert a["loss"] != pytest.approx(c["loss"], rel=1e-4) or a["epoch"] == 1
    other = replace(PLAN, seed=1)
    assert twins(data, other).run(RELU).curve != relu.curve


def test_the_inverse_map_gives_the_network_back(data: Path) -> None:
    one = twins(data, replace(PLAN, network="fc8", rescaled=True))
    x, _ = one.held_out[0]
    with torch.no_grad():
        expected = one.initial(x)
        assert max(float(layer.weight.sum(1).max()) for layer in one.initial if isinstance(layer, nn.Linear)) > 0.5
        other = reordered(one.initial, torch.Generator().manual_seed(0))
        assert not torch.equal(other[1].weight, one.initial[1].weight)
        assert torch.allclose(other(x), expected, rtol=0, atol=1e-12 * float(expected.abs().max()))
    for kind in (MAPPABLE, HELD):
        network = one.network(kind)
        again = equivalent(network, one.initial)
        assert all(
            torch.allclose(a, b, rtol=1e-12, atol=1e-12)
            for a, b in zip(weights_of(again), synapses_of(one.trainee(kind).body()), strict=True)
        )
        for a, b in zip(again.parameters(), one.initial.parameters(), strict=True):
            assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)
        assert torch.allclose(simulate(network, x).readout, expected, rtol=1e-9, atol=1e-9)
