"""ONNX files as other tools write them, old opsets included, and files that cannot be read."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from isospike.errors import InvalidModel, IsospikeError, UnsupportedOperation
from isospike.importers.onnx import from_onnx
from isospike.importers.onnx_file import OnnxFile
from isospike.ir.ops.clip import Clip
from isospike.passes import canonical
from zoo import HIGH, LOW, inputs

RNG = np.random.default_rng(0)
node = helper.make_node


def weights(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def model(
    nodes: list[Any],
    shape: tuple[Any, ...] = (6,),
    opset: int = 9,
    batch: Any = "N",
    dtype: int = TensorProto.FLOAT,
    extra: tuple[tuple[str, int], ...] = (),
    **constants: np.ndarray,
) -> onnx.ModelProto:
    """A model from `x` to `y`."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", dtype, (batch, *shape))],
        [helper.make_tensor_value_info("y", dtype, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(*entry) for entry in extra)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def assert_faithful(proto: onnx.ModelProto, tolerance: float = 1e-5) -> None:
    """Import and canonical form give the values that onnxruntime gives."""
    graph = from_onnx(proto)
    x = inputs(graph.input.shape)
    expected = OnnxFile(proto).session()[0](x).double()
    for found in (graph(x), canonical(graph.with_range(torch.tensor(LOW), torch.tensor(HIGH)))(x)):
        assert found.shape == expected.shape
        assert float(expected.abs().max()) > 1e-3
        assert float((found - expected).abs().max()) <= tolerance * float(expected.abs().max())


DENSE = {"w": weights(6, 4), "b": weights(4)}
IMAGE = (2, 6, 6)


def convolved(
    nodes: list[Any], shape: tuple[int, ...] = IMAGE, opset: int = 9, **constants: np.ndarray
) -> onnx.ModelProto:
    """The nodes, from `c` to `y`, after a convolution with negative and positive values."""
    return model(
        [node("Conv", ["x", "k", "kb"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]), *nodes],
        shape,
        opset,
        k=weights(4, shape[0], 3, 3),
        kb=weights(4),
        **constants,
    )


RELU = node("Relu", ["c"], ["r"])
SIZE = [node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["n"]), node("Cast", ["n"], ["f"], to=1)]


def local() -> onnx.ModelProto:
    proto = model([node("Layer", ["x", "w", "b"], ["y"], domain="own")], extra=(("own", 1),), **DENSE)
    steps = [node("Gemm", ["x", "w", "b"], ["g"]), node("Relu", ["g"], ["y"])]
    proto.functions.append(
        helper.make_function("own", "Layer", ["x", "w", "b"], ["y"], steps, [helper.make_opsetid("", 9)])
    )
    return proto


