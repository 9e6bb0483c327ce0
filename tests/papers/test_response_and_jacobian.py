"""Two experiments of the thesis' chapter 3 at a tiny size: responses that are not linear, and Jacobians at
initialisation."""

from pathlib import Path

import pytest
import torch

from claims import result_of
from isospike.report.claim import Setup
from isospike.report.result import Result, keep, read
from isospike_papers.stanojevic2023.fig3_2 import HE, INVERSE, NAIVE, SLOPE_1, initialised, passed, spikes

RESPONSE, JACOBIAN = "stanojevic2023-response", "stanojevic2023-fig3.2"


def kept(name: str, settings: Setup, tmp_path: Path) -> Result:
    result = result_of(name, settings)
    keep(result, tmp_path)
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert read(tmp_path / f"{name}.json") == result
    return result


def test_linear_only_where_the_rise_is_slow(tmp_path: Path) -> None:
    result = kept(RESPONSE, Setup(samples=20), tmp_path)
    failing = [claim.text for claim in result.held if not claim.holds]
    assert len(failing) == 2 and all("3.18" in text for text in failing)
    measured = {row.case: row.measured for row in result.rows}
    for t, excess in ((0.5, 63.17), (0.1, 10.47), (0.01, 1.005)):
        assert measured[f"t = {t} τ1, τ2 = 2 τ1"]["t/τ1 exceeds a(t) by [%]"] == pytest.approx(excess, rel=1e-3)


def test_what_holds_of_jacobians(tmp_path: Path) -> None:
    result = kept(JACOBIAN, Setup(trials=2), tmp_path)
    assert [claim.text for claim in result.held if not claim.holds] == [
        "slope 1: the vanishing-gradient problem is avoided"
    ]


@pytest.mark.parametrize("kind", [NAIVE, SLOPE_1, INVERSE, HE])
def test_the_jacobian_is_that_of_eq_3_12(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = initialised(kind, torch.randn(20, 20, generator=generator, dtype=torch.float64) / 20**0.5)
    x = torch.rand(4, 20, generator=generator, dtype=torch.float64)
    lead = spikes(layer, x)[0]
    # Neither silent nor held at t_min
    active = (lead > 0) & (layer.slope > 0) & (lead < 1.5 * float((x @ layer.weight.T).max()))
    assert 0 < int(active.sum()) < 20
    assert torch.allclose(passed(layer, x), active[:, None] * layer.jacobian, atol=1e-14)
    if kind in (SLOPE_1, INVERSE, HE):
        assert torch.allclose(lead, (layer.jacobian @ x[0]).relu(), atol=1e-14)
    if kind == INVERSE:
        assert bool((layer.ramp == 1).all()) and bool((layer.slope > 0).all())
