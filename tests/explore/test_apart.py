"""A model that is read in another process is what is read here."""

import os
import sys
from pathlib import Path

import pytest
import torch

import isospike as iso
from isospike.errors import InvalidModel, UnsupportedOperation
from isospike.explore import read_apart
from isospike.importers import model_of, read

CODE = """
import os
import torch
from torch import nn

class Single(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
    def forward(self, x):
        y = self.layer(x)
        return y.float().to(y.dtype)

def seeded():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))

def drawn():
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))

def masked():
    torch.manual_seed(0)
    layer = nn.Linear(4, 3)
    torch.seed()
    layer.register_buffer("mask", torch.rand(3), persistent=False)
    layer.register_forward_hook(lambda own, _, out: out * own.mask)
    return nn.Sequential(layer)

def deep():
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(4, 4) for _ in range(300)))

def single():
    torch.manual_seed(0)
    return Single()

def sine():
    return nn.Sequential(nn.Linear(4, 3), nn.Softsign())

def dead():
    if os.environ.get("PARENT") != str(os.getpid()):
        os._exit(3)
    return seeded()
"""
X = torch.rand(8, 4, generator=torch.Generator().manual_seed(0))
WITHIN = torch.zeros(4), torch.ones(4)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "models_apart.py"
    path.write_text(CODE)
    return str(path)


@pytest.mark.parametrize("name", ["seeded", "drawn", "masked"])
def test_the_graph_is_that_of_this_very_model(file: str, name: str) -> None:
    model = model_of(f"{file}:{name}")
    assert isinstance(model, torch.nn.Module)
    found, expected = read_apart(f"{file}:{name}", model, X, WITHIN), read(model, X, WITHIN)
    assert torch.equal(found(X.double()), expected(X.double()))
    assert torch.allclose(found(X.double()), model.double()(X.double()), rtol=0, atol=1e-12)


def test_a_model_of_many_tensors_needs_few_files(file: str) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        assert len(read_apart(f"{file}:deep", model_of(f"{file}:deep"), X, WITHIN).nodes) > 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_errors_come_back(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsupportedOperation, match="has no spiking counterpart"):
        read_apart(f"{file}:sine", model_of(f"{file}:sine"), X, WITHIN)
    monkeypatch.setenv("PARENT", str(os.getpid()))
    with pytest.raises(InvalidModel, match="ended by itself"):
        read_apart(f"{file}:dead", model_of(f"{file}:dead"), X, WITHIN)


def test_the_original_in_double_precision_needs_no_exporter(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(f"{file}:seeded")
    conversion = iso.Conversion(model, X)
    monkeypatch.setattr(sys.modules["isospike.importers.torch"], "export", None)
    exact = conversion.original(torch.float64)(X.double())
    assert isinstance(model, torch.nn.Module) and torch.equal(exact, model.double()(X.double()))


def test_a_model_that_asks_for_single_precision_is_cast_as_a_program(file: str) -> None:
    model = model_of(f"{file}:single")
    assert isinstance(model, torch.nn.Module)
    weight, bias = (t.detach().double() for t in model.parameters())
    expected = X.double() @ weight.T + bias
    assert float((iso.Conversion(model, X).original(torch.float64)(X.double()) - expected).abs().max()) < 1e-12