FAITHFUL = {
    "Gemm": lambda: model(
        [node("Gemm", ["x", "w", "b"], ["g"], alpha=0.1, beta=0.7), node("Relu", ["g"], ["y"])], **DENSE
    ),
    "Gemm, transposed": lambda: model(
        [node("Gemm", ["x", "w"], ["g"], transB=1), node("Relu", ["g"], ["y"])], opset=11, w=weights(4, 6)
    ),
    "MatMul and Add": lambda: model(
        [node("MatMul", ["x", "w"], ["m"]), node("Add", ["b", "m"], ["a"]), node("Relu", ["a"], ["y"])], **DENSE
    ),
    "MatMul from the left": lambda: model(
        [node("MatMul", ["w", "x"], ["m"]), node("Relu", ["m"], ["y"])], (5, 3), w=weights(4, 5)
    ),
    "constant minus value": lambda: model(
        [node("Sub", ["b", "x"], ["s"]), node("Div", ["s", "d"], ["y"])], (4,), b=weights(4), d=np.float32([2.0])
    ),
    "float64": lambda: model(
        [node("Gemm", ["x", "w"], ["g"]), node("Relu", ["g"], ["y"])],
        opset=11,
        dtype=TensorProto.DOUBLE,
        w=RNG.standard_normal((6, 4)),
    ),
    "fixed batch": lambda: model([node("Gemm", ["x", "w", "b"], ["g"]), node("Relu", ["g"], ["y"])], batch=3, **DENSE),
    "one at a time": lambda: model(
        [node("Gemm", ["f", "w"], ["y"]), node("Reshape", ["x", "s"], ["f"])][::-1],
        (2, 3),
        opset=11,
        batch=1,
        w=weights(6, 4),
        s=ints(1, 6),
    ),
    "BatchNormalization": lambda: convolved(
        [node("BatchNormalization", ["c", *"gbmv"], ["n"], epsilon=0.1), node("Relu", ["n"], ["y"])],
        **{name: weights(4) for name in "gbm"},
        v=np.abs(weights(4)) + 0.5,
    ),
    "Clip with attributes": lambda: convolved([node("Clip", ["c"], ["y"], min=0.0, max=0.5)]),
    "Clip with inputs": lambda: convolved(
        [node("Clip", ["c", "low", "high"], ["y"])], opset=11, low=np.float32(0), high=np.float32(0.5)
    ),
    "Clip without upper limit": lambda: convolved([node("Clip", ["c", "low"], ["y"])], opset=13, low=np.float32(0)),
    "Clip to the largest float": lambda: convolved([node("Clip", ["c"], ["y"], min=0.0, max=3.4028234663852886e38)]),
    "Max and Min": lambda: convolved(
        [node("Max", ["c", "zero"], ["m"]), node("Min", ["six", "m"], ["y"])], zero=np.float32(0), six=np.float32(0.6)
    ),
    "Pad with attributes": lambda: convolved(
        [RELU, node("Pad", ["r"], ["y"], pads=[0, 1, 2, 0, 0, 0, 1, 3], mode="constant", value=0.0)]
    ),
    "Pad with inputs": lambda: convolved(
        [RELU, node("Pad", ["r", "p", "v"], ["y"])], opset=11, p=ints(0, 1, 2, 0, 0, 0, 1, 3), v=np.float32(0)
    ),
    "Pad with axes": lambda: convolved(
        [RELU, node("Pad", ["r", "p", "", "a"], ["y"])], opset=18, p=ints(1, 0, 2, 1), a=ints(-1, 2)
    ),
    "Pad of negative values, then MaxPool": lambda: convolved(
        [node("Pad", ["c", "p"], ["q"]), node("MaxPool", ["q"], ["y"], kernel_shape=[2, 2], strides=[2, 2])],
        opset=13,
        p=ints(0, 0, 1, 1, 0, 0, 1, 1),
    ),
    "Squeeze with attribute": lambda: convolved(
        [RELU, node("ReduceMean", ["r"], ["m"], axes=[2, 3]), node("Squeeze", ["m"], ["y"], axes=[2, -1])]
    ),
    "Squeeze with input": lambda: convolved(
        [RELU, node("ReduceMean", ["r", "a"], ["m"]), node("Squeeze", ["m", "a"], ["y"])], opset=18, a=ints(2, 3)
    ),
    "Unsqueeze": lambda: model([node("Unsqueeze", ["x"], ["u"], axes=[1, 3]), node("Relu", ["u"], ["y"])]),
    "ReduceMean, not kept": lambda: convolved(
        [RELU, node("ReduceMean", ["r"], ["y"], axes=[-2, -1], keepdims=0)], opset=13
    ),
    "Slice with attributes": lambda: convolved(
        [RELU, node("Slice", ["r"], ["y"], starts=[1, -4], ends=[3, 2**31 - 1], axes=[1, 3])]
    ),
    "Slice with inputs": lambda: convolved(
        [RELU, node("Slice", ["r", "from", "to", "axes", "steps"], ["y"])],
        opset=13,
        **{"from": ints(0, 1), "to": ints(4, 99), "axes": ints(1, 2), "steps": ints(2, 3)},
    ),
    "Split, even": lambda: convolved([RELU, node("Split", ["r"], ["a", "b"], axis=1), node("Sub", ["a", "b"], ["y"])]),
    "Split with attribute": lambda: convolved(
        [RELU, node("Split", ["r"], ["a", "b"], axis=1, split=[1, 3]), node("Add", ["a", "b"], ["y"])]
    ),
    "Split with input": lambda: convolved(
        [RELU, node("Split", ["r", "s"], ["a", "b"], axis=1), node("Concat", ["b", "a"], ["y"], axis=1)],
        opset=13,
        s=ints(1, 3),
    ),
    "Gather one": lambda: convolved([RELU, node("Gather", ["r", "i"], ["y"], axis=2)], opset=13, i=np.int64(-2)),
    "Transpose": lambda: convolved([RELU, node("Transpose", ["r"], ["y"], perm=[0, 3, 1, 2])]),
    "Sum of three": lambda: convolved([RELU, node("Identity", ["r"], ["i"]), node("Sum", ["r", "c", "i"], ["y"])]),
    "Dropout with mask": lambda: convolved(
        [node("Dropout", ["c"], ["d", "mask"], ratio=0.4), node("Relu", ["d"], ["y"])]
    ),
    "Cast to another precision": lambda: convolved(
        [
            node("Cast", ["c"], ["d"], to=TensorProto.DOUBLE),
            node("Cast", ["d"], ["f"], to=1),
            node("Relu", ["f"], ["y"]),
        ]
    ),
    "MaxPool with indices": lambda: convolved(
        [node("MaxPool", ["c"], ["p", "i"], kernel_shape=[2, 2], strides=[2, 2]), node("Relu", ["p"], ["y"])]
    ),
    "MaxPool, SAME": lambda: convolved(
        [RELU, node("MaxPool", ["r"], ["y"], kernel_shape=[2, 2], strides=[1, 1], auto_pad="SAME_UPPER")]
    ),
    "MaxPool, default stride": lambda: convolved([RELU, node("MaxPool", ["r"], ["y"], kernel_shape=[2, 2])]),
    "AveragePool, not counted": lambda: convolved(
        [RELU, node("AveragePool", ["r"], ["y"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])]
    ),
    "AveragePool, counted": lambda: convolved(
        [
            RELU,
            node(
                "AveragePool",
                ["r"],
                ["y"],
                kernel_shape=[3, 3],
                strides=[2, 2],
                pads=[0, 1, 1, 1],
                count_include_pad=1,
            ),
        ]
    ),
    "global pools": lambda: convolved(
        [
            RELU,
            node("GlobalAveragePool", ["r"], ["a"]),
            node("GlobalMaxPool", ["r"], ["m"]),
            node("Add", ["a", "m"], ["y"]),
        ]
    ),
    "Conv, SAME_LOWER": lambda: model(
        [
            node("Conv", ["x", "k"], ["c"], auto_pad="SAME_LOWER", strides=[2, 1], kernel_shape=[2, 4]),
            node("Relu", ["c"], ["y"]),
        ],
        IMAGE,
        k=weights(3, 2, 2, 4),
    ),
    "Conv, uneven pads": lambda: model(
        [node("Conv", ["x", "k"], ["c"], pads=[2, 0, 1, 1], dilations=[2, 1]), node("Relu", ["c"], ["y"])],
        IMAGE,
        k=weights(3, 2, 2, 3),
    ),
    "ConvTranspose": lambda: model(
        [
            node(
                "ConvTranspose", ["x", "k"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1], group=2
            ),
            node("Relu", ["c"], ["y"]),
        ],
        IMAGE,
        k=weights(2, 2, 3, 3),
    ),
    "Reshape by a chain of shapes": lambda: convolved(
        [
            RELU,
            node("Shape", ["r"], ["shape"]),
            node("Constant", [], ["zero"], value=numpy_helper.from_array(np.int64(0))),
            node("Gather", ["shape", "zero"], ["batch"], axis=0),
            node("Unsqueeze", ["batch"], ["batches"], axes=[0]),
            node("Constant", [], ["rest"], value=numpy_helper.from_array(ints(-1))),
            node("Concat", ["batches", "rest"], ["sizes"], axis=0),
            node("Reshape", ["r", "sizes"], ["f"]),
            node("MatMul", ["f", "w"], ["y"]),
        ],
        w=weights(144, 3),
    ),
    "Gemm, a constant a sample": lambda: model(
        [node("Gemm", ["x", "w", "c"], ["y"])], opset=11, batch=3, w=DENSE["w"], c=np.full((3, 1), 0.3, np.float32)
    ),
    "Gemm, a row a sample": lambda: model(
        [node("Gemm", ["x", "w", "c"], ["y"])], opset=11, batch=3, w=DENSE["w"], c=np.tile(weights(4), (3, 1))
    ),
    "Max and Min of three": lambda: convolved(
        [node("Max", ["low", "c", "zero"], ["m"]), node("Min", ["m"], ["n"]), node("Min", ["n", "six", "one"], ["y"])],
        **{"low": np.float32(-1), "zero": np.float32([0]), "one": np.float32(1), "six": np.float32(0.6)},
    ),
    "LeakyRelu, default slope": lambda: convolved([node("LeakyRelu", ["c"], ["y"])]),
    "BatchNormalization, default epsilon": lambda: convolved(
        [node("BatchNormalization", ["c", *"gbmv"], ["n"]), node("Relu", ["n"], ["y"])],
        **{name: weights(4) for name in "gbm"},
        v=np.full(4, 1e-7, np.float32),
    ),
    "MaxPool, SAME_LOWER": lambda: convolved(
        [RELU, node("MaxPool", ["r"], ["y"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_LOWER")], (2, 7, 7)
    ),
    "MaxPool, dilated": lambda: convolved(
        [node("MaxPool", ["c"], ["y"], kernel_shape=[2, 3], strides=[2, 1], dilations=[2, 1], pads=[1, 1, 1, 1])],
        opset=11,
    ),
    "MaxPool, up to behind the image": lambda: convolved(
        [RELU, node("MaxPool", ["r"], ["y"], kernel_shape=[2, 2], strides=[2, 3], pads=[0, 0, 1, 1], ceil_mode=1)],
        (2, 6, 5),
        opset=11,
    ),
    "AveragePool, up": lambda: convolved(
        [RELU, node("AveragePool", ["r"], ["y"], kernel_shape=[3, 3], strides=[3, 3], ceil_mode=1)],
        (2, 7, 7),
        opset=19,
    ),
    "Slice of the whole batch": lambda: model(
        [node("Slice", ["x"], ["y"], starts=[0, 1], ends=[2**31 - 1, 5], axes=[0, 1])]
    ),
    "Slice of a whole fixed batch": lambda: model(
        [node("Slice", ["x"], ["y"], starts=[0], ends=[3], axes=[-2])], batch=3
    ),
    "the batch's size, fixed": lambda: model([*SIZE, node("Div", ["x", "f"], ["y"])], batch=4, zero=np.int64(0)),
    "both names of ONNX's domain": lambda: model(
        [node("Gemm", ["x", "w", "b"], ["g"], domain="ai.onnx"), node("Relu", ["g"], ["y"])],
        extra=(("ai.onnx", 9),),
        **DENSE,
    ),
    "a local function": local,
    "constants computed in the file": lambda: model(
        [
            node("Constant", [], ["one"], value=numpy_helper.from_array(np.float32([1.5]))),
            node("Mul", ["w", "one"], ["scaled"]),
            node("Transpose", ["scaled"], ["turned"], perm=[1, 0]),
            node("MatMul", ["x", "turned"], ["m"]),
            node("Relu", ["m"], ["y"]),
        ],
        w=weights(4, 6),
    ),
}


@pytest.mark.parametrize("name", FAITHFUL)
def test_values(name: str) -> None:
    assert_faithful(FAITHFUL[name]())


def test_a_local_function_in_a_fresh_process(tmp_path: Path) -> None:
    """Where nothing has imported the inliner yet."""
    onnx.save(local(), tmp_path / "m.onnx")
    read = "import sys; from isospike.importers.onnx import from_onnx; print(from_onnx(sys.argv[1]).output)"
    assert (
        subprocess.run(
            [sys.executable, "-c", read, str(tmp_path / "m.onnx")], capture_output=True, text=True, check=True
        ).stdout
        == "y\n"
    )


def test_float64_is_exact() -> None:
    assert_faithful(FAITHFUL["float64"](), 1e-14)


def test_a_file_is_a_model(tmp_path: Path) -> None:
    proto, path = FAITHFUL["Gemm"](), tmp_path / "network.onnx"
    onnx.save(proto, path)
    x = inputs((6,))
    assert torch.equal(from_onnx(path)(x), from_onnx(proto)(x))
    assert torch.equal(from_onnx(str(path))(x), from_onnx(proto)(x))
    assert torch.equal(OnnxFile(path).session()[0](x), OnnxFile(proto).session()[0](x))


def test_a_fixed_batch_takes_any_number_of_samples() -> None:
    run, x = OnnxFile(FAITHFUL["fixed batch"]()).session()[0], inputs((6,), count=7)
    assert run(x).shape == (7, 4)
    assert torch.equal(run(x), torch.cat([run(x[:2]), run(x[2:3]), run(x[3:])]))


@pytest.mark.filterwarnings("default")  # of the exporter's own
def test_what_the_default_exporter_of_torch_writes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)).eval()
    x, path = torch.rand(4, 6), tmp_path / "net.onnx"
    torch.onnx.export(net, (x,), str(path), dynamic_shapes=({0: "batch"},))
    assert torch.allclose(from_onnx(path)(x.double()), net.double()(x.double()).detach(), atol=1e-6)


def test_soft_max_at_the_output_is_taken_off() -> None:
    graph = from_onnx(model([node("Gemm", ["x", "w", "b"], ["g"]), node("Softmax", ["g"], ["y"], axis=1)], **DENSE))
    x = inputs((6,))
    assert "soft-max" in graph.notes[0]
    assert torch.allclose(
        graph(x), x @ torch.from_numpy(DENSE["w"]).double() + torch.from_numpy(DENSE["b"]).double(), rtol=1e-12
    )


def test_soft_max_that_is_also_read_is_unsupported() -> None:
    proto = model([node("Softmax", ["x"], ["y"], axis=1), node("Relu", ["y"], ["z"])])
    proto.graph.output[0].name = "z"
    with pytest.raises(UnsupportedOperation, match="before the output"):
        from_onnx(proto)


def test_places_are_node_names_or_outputs() -> None:
    graph = from_onnx(
        model(
            [node("Gemm", ["x", "w", "b"], ["hidden"], name="/features/0/Gemm"), node("Relu", ["hidden"], ["y"])],
            **DENSE,
        )
    )
    assert [n.path for n in graph] == ["input", "features/0/Gemm", "y"]
    assert isinstance(graph["y"].op, Clip)


def test_every_unsupported_place_is_listed() -> None:
    proto = model(
        [
            node("Gemm", ["x", "w", "b"], ["a"]),
            node("Sigmoid", ["a"], ["s"], name="gate"),
            node("Wobble", ["s"], ["t"], domain="com.example"),
            node("Clip", ["t"], ["c"], min=0.5, max=1.0),
            node("RandomNormalLike", ["c"], ["r"], name="noise"),
            node("Erf", ["r"], ["y"]),
        ],
        extra=(("com.example", 1),),
        **DENSE,
    )
    with pytest.raises(UnsupportedOperation) as error:
        from_onnx(proto)
    assert [
        line.split(" has")[0].split(" draws")[0].split(":")[0].strip() for line in error.value.what.splitlines()
    ] == [
        "`gate` (Sigmoid)",
        "`t` (com.example.Wobble)",
        "`c` (Clip)",
        "`noise` (RandomNormalLike)",
        "`y` (Erf)",
    ]


def branch(name: str) -> onnx.GraphProto:
    return helper.make_graph(
        [node("Identity", ["x"], [name])], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)]
    )


