"""Targets that are real numbers: RMSE and R² against a plain computation; class numbers stay what they were."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score, root_mean_squared_error
from torch import Tensor, nn

import isospike as iso
from isospike.data import open_data
from isospike.errors import InvalidData
from isospike.measure.agreement import Agreement
from test_cli import figures

torch.manual_seed(0)
X = torch.rand(300, 5)


def model(outputs: int) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, outputs)).eval()


def targets(outputs: int) -> Tensor:
    return model(outputs)(X).detach() + 0.05 * torch.randn(300, outputs, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(("outputs", "column"), [(1, True), (1, False), (3, True)])
def test_root_mean_square_and_share_of_variance(outputs: int, column: bool) -> None:
    net, wanted = iso.convert(model(outputs), X), targets(outputs)
    found = net(X).numpy()
    labels = wanted if column else wanted[:, 0]
    measured = iso.measure(net, (X, labels))
    assert measured["accuracy"] is None
    assert measured["rmse"] == pytest.approx(root_mean_squared_error(wanted.ravel(), found.ravel()), rel=1e-5)
    assert measured["r2"] == pytest.approx(r2_score(wanted, found), rel=1e-5)
    report = iso.check(model(outputs), net, (X, labels))
    assert report.rmse == pytest.approx(measured["rmse"]) and report.r2_original == pytest.approx(report.r2, rel=1e-4)
    assert report.accuracy is None and "RMSE" in repr(report)


@pytest.mark.parametrize("offset", [1e6, 1e9])
def test_targets_far_from_zero_lose_no_digit(offset: float) -> None:
    wanted, found = targets(2).double() + offset, targets(2).double() + offset + 0.01
    agreement = Agreement()
    for part in range(0, 300, 50):
        agreement.add(found[part : part + 50], found[part : part + 50], wanted[part : part + 50])
    assert agreement.ours.r2 == pytest.approx(r2_score(wanted, found), rel=1e-6)
    same = Agreement()
    same.add(found, found, torch.full_like(found, offset + 0.1))
    assert same.ours.r2 is None and same.ours.rmse is not None


def test_steps_have_them_too() -> None:
    rate = iso.convert(model(2), X, iso.Rate(steps=64))
    moments = iso.curve(rate, (X, targets(2)), model(2))
    assert moments[0].rmse > moments[-1].rmse > 0 and moments[-1].r2 > 0.5  # type: ignore[operator]
    assert iso.measure(rate, (X, targets(2)))["rmse"] == moments[-1].rmse


def test_what_is_neither(tmp_path: Path) -> None:
    net = iso.convert(model(3), X)
    one_hot = nn.functional.one_hot(torch.arange(300) % 3, 3).float()
    for labels in (one_hot, torch.rand(300, 2), torch.rand(300)):
        with pytest.raises(InvalidData, match=r"Class numbers, whole.*or targets"):
            iso.measure(net, (X, labels))
    with pytest.raises(InvalidData, match="targets have NaN"):
        iso.measure(net, (X, torch.full((300, 3), torch.nan)))
    assert "rmse" not in iso.measure(net, (X, torch.arange(300) % 3))
    path = tmp_path / "wrong.npz"
    np.savez(path, images=X.numpy(), targets=np.arange(300))
    with pytest.raises(InvalidData, match="the targets are int64"):
        open_data(str(path))


def test_from_a_file(tmp_path: Path) -> None:
    path, kept = tmp_path / "d.npz", tmp_path / "net.safetensors"
    np.savez(path, images=X.numpy(), targets=targets(3).numpy())
    iso.save(iso.convert(model(3), X), kept)
    assert repr(open_data(str(path))) == "Data('d', 300 samples, (5,), targets)"
    assert figures("run", kept, "--data", path)["rmse"] == pytest.approx(0.05, rel=0.1)
