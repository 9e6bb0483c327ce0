"""Accuracy against spikes at a tiny size: every case is trained and counted, and none a second time."""

from dataclasses import replace
from pathlib import Path

import pytest

from isospike.experiments import EXPERIMENTS, keep, stanojevic2023_sparsity
from isospike.experiments._result import Settings
from isospike.store import Store

SPARSITY = EXPERIMENTS["stanojevic2023-sparsity"]


def test_accuracy_against_spikes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(samples=20, epochs=12, training=20, data_dir=data)
    result = SPARSITY.run(settings)
    assert [row.case for row in result.rows] == list(SPARSITY.CASES) and len(list(Store().root.glob("*/*.safetensors"))) == len(result.rows)
    found = {row.case: row.measured for row in result.rows}
    for figures in found.values():
        assert figures["hidden spikes per image"] == pytest.approx(600 * figures["spikes per hidden neuron"])
    assert found["weight 3"]["spikes per hidden neuron"] < found["no price"]["spikes per hidden neuron"]
    keep(result, Path("out"))
    assert Path("out", f"{result.name}.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(stanojevic2023_sparsity, "fit", None)
    assert SPARSITY.run(settings).rows == result.rows, "networks come from the cache"
    with pytest.raises(TypeError):
        SPARSITY.run(replace(settings, seed=1))