UNSUPPORTED = {
    "`choice` .If.": lambda: model(
        [node("If", ["yes"], ["y"], name="choice", then_branch=branch("then"), else_branch=branch("else"))],
        opset=13,
        yes=np.array(True),
    ),
    "`memory` .LSTM.": lambda: model(
        [node("LSTM", ["x", "w", "r"], ["h"], name="memory", hidden_size=3), node("Squeeze", ["h"], ["y"], axes=[1])],
        (5, 4),
        w=weights(1, 12, 4),
        r=weights(1, 12, 3),
    ),
    "`drawn` .RandomNormal.": lambda: model(
        [node("RandomNormal", [], ["r"], name="drawn", shape=[4]), node("Add", ["x", "r"], ["y"])], (4,)
    ),
    "output `i`": lambda: convolved(
        [
            node("MaxPool", ["c"], ["p", "i"], kernel_shape=[2, 2]),
            node("Cast", ["i"], ["f"], to=1),
            node("Add", ["f", "p"], ["y"]),
        ]
    ),
    "training mode": lambda: model([node("Dropout", ["x", "", "yes"], ["y"])], opset=13, yes=np.array(True)),
    "cast": lambda: model([node("Cast", ["x"], ["i"], to=TensorProto.INT64), node("Cast", ["i"], ["y"], to=1)]),
    "zeros": lambda: model([node("Pad", ["x"], ["y"], mode="reflect", pads=[0, 1, 0, 1])]),
    "value=1": lambda: model([node("Pad", ["x"], ["y"], pads=[0, 1, 0, 1], value=1.0)]),
    "computed values": lambda: model([node("Mul", ["x", "x"], ["y"])]),
    "constant matrix": lambda: model([node("MatMul", ["x", "x"], ["y"])], (3, 3)),
    "a slice of the batch": lambda: model([node("Slice", ["x"], ["y"], starts=[0], ends=[50], axes=[0])]),
    "`y` .Slice.: a slice of the batch": lambda: model(
        [node("Slice", ["x"], ["y"], starts=[0], ends=[3], axes=[0])], batch=4
    ),
    "opset 11 over classes and places": lambda: convolved([node("Softmax", ["c"], ["y"], axis=1)], opset=11),
    "opset 9 over classes and places": lambda: convolved([node("LogSoftmax", ["c"], ["y"])]),
    "LogSoftmax.* of one class": lambda: model([node("LogSoftmax", ["x"], ["y"], axis=1)], (1,)),
    "differs from sample to sample": lambda: model(
        [node("Gemm", ["x", "w", "c"], ["y"])], opset=11, batch=3, w=DENSE["w"], c=weights(3, 4)
    ),
    "several computed values": lambda: convolved([RELU, node("Max", ["c", "r", "b"], ["y"])], b=np.float32([0])),
    "auto_pad with dilations": lambda: convolved(
        [RELU, node("MaxPool", ["r"], ["y"], kernel_shape=[2, 2], dilations=[2, 2], auto_pad="SAME_UPPER")], opset=11
    ),
    "batch": lambda: model(
        [node("Transpose", ["x"], ["t"], perm=[1, 0, 2]), node("Transpose", ["t"], ["y"], perm=[1, 0, 2])], (3, 3)
    ),
    "`n`.*running statistics": lambda: model(
        [node("BatchNormalization", ["x", *"gbmv"], ["n", *"1234"]), node("Relu", ["n"], ["y"])],
        **{name: np.abs(weights(6)) for name in "gbmv"},
    ),
    "`t`.*running statistics": lambda: model(
        [node("BatchNormalization", ["x", *"gbmv"], ["t", "1", "2"], training_mode=1), node("Relu", ["t"], ["y"])],
        opset=14,
        **{name: np.abs(weights(6)) for name in "gbmv"},
    ),
}


