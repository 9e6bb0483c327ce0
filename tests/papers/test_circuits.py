"""Circuits of small networks at a tiny size: nothing differs, and the table and the picture are made."""

import shutil
from pathlib import Path

import pytest

from claims import result_of
from isospike.report.claim import Setup
from isospike.report.result import keep
from isospike_papers.stanojevic2023 import a_3


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="there is no iverilog")
def test_circuits_are_proven_and_compared(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(a_3, "NETWORKS", {"Iris": ("iris", (4, 3, 3))})
    monkeypatch.setattr(a_3, "EPOCHS", 2)
    monkeypatch.setattr(a_3, "TUNED", 1)
    result = result_of("stanojevic2023-a.3", Setup(samples=5, trials=2, size="quick", data_dir=data))
    assert [row.case for row in result.rows][:8:2] == [f"Iris, T = 7, {case}" for case in a_3.CASES]
    assert all(row.measured["differing"] == 0 and row.measured["numbers compared"] > 1000 for row in result.rows[:8])
    assert len(result.rows) == (12 if shutil.which("yosys") else 8), "a neuron of each is held for all inputs"
    assert result.held[0].holds
    keep(result, Path("out"))
    assert Path("out", "stanojevic2023-a.3.png").read_bytes().startswith(b"\x89PNG")
    if a_3.OSU018.exists() and shutil.which("yosys"):
        ann, circuit = result.rows[0].measured, result.rows[2].measured
        assert ann["energy alone [pJ]"] == pytest.approx(4 * ann["energy behind others [pJ]"])
        assert circuit["energy alone [pJ]"] == circuit["energy behind others [pJ]"]
