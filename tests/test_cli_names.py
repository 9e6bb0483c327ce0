"""Names from the command line: however a data set is written, models by file, and files of the wrong kind."""

import random  # noqa: F401  # so that it is there
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

import isospike
from isospike.data import open_data
from isospike.data.named import NAMED
from isospike.errors import InvalidData, InvalidFile, InvalidModel
from isospike_cli.options import model_of
from test_cli import call

CODE = """
from torch import nn

class Small(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))

def number():
    return 3
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "small_net.py"
    path.write_text(CODE)
    return path


@pytest.mark.parametrize("name", ["FashionMNIST", "fashionmnist", "fashion-mnist", "Fashion_MNIST"])
def test_a_data_set_by_any_of_its_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dataset:
        data, targets = torch.zeros(2, 28, 28, dtype=torch.uint8), torch.tensor([0, 1])

    monkeypatch.setitem(NAMED, "fashion_mnist", lambda root, train, download: Dataset())
    assert open_data(name).name == "fashion_mnist"
    assert open_data("MNIST-Sample").name == "mnist_sample"


def test_a_folder_of_such_a_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("FashionMNIST").mkdir()
    with pytest.raises(InvalidData, match="FashionMNIST"):
        open_data("FashionMNIST")


def test_a_name_that_is_nearly_one() -> None:
    with pytest.raises(InvalidData, match=r"Did you mean fashion_mnist\?"):
        open_data("fashion_mnst")


def test_a_model_by_the_file_of_its_code(script: Path) -> None:
    made = model_of(f"{script}:Small")
    assert isinstance(made, nn.Module) and made(torch.zeros(1, 1, 28, 28)).shape == (1, 10)
    for name, said in (
        (f"{script}:number", "returned a int"),
        (f"{script}:nothing", "AttributeError"),
        (f"{script.with_name('gone.py')}:Small", "there is no file"),
    ):
        with pytest.raises(InvalidModel, match=said):
            model_of(name)


def test_a_file_that_is_called_like_a_module_does_not_take_its_place(tmp_path: Path) -> None:
    path = tmp_path / "random.py"
    path.write_text(CODE)
    model_of(f"{path}:Small")
    assert hasattr(sys.modules["random"], "Random")


def test_files_of_the_wrong_kind(script: Path, tmp_path: Path) -> None:
    model = model_of(f"{script}:Small")
    assert isinstance(model, nn.Module)
    scripted, weights, kept = tmp_path / "s.pt", tmp_path / "w.pt", tmp_path / "net.safetensors"
    with zipfile.ZipFile(scripted, "w") as archive:  # as torch.jit.save lays it out
        archive.writestr("s/code/__torch__.py", "")
        archive.writestr("s/data.pkl", "")
    torch.save(model.state_dict(), weights)
    isospike.save(isospike.convert(model, torch.rand(20, 1, 28, 28), input_range=(0.0, 1.0)), kept)
    for path, said in ((scripted, "is TorchScript"), (weights, "is a pickle"), (kept, "isospike run")):
        with pytest.raises(InvalidModel, match=said):
            model_of(str(path))
    onnx = tmp_path / "net.onnx"
    onnx.write_bytes(b"")
    with pytest.raises(InvalidFile, match=r"is a model, and no spiking network yet[\s\S]*isospike convert"):
        call("inspect", onnx)