@pytest.mark.parametrize("reason", UNSUPPORTED)
def test_unsupported(reason: str) -> None:
    with pytest.raises(UnsupportedOperation, match=reason):
        from_onnx(UNSUPPORTED[reason]())


def several(side: str) -> onnx.ModelProto:
    proto = model([node("Relu", ["x"], ["y"])])
    getattr(proto.graph, side).append(
        helper.make_tensor_value_info("x2" if side == "input" else "x", TensorProto.FLOAT, ("N", 6))
    )
    return proto


def dangling() -> onnx.ModelProto:
    return model([node("Add", ["x", "lost"], ["y"])])


def cut(tensor: onnx.TensorProto) -> onnx.TensorProto:
    tensor.raw_data = tensor.raw_data[:-5]
    return tensor


def cut_weight() -> onnx.ModelProto:
    proto = model([node("MatMul", ["x", "w"], ["y"])], w=DENSE["w"])
    cut(proto.graph.initializer[0])
    return proto


def sparse() -> onnx.SparseTensorProto:
    return helper.make_sparse_tensor(
        numpy_helper.from_array(weights(3), "w"), numpy_helper.from_array(ints(0, 5, 9), "i"), [6, 4]
    )


def sparse_weight() -> onnx.ModelProto:
    proto = model([node("MatMul", ["x", "w"], ["y"])])
    proto.graph.sparse_initializer.append(sparse())
    return proto


