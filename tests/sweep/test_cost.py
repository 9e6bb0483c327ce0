"""What a study will take: the model of time by hand, and against the clock."""

from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import pytest
import torch
from torch import nn

import isospike as iso
from isospike.data import Data, open_data, pairs
from isospike.engine import SpikingNetwork
from isospike.sweep import Shard, Study, cost, estimate, run
from isospike.sweep.cost import FEW, HELD, Tried
from isospike.sweep.speed import SPARSE, Speed, Work, density, fit, work


def made(coding: iso.Coding) -> SpikingNetwork:
    torch.manual_seed(0)
    layers = [nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)]
    return iso.convert(nn.Sequential(*layers), torch.rand(50, 6), coding, input_range=(0.0, 1.0))


MACS = 6 * 5 + 5 * 4 + 4 * 3


def test_work_is_what_is_computed() -> None:
    assert work(made(iso.TTFS()).body, {}, 0) == Work(2 * MACS, 12)
    body = made(iso.Rate(steps=4)).body
    first, second = (stage.name for stage in body.stages[:2])
    # The constant current and the read-out's sum are computed once, and spikes of the first layer where they are.
    for share, seen in ((0.5, SPARSE / 2), (1.0, SPARSE), (1.0, 0.9)):
        for steps in (4, 8):
            assert work(body, {"input": 1.0, first: seen, second: 0.1}, steps) == Work(
                pytest.approx(MACS + 30 + 20 * steps * share + 12), 12 * steps
            )


def test_density_is_spikes_by_neuron_and_step() -> None:
    network = made(iso.Rate(steps=32))
    x = torch.rand(50, 6)
    trains = iso.simulate(network, x, iso.Stepped()).trains
    found = density(network, x)
    for name in (stage.name for stage in network.stages[:2]):
        assert found[name] == pytest.approx(float((trains[name] != 0).double().mean()))
    assert 0 < max(found[stage.name] for stage in network.stages[:2]) < 1


def test_a_fit_finds_the_speed_that_runs_had() -> None:
    true, begin = Speed(2e-11, 5e-9), 0.03
    works = [Work(1e8, 2e5), Work(1e6, 2e5)]
    points = [(one, n, begin + n * true.seconds(one)) for one in works for n in (2, 8)]
    found = fit(points)
    assert found.synapse == pytest.approx(true.synapse, rel=1e-6)
    assert found.neuron == pytest.approx(true.neuron, rel=1e-6)
    assert fit([(one, n, 1.0) for one, n, _ in points]).seconds(works[0]) == pytest.approx(0, abs=1e-9)


def test_a_study_is_the_sum_of_its_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    body = made(iso.Rate(steps=4)).body
    seen = {"input": 1.0} | {stage.name: 1.0 for stage in body.stages}
    tried = Tried(body, seen, calibrating=10.0, making=1.0, reading=0.25, begin=2.0, batch=64)
    asked: list[int] = []

    def once(_: Any, shard: Shard) -> Tried:
        asked.append(shard.steps or 0)
        return tried if shard.steps else replace(tried, body=made(iso.TTFS()).body)

    monkeypatch.setattr(cost, "_try", once)
    monkeypatch.setattr(cost, "_read", lambda _: None)
    monkeypatch.setattr(cost, "process_time", lambda: 0.0)
    monkeypatch.setattr(cost, "speed", lambda stepwise: Speed(0.001, 0.1, 7.0))
    monkeypatch.setattr(cost, "peak", lambda: 1.5)
    grid = Study(("isospike.zoo:lenet5",), "mnist-sample", ("ttfs", "rate"), ((0, 100), (100, 350)), steps=(8, 4), seeds=(0, 1),
                 constraints=({}, {"weight_bits": 4}), calibration=50)  # fmt: skip
    found = estimate(grid.shards)
    assert (found.shards, found.images, asked) == (24, 12 * 350, [0, 4])
    once_s, four, eight = 2 * MACS * 0.001 + 1.2, (MACS + 42 + 80) * 0.001 + 4.8, (MACS + 42 + 160) * 0.001 + 9.6
    assert found.seconds == pytest.approx(24 * 2.0 + 4 * 350 * (3 * 0.25 + once_s + four + eight))
    # A network without constraints draws nothing: it is one for both seeds.
    assert found.begin == pytest.approx(2 * 7.0 + 2 * 10.0 + 3 * 1.0 + 6 * 1.0)
    assert found.memory == pytest.approx(1.5 + HELD * (64 - FEW) * 5 / 1e9)
    assert tried.more(10) == HELD * (10 - FEW) * 5 and tried.more(1) == 0


def test_large_samples_come_in_small_batches() -> None:
    for shape, size in (((1, 28, 28), 256), ((3, 224, 224), 13), ((3, 2000, 2000), 1)):
        data = Data("x", torch.zeros(1, *shape, dtype=torch.uint8).expand(300, *shape), None)
        assert data.together == size and len(next(data.batches())[0]) == size
        assert [len(x) for x, _ in pairs(data)][:2] == [min(size, 300), min(size, 300 - size)]
        tensor = torch.zeros(1, *shape).expand(300, *shape)
        assert len(next(pairs(tensor))[0]) == len(next(pairs((tensor, torch.zeros(300))))[0]) == size
    assert [len(x) for x, _ in open_data("mnist-sample").batches()] == [256, 256, 256, 232]


@pytest.mark.parametrize("method", ["ttfs", "rate"])
def test_the_model_against_the_clock(method: str, tmp_path: Path) -> None:
    """Within a factor that other programs on the machine cannot make of it; docs/howto/sweep.md has the figures."""
    grid = Study(
        ("isospike.zoo:lenet5",), "mnist-sample", (method,), ((0, 400), (400, 800)), steps=(16,), calibration=20
    )
    found = estimate(grid.shards)
    run(grid.shards[0])
    started = process_time()
    run(grid.shards[1])
    measured = process_time() - started
    assert measured / 4 < found.seconds / 2 < measured * 4
    assert found.memory is None or 0.1 < found.memory < 50
