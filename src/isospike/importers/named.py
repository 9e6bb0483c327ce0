"""Models by name: a file, or the function that makes one; and the hash of what a model is."""

import hashlib
import importlib
import importlib.util
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from isospike.errors import InvalidModel
from isospike.importers.model import Model


def model_of(name: str) -> Model:
    """The model that a name stands for.  Never unpickles."""
    path = Path(name)
    if path.suffix in (".onnx", ".pt2"):
        return path
    if ":" in name and not path.exists():
        return _made(*name.rsplit(":", 1))
    if path.suffix == ".safetensors":
        raise InvalidModel(
            f"`{name}` holds tensors, or a spiking network that was converted already.",
            "The model that it is to be, or was, made from.",
            f"A spiking network runs by: isospike run {name}; weights need the code of their network: "
            "package.module:factory.",
        )
    raise InvalidModel(
        f"`{name}` {_reason(path)} loaded.",
        "An .onnx file, a torch.export archive (.pt2), package.module:factory or file.py:factory.",
        "Load it in your own code and pass `package.module:factory`, or export it: "
        "torch.export.save(torch.export.export(model, (x,)), 'model.pt2').",
    )


def digest(model: Model) -> str:
    """A hash of a model's file, or of its layers, tensors and numbers, whether it would save them or not."""
    found = hashlib.sha256()
    if isinstance(model, Path):
        found.update(model.read_bytes())
    elif isinstance(model, nn.Module):
        found.update(repr(model).encode())
        state = model.state_dict() | dict(model.named_buffers())
        for path, part in model.named_modules():
            plain = {name: value for name, value in vars(part).items() if not name.startswith("_")}
            own = {f"{path}.{name}": value for name, value in plain.items() if name != "training"}
            state |= {name: value for name, value in own.items() if isinstance(value, Tensor)}
            told = {name: value for name, value in own.items() if isinstance(value, int | float | str | tuple)}
            found.update(repr(sorted(told.items())).encode())
        for name, tensor in state.items():
            found.update(name.encode() + tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:12]


def _reason(path: Path) -> str:
    if path.suffix not in (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt"):
        return "is not a model that can be read, so it was not"
    with suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        if any("/code/" in member for member in archive.namelist()):
            return "is TorchScript, which torch.export has replaced, so it is not"
    return "is a pickle, which can run any code when it is opened, so it is not"


def _imported(module: str) -> ModuleType:
    """A module by its name, or by the path of its file."""
    path = Path(module)
    if path.suffix != ".py":
        return importlib.import_module(module)
    name = f"isospike.model.{path.stem}"  # of its own: a file may be called as a module is that others import
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def _made(module: str, factory: str) -> nn.Module:
    supported = (
        "package.module:factory or file.py:factory: a class or a function without arguments that makes an nn.Module."
    )
    try:
        made = getattr(_imported(module), factory)()
    except Exception as error:  # it is the user's code
        raise InvalidModel(
            f"`{module}:{factory}` cannot be imported or called: {type(error).__name__}: {error}",
            supported,
            "Call it in a Python session to see where.",
        ) from error
    if not isinstance(made, nn.Module):
        raise InvalidModel(
            f"`{module}:{factory}` returned a {type(made).__name__}.", supported, "Return the model itself."
        )
    return made