INVALID = {
    "the constant `w` cannot be read": cut_weight,
    "the constant `k` cannot be read": lambda: model(
        [node("Constant", [], ["k"], value=cut(numpy_helper.from_array(weights(6)))), node("Add", ["x", "k"], ["y"])]
    ),
    "the constant `w` of the ONNX model is stored as a sparse tensor": sparse_weight,
    "the constant `v` of the ONNX model is stored as a sparse tensor": lambda: model(
        [node("Constant", [], ["v"], sparse_value=sparse()), node("MatMul", ["x", "v"], ["y"])], opset=11
    ),
    "`y` .Relu. is of the domain `com.example`, of which the ONNX model imports no opset": lambda: model(
        [node("Relu", ["x"], ["y"], domain="com.example")]
    ),
}


def _of_domain(domain: str) -> onnx.ModelProto:
    proto = model([node("Relu", ["x"], ["y"], domain=domain)])
    proto.opset_import[0].domain = domain
    return proto


@pytest.mark.parametrize("reason", INVALID)
def test_invalid(reason: str) -> None:
    with pytest.raises(InvalidModel, match=reason):
        from_onnx(INVALID[reason]())


@pytest.mark.parametrize("keep", [0, 1, 40, 0.5, 0.99])
def test_a_truncated_file_is_named(tmp_path: Path, keep: float) -> None:
    whole, path = FAITHFUL["Gemm"]().SerializeToString(), tmp_path / "cut.onnx"
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    for read in (from_onnx, lambda file: OnnxFile(file).session()):
        with pytest.raises(InvalidModel, match=r"cut\.onnx") as error:
            read(path)
        assert error.value.remedy


@pytest.mark.parametrize(
    "content",
    [b"not a network\n", b"PK\x03\x04" + bytes(64), b"\x89PNG\r\n\x1a\n", b"\n" * 100],
    ids=["text", "zip", "png", "newlines"],
)
def test_another_kind_of_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(InvalidModel, match=r"other\.onnx"):
        from_onnx(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.onnx", tmp_path):
        for read in (from_onnx, lambda file: OnnxFile(file).session()):
            with pytest.raises(InvalidModel, match=path.name):
                read(path)


@pytest.mark.parametrize("module", ["onnx", "onnxruntime"])
def test_a_missing_dependency_says_what_to_install(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    proto = FAITHFUL["Gemm"]()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(IsospikeError, match=r"pip install 'isospike\[onnx\]'"):
        from_onnx(proto)
