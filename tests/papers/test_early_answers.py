"""The experiment on early answers at a tiny size: what does not depend on training holds, and weights are kept."""

from pathlib import Path

from claims import module_of, result_of
from isospike.report.claim import Setup
from isospike.store import Store


def test_early_answers(data: Path) -> None:
    name = "stanojevic2023-figA.2"
    module = module_of(name)
    tiny = Setup(samples=6, training=40, epochs=1, data_dir=data)
    result = result_of(name, tiny)
    assert all(claim.holds for claim in result.held[:2]), result.held
    assert len(result.rows) == 4 and result.rows[0].paper == {module.HIDDEN: 233}
    for row, (_, hidden) in zip(result.rows, module.CASES, strict=True):
        assert 0 < row.measured[module.HIDDEN] <= hidden * row.measured[module.SPIKES]
        assert 0 < row.measured[module.INPUT] <= 784
    assert result.picture is not None
    kept = {path: path.stat().st_mtime_ns for path in Store().root.glob("*/*.safetensors")}
    assert len(kept) == 8, "four networks of each kind"
    assert result_of(name, tiny).rows == result.rows
    assert {path: path.stat().st_mtime_ns for path in Store().root.glob("*/*.safetensors")} == kept
