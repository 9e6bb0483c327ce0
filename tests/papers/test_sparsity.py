"""Accuracy against spikes at a tiny size: every case is trained and counted, and none a second time."""

from dataclasses import replace
from pathlib import Path

import pytest

from claims import result_of
from isospike.report.claim import Setup
from isospike.report.result import keep
from isospike.store import Store
from isospike_papers.stanojevic2023 import sparsity

NAME = "stanojevic2023-sparsity"


def test_accuracy_against_spikes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Setup(samples=20, epochs=12, training=20, data_dir=data)
    result = result_of(NAME, settings)
    assert [row.case for row in result.rows] == list(sparsity.CASES) and len(
        list(Store().root.glob("*/*.safetensors"))
    ) == len(result.rows)
    found = {row.case: row.measured for row in result.rows}
    for figures in found.values():
        assert figures["hidden spikes per image"] == pytest.approx(600 * figures["spikes per hidden neuron"])
    assert found["weight 3"]["spikes per hidden neuron"] < found["no price"]["spikes per hidden neuron"]
    keep(result, Path("out"))
    assert Path("out", f"{result.name}.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(sparsity, "fit", None)
    assert result_of(NAME, settings).rows == result.rows, "networks come from the cache"
    with pytest.raises(TypeError):
        result_of(NAME, replace(settings, seed=1))
