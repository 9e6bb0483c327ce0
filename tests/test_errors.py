"""Whatever is wrong, the error says where and what, what is supported, and what to do; and nothing hostile is run,
nothing half-written left.

One row a case: what is wrong, how to provoke it (given an empty folder), the class of the error, and fragments of its
message."""

import errno
import io
import json
import math
import os
import pickle
import resource
import shutil
import struct
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from isospike import (
    TTFS,
    Clocked,
    EarlyExit,
    EventDriven,
    Latency,
    Rate,
    SlopeMismatch,
    SpikeJitter,
    SpikingNetwork,
    Stepped,
    TimeSteps,
    WeightBits,
    check,
    convert,
    load,
    measure,
    save,
    simulate,
)
from isospike.activations import QCFS, StReLU
from isospike.codings import Calibrate, Coding, ttfs
from isospike.codings.normalise import Percentile, SpikeNorm
from isospike.constraints import DoubleExponential
from isospike.data import open_data
from isospike.errors import (
    InvalidData,
    InvalidFile,
    InvalidModel,
    InvalidSetting,
    IsospikeError,
    OutOfRange,
    UnsupportedOperation,
)
from isospike.importers.archive import from_archive
from isospike.neurons import IF, BurstIF, TernaryIF
from isospike.train import Early
from isospike_cli import app
from zoo import Net, do

# torch.export's remark on nn.LSTM
pytestmark = pytest.mark.filterwarnings("ignore:The tensor attributes self.1:UserWarning")
UNIT = (0.0, 1.0)
X = torch.linspace(0, 1, 24).reshape(6, 4)


# What the cases are made of.


def model(middle: nn.Module | None = None) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 5), nn.ReLU() if middle is None else middle, nn.Linear(5, 3))


@cache
def network(outside: str = "error") -> SpikingNetwork:
    return convert(model(), X, TTFS(outside=outside), UNIT)  # type: ignore[arg-type]


def negative(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.data.neg_()


def with_layer(layer: nn.Module) -> SpikingNetwork:
    return convert(model(layer), X, input_range=UNIT)


def recurrent(layer: nn.Module) -> SpikingNetwork:
    return convert(model(Net(lambda m, x: m.a(x)[0], a=layer)), X, input_range=UNIT)


def with_weight(number: float) -> nn.Module:
    made = model()
    with torch.no_grad():
        made[2].weight[1, 2] = number
    return made


def with_number(number: float) -> Tensor:
    x = X.clone()
    x[2, 1] = number
    return x


def command(*args: object) -> None:
    """The command line without `main`, so that errors come out as they are."""
    name, *rest = map(str, args)
    app(name)(rest, standalone_mode=False)


def check_command(source: object, *more: object, data: object = "mnist-sample") -> None:
    command("check", source, "--data", data, "--samples", 2, *more)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def part_of(path: Path) -> Path:
    return written(path, path.read_bytes()[: path.stat().st_size * 2 // 3])


def onnx_file(folder: Path) -> Path:
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ("N", 4)) for name in "xy"]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", ends[:1], ends[1:])), folder / "m.onnx")
    return folder / "m.onnx"


def archive(folder: Path) -> Path:
    torch.export.save(torch.export.export(model(), (X,)), folder / "m.pt2")
    return folder / "m.pt2"


def snn_file(folder: Path) -> Path:
    save(network(), folder / "m.safetensors")
    return folder / "m.safetensors"


def changed_file(folder: Path, change: Callable[[Any, dict[str, Tensor]], Any]) -> Path:
    """A saved network, its header and tensors changed; `change` returns another header, or changes the one that it is
    given."""
    path = snn_file(folder)
    size = struct.unpack("<Q", path.read_bytes()[:8])[0]
    header = json.loads(json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"]["isospike"])
    tensors = load_file(path)
    other = change(header, tensors)
    save_file(tensors, path, {"isospike": other if isinstance(other, str) else json.dumps(header)})
    return path


def load_changed(folder: Path, change: Callable[[Any, dict[str, Tensor]], Any]) -> SpikingNetwork:
    return load(changed_file(folder, change))


def stage(header: Any, index: int = 0) -> Any:
    return header["network"]["fields"]["stages"][index]["fields"]


def npz(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "d.npz", **arrays)  # type: ignore[arg-type]
    return folder / "d.npz"


IMAGES = np.zeros((3, 4), np.float32)


def read_npz(folder: Path, **arrays: object) -> object:
    return open_data(str(npz(folder, **arrays)))


class Bomb:
    """Unpickling it makes the folder `exploded`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder / "exploded"),)


def pickled(folder: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save({"model": Bomb(folder)}, buffer)
    return buffer.getvalue()


def mined(folder: Path, **replaced: Callable[[bytes], bytes]) -> Path:
    """An archive with some of its records replaced, named by their stems."""
    path = archive(folder)
    with zipfile.ZipFile(path) as source:
        records = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(path, "w") as out:
        for name, content in records.items():
            stem = name.partition("/")[2].replace("/", "_").partition(".")[0]
            out.writestr(name, replaced.get(stem, lambda same: same)(content))
    return path


def in_json(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    def apply(content: bytes) -> bytes:
        tree = json.loads(content)
        change(tree)
        return json.dumps(tree).encode()

    return apply


def set_target(target: str) -> Callable[[bytes], bytes]:
    return in_json(lambda tree: tree["graph_module"]["graph"]["nodes"][0].update(target=target))


def set_size(expression: str) -> Callable[[bytes], bytes]:
    def change(tree: Any) -> None:
        next(iter(tree["graph_module"]["graph"]["tensor_values"].values()))["sizes"][0] = {
            "as_expr": {"expr_str": expression, "hint": None}
        }

    return in_json(change)


def set_name(name: str) -> Callable[[bytes], bytes]:
    """Another name of the input, wherever it is read."""
    return lambda content: content.replace(b'"name": "input"}', f'"name": "{name}"}}'.encode()).replace(
        b'"input": {', f'"{name}": {{'.encode()
    )


def set_structure(context: str) -> Callable[[bytes], bytes]:
    def change(tree: Any) -> None:
        leaf = {"type": "builtins.list", "context": context, "children_spec": []}
        tree["graph_module"]["module_call_graph"][0]["signature"]["out_spec"] = json.dumps([1, leaf])

    return in_json(change)


def pickled_weight(folder: Path) -> Path:
    def config(tree: Any) -> None:
        tree["config"]["0.weight"]["use_pickle"] = True

    return mined(
        folder, data_weights_model_weights_config=in_json(config), data_weights_weight_0=lambda _: pickled(folder)
    )


def folder_of_images(folder: Path, *files: tuple[str, tuple[int, int]]) -> Path:
    for name, size in files:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        Image.new("RGB", size).save(folder / name)
    return folder


def refuse(error: BaseException) -> Callable[..., Any]:
    def refusing(*args: object, **kwargs: object) -> None:
        raise error

    return refusing


def saved_where(folder: Path, place: str, error: BaseException, target: str = "m.safetensors") -> None:
    """Save over another file while `place` fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, refuse(error))
        save(network(), folder / target)


def mnist(folder: Path, download: Callable[..., None]) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torchvision.datasets.mnist.download_and_extract_archive", download)
        return open_data("mnist", directory=folder / "here")


def half_of_mnist(url: str, download_root: str, filename: str, md5: str) -> None:
    Path(download_root, filename).write_bytes(b"half")
    raise ConnectionResetError("connection lost")


@dataclass(frozen=True)
class Case:
    what: str
    provoke: Callable[[Path], object]
    error: type[IsospikeError]
    fragments: tuple[str, ...]


def case(what: str, provoke: Callable[[Path], object], error: type[IsospikeError], *fragments: str) -> Case:
    return Case(what, provoke, error, fragments)


NOT_RUN = ("which could run code, so it was not loaded", "torch.ops.aten", "package.module:factory")

CASES: Sequence[Case] = (
    # model files
    case("missing ONNX", lambda f: check_command(f / "none.onnx"), InvalidModel, "none.onnx does not exist", "Check the path"),
    case("truncated ONNX", lambda f: check_command(part_of(onnx_file(f))), InvalidModel, "m.onnx", "Export or download it again"),
    case("empty ONNX", lambda f: check_command(written(f / "m.onnx", b"")), InvalidModel, "m.onnx holds no ONNX network", "Export"),
    case("garbage ONNX", lambda f: check_command(written(f / "m.onnx", b"\xffgarbage" * 9)), InvalidModel, "m.onnx", "Export or download it again"),
    case("missing .pt2", lambda f: check_command(f / "none.pt2"), InvalidModel, "none.pt2` does not exist", "Check the path"),
    case("truncated .pt2", lambda f: check_command(part_of(archive(f))), InvalidModel, "m.pt2` cannot be read", "Export it again"),
    case("empty .pt2", lambda f: check_command(written(f / "m.pt2", b"")), InvalidModel, "m.pt2` cannot be read", "Export it again"),
    case("garbage .pt2", lambda f: check_command(written(f / "m.pt2", b"garbage" * 99)), InvalidModel, "m.pt2` cannot be read", "Export it again"),
    case("pickle named .pt2", lambda f: check_command(written(f / "m.pt2", pickled(f))), InvalidModel, "m.pt2` cannot be read", "Export it again"),
    case("pickled weight in .pt2", lambda f: check_command(pickled_weight(f)), InvalidModel, "a pickled object (`weight_0`)", *NOT_RUN),
    case("function in .pt2", lambda f: check_command(mined(f, models_model=set_target("torch.os.system"))), InvalidModel, "`torch.os.system`", *NOT_RUN),
    case("operation that writes, in .pt2", lambda f: check_command(mined(f, models_model=set_target("torch.ops.aten.from_file.default"))), InvalidModel, "from_file", *NOT_RUN),
    case("code as a size in .pt2", lambda f: check_command(mined(f, models_model=set_size(f"__import__('os').mkdir('{f}/exploded')"))), InvalidModel, "mkdir", *NOT_RUN),
    case("code as a name in .pt2", lambda f: check_command(mined(f, models_model=set_name(f"x=__import__('os').mkdir('{f}/exploded')"))), InvalidModel, "the name `x=__import__", *NOT_RUN),
    case("code as a key in .pt2", lambda f: check_command(mined(f, models_model=set_structure('["x=open(0)"]'))), InvalidModel, "x=open(0)", *NOT_RUN),
    case("import in .pt2", lambda f: check_command(mined(f, models_model=set_structure('{"__enum__": 1, "fqn": '
        '"this:x", "name": "y"}'))), InvalidModel, "container", *NOT_RUN),
    case(".pt model", lambda f: check_command(written(f / "m.pt", pickled(f))), InvalidModel, "m.pt` is a pickle, which can run any code", "torch.export.save"),
    case(".pth model", lambda f: check_command(written(f / "m.pth", pickled(f))), InvalidModel, "m.pth` is a pickle, which can run any code", "torch.export.save"),
    case(".pkl model", lambda f: check_command(written(f / "m.pkl", pickle.dumps(Bomb(f)))), InvalidModel, "m.pkl` is a pickle", "package.module:factory"),
    case("folder as model", check_command, InvalidModel, "is not a model that can be read", "package.module:factory"),
    case("no such module", lambda f: check_command("no.such:thing"), InvalidModel, "`no.such:thing`", "No module named 'no'", "without arguments"),
    case("no such factory", lambda f: check_command("isospike.zoo:lenet6"), InvalidModel, "lenet6", "without arguments"),
    case("factory of no model", lambda f: check_command("builtins:dict"), InvalidModel, "`builtins:dict` returned a dict", "Return the model itself"),
    case("factory that needs arguments", lambda f: check_command("torch.nn:Linear"), InvalidModel, "`torch.nn:Linear`", "TypeError", "without arguments"),
    case("something else as model", lambda f: convert("m.onnx", X, input_range=UNIT), InvalidModel, "m.onnx does not exist", "Check the path"),
    case("a number as model", lambda f: convert(3, X, input_range=UNIT), InvalidModel, "a int is not a model", "nn.Module"),  # type: ignore[arg-type]
    case("a text as model", lambda f: convert("lenet", X, input_range=UNIT), InvalidModel, "`lenet` is not a model", ".onnx or .pt2"),
    # operations
    case("GELU", lambda f: with_layer(nn.GELU()), UnsupportedOperation, "`1` (aten.gelu)", "relu", "Replace what is listed"),
    case("sigmoid", lambda f: with_layer(nn.Sigmoid()), UnsupportedOperation, "`1` (aten.sigmoid)", "relu", "Replace what is listed"),
    case("LSTM", lambda f: recurrent(nn.LSTM(5, 5)), UnsupportedOperation, "`1.a` (aten.lstm.input)", "Replace what is listed"),
    case("GRU", lambda f: recurrent(nn.GRU(5, 5)), UnsupportedOperation, "`1.a` (aten.gru.input)", "Replace what is listed"),
    case("RNN", lambda f: recurrent(nn.RNN(5, 5)), UnsupportedOperation, "`1.a` (aten.rnn_tanh.input)", "Replace what is listed"),
    case("soft-max inside", lambda f: with_layer(nn.Softmax(1)), UnsupportedOperation, "`1`", "before the output", "Replace what is listed"),
    case("leaky ReLU that turns back", lambda f: with_layer(nn.LeakyReLU(-0.1)), UnsupportedOperation, "`1` (aten.leaky_relu)", "slope -0.1", "Replace what is listed"),
    case("hardtanh to −1", lambda f: with_layer(nn.Hardtanh(-2, -1)), UnsupportedOperation, "`1` (aten.hardtanh)", "at most 0"),
    case("staircase to −1", lambda f: with_layer(QCFS(4).apply(negative)), UnsupportedOperation, "`1` (isospike.staircase)", "above 0", "Replace what is listed"),
    case("threshold ReLU at −1", lambda f: StReLU(-1.0), InvalidSetting, "StReLU(threshold=-1.0)", "threshold > 0", "Choose numbers"),
    case("clamp from 0.5", lambda f: with_layer(do(torch.clamp, min=0.5)), UnsupportedOperation, "`1` (aten.clamp)", "clamp from at most 0"),
    case("product of values", lambda f: with_layer(do(lambda x: x * x)), UnsupportedOperation, "`1`", "product", "Replace what is listed"),
    case("unknown operation", lambda f: with_layer(do(torch.erfinv)), UnsupportedOperation, "`1` (aten.erfinv)", "isospike/ir/ops/"),
    case("batch norm of the batch", lambda f: with_layer(nn.BatchNorm1d(5, track_running_stats=False)), UnsupportedOperation, "`1`", "running statistics"),
    case("functional dropout in training mode", lambda f: with_layer(do(F.dropout, 0.5, True)), UnsupportedOperation, "`1`", "training mode"),
    case("two inputs", lambda f: convert(Net(lambda m, x, y=None: x), X, input_range=UNIT) and convert(_TwoInputs(), X, input_range=UNIT), InvalidModel, "input", "one input tensor"),
    case("two outputs", lambda f: convert(Net(lambda m, x: (x, x + 1)), X, input_range=UNIT), InvalidModel, "2 outputs", "one output tensor"),
    case("output that ignores the input", lambda f: convert(Net(lambda m, x: m.a(torch.ones(2, 3)), a=nn.Linear(3, 2)), X), InvalidModel, "does not depend on its input"),
    case("NaN weight", lambda f: convert(with_weight(math.nan), X), InvalidModel, "`2` has NaN or infinite numbers in "
        "its weight", "Load weights"),
    case("infinite weight", lambda f: convert(with_weight(math.inf), X), InvalidModel, "`2` has NaN or infinite "
        "numbers in its weight", "Load weights"),
    # calibration
    case("no calibration sample", lambda f: convert(model(), X[:0]), InvalidData, "no calibration sample", "Pass some images"),
    case("no calibration batch", lambda f: convert(model(), []), InvalidData, "no calibration sample", "Pass some images"),
    case("calibration with two labels a sample", lambda f: convert(model(), [(X, torch.zeros(6), torch.zeros(6))]), InvalidData, "a batch is a tuple of 3", "Pass the samples"),
    case("calibration of uint8", lambda f: convert(model(), X.byte()), InvalidData, "torch.uint8", "float32 or float64", "x.float() / 255"),
    case("calibration of int64", lambda f: convert(nn.Sequential(nn.Embedding(9, 4)), X.long()), InvalidData, "torch.int64", "float32 or float64", "of an embedding"),
    case("calibration of float16", lambda f: convert(model(), X.half()), InvalidData, "torch.float16", "float32 or float64"),
    case("calibration of complex numbers", lambda f: convert(model(), X + 0j), InvalidData, "torch.complex64", "float32 or float64"),
    case("calibration of another shape", lambda f: convert(model(), torch.rand(6, 5)), InvalidModel, "inputs of shape (5,)", "Check the input's shape"),
    case("calibration batches of two shapes", lambda f: convert(Net(lambda m, x: x.relu()), [X, torch.rand(6, 5)], input_range=UNIT), InvalidData, "(5,)", "(4,)"),
    case("NaN in the calibration", lambda f: convert(model(), with_number(math.nan)), InvalidData, "calibration samples have NaN", "Remove or replace"),
    case("NaN in the calibration of a declared range", lambda f: convert(model(), with_number(math.nan), input_range=UNIT), InvalidData, "have NaN", "Remove or replace"),
    case("range from high to low", lambda f: convert(model(), X, input_range=(1.0, -1.0)), InvalidSetting, "from 1 to -1", "low ≤ high", "--range LOW HIGH"),
    case("range of NaN", lambda f: convert(model(), X, input_range=(math.nan, 1.0)), InvalidSetting, "from nan to 1", "--range LOW HIGH"),
    case("infinite range", lambda f: convert(model(), X, input_range=(0.0, math.inf)), InvalidSetting, "from 0 to inf", "Finite", "--range LOW HIGH"),
    case("infinite range, certified", lambda f: convert(model(), X, TTFS(windows="certified"), (-math.inf, 1.0)), InvalidSetting, "-inf", "Finite", "--range LOW HIGH"),
    case("range of another shape", lambda f: convert(model(), X, input_range=(torch.zeros(3), 1.0)), InvalidSetting, "(3,)", "(4,)", "broadcastable"),
    # inputs
    case("uint8 inputs", lambda f: simulate(network(), X.byte()), InvalidData, "torch.uint8", "float32 or float64", "x.float() / 255"),
    case("int64 inputs", lambda f: simulate(network(), X.long()), InvalidData, "torch.int64", "float32 or float64", "x.float() / 255"),
    case("float16 inputs", lambda f: simulate(network(), X.half()), InvalidData, "torch.float16", "float32 or float64"),
    case("complex inputs", lambda f: simulate(network(), X + 0j), InvalidData, "torch.complex64", "float32 or float64"),
    case("inputs of another shape", lambda f: simulate(network(), torch.rand(2, 5)), InvalidData, "(5,)", "(4,)", "Reshape them"),
    case("inputs without a batch", lambda f: simulate(network(), X[0]), InvalidData, "()", "(4,)", "Reshape them"),
    case("measured inputs of another shape", lambda f: measure(network(), [(torch.rand(2, 1, 4), None)]), InvalidData, "(1, 4)", "(4,)", "Reshape them"),
    case("checked inputs of another shape", lambda f: check(model(), network(), torch.rand(2, 5)), InvalidData, "(5,)", "(4,)", "Reshape them"),
    case("checked uint8 inputs", lambda f: check(model(), network(), X.byte()), InvalidData, "torch.uint8", "x.float() / 255"),
    case("measured uint8 inputs", lambda f: measure(network(), [(X.byte(), None)]), InvalidData, "torch.uint8", "x.float() / 255"),
    case("nothing to check", lambda f: check(model(), network(), X[:0]), InvalidData, "no sample to check on", "At least one"),
    case("NaN in the inputs", lambda f: simulate(network(), with_number(math.nan)), InvalidData, "NaN or infinite", "Remove or replace"),
    case("infinite input", lambda f: simulate(network(), with_number(math.inf)), InvalidData, "NaN or infinite", "Remove or replace"),
    case("infinite input, clipped", lambda f: simulate(network("clip"), with_number(math.inf)), InvalidData, "NaN or infinite", "Remove or replace"),
    case("inputs above the range", lambda f: simulate(network(), 2 * X), OutOfRange, "12 of 24 input values", "reach from 0 to 2", "[0, 1]", "--outside clip"),
    case("inputs below the range", lambda f: simulate(network(), X - 1), OutOfRange, "23 of 24 input values", "reach from -1 to 0", "input_range"),
    case("nothing to measure", lambda f: measure(network(), []), InvalidData, "no sample to run", "At least one"),
    case("too few labels", lambda f: check(model(), network(), X, torch.zeros(4).long()), InvalidData, "6", "4 labels", "A label for every sample"),
    # data
    case("missing .npz", lambda f: open_data(str(f / "none.npz")), InvalidData, "none.npz` does not exist", "Check the path"),
    case("truncated .npz", lambda f: open_data(str(part_of(npz(f, images=IMAGES)))), InvalidData, "d.npz` cannot be read", "numpy.savez"),
    case("empty .npz", lambda f: open_data(str(written(f / "d.npz", b""))), InvalidData, "d.npz` cannot be read", "numpy.savez"),
    case("garbage .npz", lambda f: open_data(str(written(f / "d.npz", b"garbage" * 99))), InvalidData, "d.npz` cannot be read", "numpy.savez"),
    case("pickle named .npz", lambda f: open_data(str(written(f / "d.npz", pickle.dumps(Bomb(f))))), InvalidData, "d.npz` cannot be read", "without pickled objects"),
    case("one array named .npz", lambda f: (np.save(f / "d.npy", IMAGES), os.rename(f / "d.npy", f / "d.npz"), open_data(str(f / "d.npz"))), InvalidData, "d.npz`", "numpy.savez"),
    case("pickled array", lambda f: read_npz(f, images=np.array([Bomb(f)], dtype=object)), InvalidData, "d.npz` cannot be read", "without pickled objects"),
    case("wrong keys", lambda f: read_npz(f, x=IMAGES, y=IMAGES), InvalidData, "d.npz` holds x, y", "`images`", "numpy.savez"),
    case("no images", lambda f: read_npz(f, images=IMAGES[:0]), InvalidData, "holds no image", "At least one"),
    case("one number as images", lambda f: read_npz(f, images=np.float32(1)), InvalidData, "holds no image", "At least one"),
    *(case(f"labels {bad}", lambda f, bad=bad: read_npz(f, images=IMAGES, labels=np.array(bad)), InvalidData, "d.npz`: the labels are no class numbers", "Whole", "numpy.unique")  # type: ignore[misc]
      for bad in ([0.5, 1.5, 2.0], [0.0, 1.0, math.nan], [0.0, 1.0, math.inf], [0.0, 1.0, 1e300], ["0", "1", "2"], [0, 1, 2j])),
    case("label missing", lambda f: read_npz(f, images=IMAGES, labels=np.arange(2)), InvalidData, "3 images and 2 labels", "A label for every image"),
    case("int64 images", lambda f: read_npz(f, images=IMAGES.astype(np.int64)), InvalidData, "d.npz`: the images are int64", "float32", "astype"),
    case("complex images", lambda f: read_npz(f, images=IMAGES.astype(complex)), InvalidData, "complex128", "float32", "astype"),
    case("NaN images", lambda f: check_command("isospike.zoo:lenet5", data=npz(f, images=np.full((2, 1, 28, 28), np.nan))), InvalidData, "the calibration samples have NaN", "Remove"),
    case("images of another shape", lambda f: check_command("isospike.zoo:lenet5", data=npz(f, images=IMAGES)), InvalidModel, "(4,)", "Check the input's shape"),
    case("unknown data set", lambda f: open_data("mnits"), InvalidData, "`mnits` is neither", "fashion_mnist", "Did you mean mnist?"),
    case("folder without classes", lambda f: open_data(str(f)), InvalidData, "has no images", "One folder a class", "Check the path"),
    case("broken image", lambda f: next(iter(open_data(str(part_of(folder_of_images(f, ("a/1.png", (9, 9))) / "a/1.png").parent.parent)))), InvalidData, "cannot be read", "Whole images"),
    case("images of two sizes", lambda f: next(iter(open_data(str(folder_of_images(f, ("a/1.png", (9, 9)), ("a/2.png", (8, 9))))))), InvalidData, "one size", "--size"),
    case("MNIST neither there nor to be had", lambda f: mnist(f, half_of_mnist), InvalidData, "`mnist`", "here", "connection lost", "--data-dir"),
    case("--preprocess without numbers", lambda f: check_command("isospike.zoo:lenet5", "--preprocess", "a b"), InvalidSetting, "'a b'", "MEAN… STD…", "0.1307"),
    case("--preprocess with three numbers", lambda f: check_command("isospike.zoo:lenet5", "--preprocess", "1 2 3"), InvalidSetting, "'1 2 3'", "MEAN… STD…"),
    case("--preprocess with a standard deviation of 0", lambda f: check_command("isospike.zoo:lenet5", "--preprocess", "0.5 0"), InvalidData, "none of the latter 0"),
    *(case(f"--preprocess '{bad}'", lambda f, bad=bad: check_command("isospike.zoo:lenet5", "--preprocess", bad), InvalidData, "do not fit", "finite", "--preprocess")  # type: ignore[misc]
      for bad in ("0.2 inf", "0.2 -0.3", "nan 1", "inf 1", "0.2 nan")),
    case("--size for arrays", lambda f: check_command("isospike.zoo:lenet5", "--size", 32), InvalidData, "(1, 28, 28), and are not resized to 32", "of a folder", "Leave --size out"),
    case("--memory too small", lambda f: check_command("isospike.zoo:lenet5", "--memory", 1e-6), InvalidSetting, "synapses", "memory=1e-06", "--memory 1;"),
    case("--memory of nothing", lambda f: check_command("isospike.zoo:lenet5", "--memory", 0), InvalidSetting, "EventDriven(memory=0.0)", "above 0", "1 is usual"),
    case("--memory of the closed form", lambda f: check_command("isospike.zoo:lenet5", "--memory", 2, "--simulator", "closed-form"), InvalidSetting, "--memory 2 is no setting of ClosedForm", "event-driven", "Leave"),
    case("--preprocess for more channels", lambda f: check_command("isospike.zoo:lenet5", "--preprocess", "1 2 3 4"), InvalidData, "2 means", "one a channel"),
    # settings
    case("unknown coding", lambda f: check_command("isospike.zoo:lenet5", "--coding", "phase"), InvalidSetting, "`phase`", "Known: ttfs", "--coding"),
    case("unknown dtype", lambda f: check_command("isospike.zoo:lenet5", "--dtype", "float16"), InvalidSetting, "`float16`", "float32, float64", "--dtype"),
    *(case(f"TTFS({name}={bad!r})", lambda f, name=name, bad=bad: TTFS(**{name: bad}), InvalidSetting, f"TTFS({name}={bad!r})", good, "Choose")  # type: ignore[misc]
      for name, bad, good in (
        ("mapping", "other", ", ".join(ttfs.MAPPINGS)), ("margin", -1.0, "margin > −1"), ("margin", math.inf, "margin > −1"), ("tau", 0.0, "tau > 0"),
        ("ramp_from", "other", "own, previous, input"), ("windows", "other", "calibrated, certified"), ("alpha", 0.0, "alpha > 0"), ("alpha", math.nan, "alpha > 0"),
        ("delta", 1.0, "delta < 1"), ("lowest_sum", 0.0, "lowest_sum > 0"), ("gated", "no", "False, True"), ("forced_spikes", None, "False, True"),
        ("outside", "other", "clip, error"))),
    case("Clocked(0)", lambda f: Clocked(0), InvalidSetting, "0 ticks", "At least one tick"),
    case("TTFS('fixed', scale='channel')", lambda f: TTFS("fixed", scale="channel"), InvalidSetting, "TTFS('fixed', scale='channel')", "mapping='identical'", "Choose"),
    *(case(f"{kind.__name__}({name}={bad!r})", lambda f, kind=kind, name=name, bad=bad, more=more: kind(**{name: bad}, **more), InvalidSetting,  # type: ignore[misc]
           f"{kind.__name__}({name}=", f"{name}: {good}", remedy)
      for kind, name, bad, good, remedy, more in (
        (Clocked, "ticks", 2.5, "a whole number", "Choose", {}), (Clocked, "ticks", True, "a whole number", "Choose", {}), (Clocked, "rounding", "up", "floor, half", "Choose", {"ticks": 4}),
        (Rate, "steps", 2.5, "a whole number", "Choose", {}), (Rate, "steps", "16", "a whole number", "Choose", {}), (Rate, "neuron", "if", "an object of ", "Choose", {}),
        (Rate, "neuron", IF, "an object of ", "Make an object of it: IF(…)", {}), (Rate, "encoder", "poisson", "a function or class", "Choose", {}),
        (Rate, "normalise", "max", "an object of Percentile, Bounds", "Choose", {}), (Rate, "initial", "half", "a number or None", "Choose", {}),
        (Rate, "correction", 3, "an object of Calibrate or None", "Choose", {}), (Rate, "pool", "max", "online, window", "Choose", {}), (Rate, "outside", 0, "clip, error", "Choose", {}),
        (TTFS, "margin", "a", "a number", "Choose", {}), (TTFS, "tau", None, "a number", "Choose", {}), (TTFS, "mapping", ["fixed"], "identical, fixed", "Choose", {}),
        (IF, "reset", "half", "soft, zero", "Choose", {}), (TernaryIF, "level", "x", "a number", "Choose", {}), (BurstIF, "most", None, "a number", "Choose", {}),
        (Percentile, "percent", "a", "a number", "Choose", {}), (Percentile, "per", "image", "channel, layer", "Choose", {}), (SpikeNorm, "steps", 1.5, "a whole number", "Choose", {}),
        (Calibrate, "samples", 1.5, "a whole number", "Choose", {}), (EventDriven, "memory", "a", "a number", "Choose", {}), (Stepped, "steps", 2.5, "a whole number or None", "Choose", {}),
        (Stepped, "seed", "x", "a whole number from", "Choose", {}), (Stepped, "seed", 2**70, "a whole number from", "Choose", {}), (EarlyExit, "margin", "a", "a number", "Choose", {}),
        (EarlyExit, "every", 1.5, "a whole number", "Choose", {}), (SpikeJitter, "sd", "a", "a number", "Choose", {}), (Latency, "percentile", "a", "a number", "Choose", {}),
        (SlopeMismatch, "sd", None, "a number", "Choose", {}), (TimeSteps, "steps", 8.0, "a whole number", "Choose", {}), (WeightBits, "bits", "4", "a whole number", "Choose", {}),
        (Early, "window", "a", "a number", "Choose", {}), (DoubleExponential, "tau1", "a", "a number", "Choose", {}),
        *((SpikeJitter, "seed", bad, "a whole number from", "Choose", {"sd": 0.1}) for bad in ("x", 1.5, None, 2**70, -(2**60))))),
    # saved networks
    case("missing file", lambda f: load(f / "none.safetensors"), InvalidFile, "none.safetensors` does not exist", "isospike convert"),
    case("folder as file", load, InvalidFile, "is not a file", "isospike convert"),
    case("truncated file", lambda f: load(part_of(snn_file(f))), InvalidFile, "m.safetensors` is not a whole", "convert the model again"),
    case("empty file", lambda f: load(written(f / "m.safetensors", b"")), InvalidFile, "m.safetensors` is not a whole", "convert the model again"),
    case("garbage file", lambda f: load(written(f / "m.safetensors", b"garbage" * 99)), InvalidFile, "m.safetensors` is not a whole", "convert the model again"),
    case("pickle as file", lambda f: load(written(f / "m.safetensors", pickled(f))), InvalidFile, "m.safetensors` is not a whole", "convert the model again"),
    case("tensors only", lambda f: (save_file({"a": X}, f / "m.safetensors"), load(f / "m.safetensors")), InvalidFile, "no spiking network", "isospike convert"),
    case("header of a future version", lambda f: load_changed(f, lambda h, _: h.update(format=99)), InvalidFile, "format 99", "reads formats 3 and 4", "Update isospike"),
    case("header that is no JSON", lambda f: load_changed(f, lambda h, _: "{not json"), InvalidFile, "no spiking network", "isospike convert"),
    case("header too deep", lambda f: load_changed(f, lambda h, _: "[" * 100_000), InvalidFile, "no spiking network", "isospike convert"),
    case("header of another kind", lambda f: load_changed(f, lambda h, _: "[1, 2]"), InvalidFile, "no spiking network", "isospike convert"),
    case("unknown class", lambda f: load_changed(f, lambda h, _: stage(h)["neuron"].update(record="os.system")), InvalidFile, "`os.system`", "not defined", "then load again"),
    case("unknown field", lambda f: load_changed(f, lambda h, _: stage(h)["neuron"]["fields"].update(extra=1)), InvalidFile, "extra", "Update isospike, or convert the model again"),
    case("tensor missing", lambda f: load_changed(f, lambda h, t: t.pop("stages.0.neuron.shift")), InvalidFile, "stages.0.neuron.shift", "Convert the model again"),
    case("tensor too many", lambda f: load_changed(f, lambda h, t: t.update(more=X.clone())), InvalidFile, "do not belong together", "Convert the model again"),
    case("unknown source", lambda f: load_changed(f, lambda h, _: stage(h)["groups"][0]["fields"].update(source="moon")), InvalidFile, "`0` reads `moon`", "Convert the model again"),
    case("weights of another shape", lambda f: load_changed(f, lambda h, t: t.update({"stages.0.groups.0.chain.0.weight": torch.zeros(7, 4)})), InvalidFile, "shape", "Convert"),
    case("shift of another shape", lambda f: load_changed(f, lambda h, t: t.update({"stages.0.neuron.shift": torch.zeros(7)})), InvalidFile, "damaged", "Convert"),
    case("no stages", lambda f: load_changed(f, lambda h, t: (h["network"]["fields"].update(stages=[]), [t.pop(k) for k in list(t) if k.startswith("stages")])[:0] or None), InvalidFile, "no stages", "Convert"),
    case("folder that does not exist", lambda f: save(network(), f / "none" / "m.safetensors"), InvalidFile, "m.safetensors` cannot be written: No such file", "another place"),
    case("file as folder", lambda f: save(network(), written(f / "a", b"") / "m.safetensors"), InvalidFile, "cannot be written: Not a directory", "another place"),
    case("folder that cannot be written", lambda f: saved_where(f, "pathlib.Path.open", PermissionError(errno.EACCES, "Permission denied")), InvalidFile, "Permission denied", "another place"),
    case("disk full", lambda f: saved_where(f, "os.fsync", OSError(errno.ENOSPC, "No space left on device")), InvalidFile, "No space left", "make room"),
)  # fmt: skip


class _TwoInputs(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.relu(x + y)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_an_error_says_what_is_wrong_and_what_to_do(case: Case, tmp_path: Path) -> None:
    with pytest.raises(case.error) as caught:
        case.provoke(tmp_path)
    error, message = caught.value, str(caught.value)
    assert type(error) is case.error
    assert error.what and error.remedy, message
    assert isinstance(error, UnsupportedOperation) or len(message.splitlines()) <= 3, message
    for fragment in case.fragments:
        assert fragment in message, message
    assert not (tmp_path / "exploded").exists()
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_there_are_enough_cases() -> None:
    assert len({case.what for case in CASES}) == len(CASES) >= 45


def test_the_bombs_are_live(tmp_path: Path) -> None:
    """What is refused above would have run code."""

    def explodes(open_it: Callable[[], object]) -> bool:
        with suppress(Exception):
            open_it()
        exploded = (tmp_path / "exploded").exists()
        shutil.rmtree(tmp_path / "exploded", ignore_errors=True)
        return exploded

    assert not explodes(lambda: None)
    assert explodes(lambda: torch.load(io.BytesIO(pickled(tmp_path)), weights_only=False))
    assert explodes(lambda: pickle.loads(pickle.dumps(Bomb(tmp_path))))
    assert explodes(lambda: torch.export.load(pickled_weight(tmp_path)))
    assert explodes(lambda: torch.export.load(mined(tmp_path, data_sample_inputs_model=lambda _: pickled(tmp_path))))
    assert explodes(
        lambda: torch.export.load(
            mined(tmp_path, models_model=set_size(f"__import__('os').mkdir('{tmp_path}/exploded')"))
        )
    )
    assert explodes(
        lambda: torch.export.load(
            mined(tmp_path, models_model=set_name(f"x=__import__('os').mkdir('{tmp_path}/exploded')"))
        )
    )


def test_what_an_archive_holds_besides_its_network_is_not_opened(tmp_path: Path) -> None:
    guard = in_json(lambda tree: tree.update(guards_code=[f"__import__('os').mkdir('{tmp_path}/exploded') is None"]))
    program = from_archive(mined(tmp_path, data_sample_inputs_model=lambda _: pickled(tmp_path), models_model=guard))
    assert torch.equal(program.module()(X), model()(X))
    assert not (tmp_path / "exploded").exists()


def test_inputs_outside_the_range_are_clipped_and_counted() -> None:
    clipping = convert(model(), X, input_range=UNIT)
    with pytest.warns(UserWarning, match=r"outside \[0, 1\] are clipped.*inputs_outside_range"):
        figures = measure(clipping, [(2 * X, None)])
    assert figures["inputs_outside_range"] == int((2 * X > 1).sum()) == 12
    with pytest.warns(UserWarning):
        assert torch.equal(simulate(clipping, 2 * X).readout, simulate(network(), (2 * X).clamp(0, 1)).readout)
    with pytest.warns(UserWarning):
        report = check(model(), clipping, 2 * X)
    assert report.inputs_outside_range == 12 and "12 input values lay outside" in repr(report)
    assert measure(clipping, [(X, None)])["inputs_outside_range"] == 0  # and no warning
    excess = torch.full_like(X, 1 + 5e-6)  # by rounding: kept
    assert torch.equal(clipping.body.encoder.encode(excess), network().body.encoder.encode(excess))


@pytest.mark.parametrize("coding", (TTFS(), Rate(steps=4)), ids=repr)
def test_calibration_samples_outside_the_declared_range_are_refused(coding: Coding) -> None:
    with pytest.raises(OutOfRange, match="12 of 24"):
        convert(model(), 2 * X, coding, UNIT)


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("place", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()], ids=["disk full", "interrupted"])
def test_a_save_that_fails_leaves_the_old_file(place: str, error: BaseException, tmp_path: Path) -> None:
    save(network("clip"), tmp_path / "m.safetensors")
    before = (tmp_path / "m.safetensors").read_bytes()
    with pytest.raises(InvalidFile if error is FULL else KeyboardInterrupt):
        saved_where(tmp_path, place, error)
    assert (tmp_path / "m.safetensors").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_write_that_is_cut_short_leaves_the_old_file(tmp_path: Path) -> None:
    save(network("clip"), tmp_path / "m.safetensors")
    before = (tmp_path / "m.safetensors").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(InvalidFile, match="File too large"):
            save(network(), tmp_path / "m.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "m.safetensors").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_download_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="connection lost"):
        mnist(tmp_path, half_of_mnist)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    with pytest.raises(InvalidData, match="connection lost"):  # nor is what is left taken for the whole
        mnist(tmp_path, half_of_mnist)
