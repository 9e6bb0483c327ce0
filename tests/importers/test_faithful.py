"""An import is the model's function to the last digits, or it is refused for the true reason."""

import copy
import random
from collections.abc import Callable
from functools import partial

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import ExportedProgram
from torchvision.ops import stochastic_depth

from isospike.errors import InvalidModel, IsospikeError, UnsupportedOperation
from isospike.importers import original, read
from isospike.importers.onnx import from_onnx
from isospike.importers.program import functional
from isospike.importers.torch import export, from_torch
from isospike.importers.verify import MANY, verify
from isospike.ir.graph import Graph
from isospike.ir.ops.affine import Affine
from zoo import Net

Join = Callable[[Net, Tensor], Tensor]
X = torch.rand(7, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def net(join: Join, width: int = 4, **buffers: Tensor) -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Net(join, c=nn.Linear(4, width), **buffers).eval()


def changed(write: Callable[[Tensor], object]) -> Join:
    """The layer's output, written into."""

    def join(m: Net, x: Tensor) -> Tensor:
        y = m.c(x)
        write(y)
        return y

    return join


def _two_views(y: Tensor) -> None:
    a, b = y[:, :3], y[:, 1:]
    a.mul_(2.0)
    b.add_(a.clone())  # overlapping: what a holds by now


def _through_a_chain(y: Tensor) -> None:
    y.unflatten(1, (2, 2)).transpose(1, 2)[:, 0].unsqueeze(1).squeeze(1).mul_(-3.0)


def _rows(y: Tensor) -> None:
    for i in range(4):
        y[:, i].add_(float(i))


def _dropped_and_rectified(m: Net, x: Tensor) -> Tensor:
    y = m.c(x)
    z = F.dropout(y, training=False)  # hands its input on as it is
    z.relu_()
    return y + z


def _without_gradients(m: Net, x: Tensor) -> Tensor:
    with torch.no_grad():
        y = m.c(x)
        y[:, :2].mul_(2.0)
    return y.relu() + x


def _without_casts(m: Net, x: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return m.c(x)


def _with_casts(m: Net, x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return m.c(x)


def _chosen(y: Tensor) -> None:
    y[:, torch.arange(4) > 1] *= 2.0


def _swap(y: Tensor) -> None:
    y[:, :2], y[:, 2:] = y[:, 2:].clone(), y[:, :2].clone()


ACCEPTED: dict[str, Join] = {
    "a product with part": changed(lambda y: y[:, 1].mul_(0.0)),
    "a sum with part": changed(lambda y: y[:, 1:3].add_(0.5)),
    "part rectified": changed(lambda y: y[:, ::2].relu_()),
    "a number that single precision cannot hold": changed(lambda y: y.__setitem__((slice(None), 2), 0.7)),
    "numbers that single precision cannot hold": lambda m, x: (
        m.c(x) * x.new_tensor([0.1, 0.2, 0.3, 0.7]) + torch.tensor([0.1], dtype=x.dtype)
    ),
    "a number written": changed(lambda y: y.__setitem__((slice(None), 2), 0.25)),
    "part copied": changed(lambda y: y.__setitem__((slice(None), slice(0, 2)), y[:, 2:])),
    "parts exchanged": changed(_swap),
    "overlapping views": changed(_two_views),
    "a view of views": changed(_through_a_chain),
    "one write after the other": changed(_rows),
    "the whole filled": lambda m, x: m.c(x).fill_(2.0) + m.c(x),
    "the whole exchanged": lambda m, x: m.c(x).zero_().add_(x),
    "a view of the input": lambda m, x: (x[:, 0].mul_(2.0), m.c(x))[1],
    "a view read after the write": lambda m, x: (
        (lambda y: (lambda v: (y.relu_(), v - y)[1])(y.unsqueeze(1).squeeze(1)))(m.c(x)) + x
    ),
    "a dropout that hands on its input": _dropped_and_rectified,
    "made of the batch's size": lambda m, x: m.c(x) + torch.zeros(x.shape[0], 4) + x.new_full((x.shape[0], 1), 0.5),
    "joined with zeros": lambda m, x: F.relu(torch.cat([m.c(x), torch.ones(x.shape[0], 2), x], 1)),
    "made like a value": lambda m, x: m.c(x) * torch.full_like(x, 0.5) + torch.ones_like(x),
    "casts that change nothing": lambda m, x: m.c(x.to(x.dtype)).to(x.device).type_as(x).contiguous(),
    "folded weights": lambda m, x: F.linear(x, m.c.weight * m.s + 0.1),
    "a constant worked out": lambda m, x: m.c(x) * (m.s.exp() / 3).sqrt(),
    "numbers alone": lambda m, x: m.c(x) + torch.arange(4) * 0.1 + torch.ones(4) / 3,
    "a matrix of numbers": lambda m, x: F.linear(m.c(x), m.c.weight @ (torch.eye(4, dtype=x.dtype) * 0.5)),
    "parts from a split": changed(lambda y: [part.mul_(i - 1.0) for i, part in enumerate(y.chunk(2, 1))]),
    "parts one by one": changed(lambda y: [part.add_(0.5 * i) for i, part in enumerate(y.unbind(1))]),
    "the batch by its size": lambda m, x: (lambda y: (y[: len(x)].mul_(2.0), y[: y.shape[0]])[1])(m.c(x)),
    "rows beside the batch that are one": lambda m, x: m.c(x) + (m.s * torch.ones(999, 4))[: x.shape[0]],
    "as many weights as samples": lambda m, x: F.linear(x[:, :2], m.c.weight[:2, :2]) + m.c.bias[:2] * x[:, 1:3],
    "a part without gradients": _without_gradients,
    "a part without casts": _without_casts,
    "in a tuple": lambda m, x: (m.c(x),),  # type: ignore[return-value]
    "in a dict": lambda m, x: {"logits": m.c(x)},  # type: ignore[return-value]
    "beside nothing": lambda m, x: (m.c(x), None),  # type: ignore[return-value]
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_values_in_double_precision(what: str) -> None:
    model = net(ACCEPTED[what], s=torch.tensor(1.3))
    graph = read(model, X.float())
    with torch.no_grad():
        plain = net(ACCEPTED[what], s=torch.tensor(1.3)).double()(X.clone())
    expected = (
        next(iter(plain.values())) if isinstance(plain, dict) else plain[0] if isinstance(plain, tuple) else plain
    )
    assert float((graph(X) - expected).abs().max()) <= 1e-14 * float(expected.abs().max())
    assert float((original(model, graph, X, torch.float64)(X) - expected).abs().max()) <= 1e-14 * float(
        expected.abs().max()
    )


def test_the_model_keeps_its_weights() -> None:
    """Constants are worked out in copies."""
    model = net(lambda m, x: F.linear(x, (m.c.weight + 0).mul_(2.0)))
    before = model.c.weight.detach().clone()
    read(model, X.float())
    assert torch.equal(model.c.weight, before)


def test_writes_that_only_the_value_itself_sees_stay() -> None:
    """Rectifiers in place of a layer's output are left as they are: functionalisation takes several times as long as
    the export."""
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Linear(5, 3))
    program = export(model, X)
    assert functional(program) is program
    assert functional(export(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3)), X)) is not program


class Counting(nn.Module):
    """Remembers in a number of Python's how often it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.n = nn.Linear(4, 4), 0

    def forward(self, x: Tensor) -> Tensor:
        self.n += 1
        return self.c(x) * (1 + 1e-5 * self.n)


DRAWS = np.random.default_rng(0)


def program(join: Join, batch: int = 2, **buffers: Tensor) -> ExportedProgram:
    return torch.export.export(net(join, **buffers), (X.float().repeat(9, 1)[:batch],))


COUNTING = net(lambda m, x: (setattr(m, "n", m.n.add_(1.0)), m.c(x) * m.n)[1])
COUNTING.n = torch.zeros(4)  # no buffer
ROWS = torch.arange(99.0).gt(60).repeat(4, 1).T.float()
REFUSED: dict[str, tuple[nn.Module | ExportedProgram, type[IsospikeError], str]] = {
    "random numbers": (
        net(lambda m, x: m.c(x) + torch.randn(4)),
        UnsupportedOperation,
        r"`randn` \(aten.randn\) draws random numbers",
    ),
    "numbers like a value": (
        net(lambda m, x: m.c(x) + torch.rand_like(x)),
        UnsupportedOperation,
        "`rand_like` .* draws random numbers",
    ),
    "a batch dropped": (
        net(lambda m, x: x + stochastic_depth(m.c(x), 0.5, "batch", True)),
        UnsupportedOperation,
        "`bernoulli_` .* draws random numbers",
    ),
    "rows dropped": (
        net(lambda m, x: x + stochastic_depth(m.c(x), 0.5, "row", True)),
        UnsupportedOperation,
        "`bernoulli_` .* draws random numbers",
    ),
    "weights dropped": (
        net(lambda m, x: F.linear(x, F.dropout(m.c.weight))),
        UnsupportedOperation,
        "`dropout` .* draws random numbers",
    ),
    "values dropped": (net(lambda m, x: F.dropout(m.c(x))), UnsupportedOperation, "without training=self.training"),
    "Python's random numbers": (
        net(lambda m, x: m.c(x) * random.random()),
        InvalidModel,
        "draws random numbers whenever",
    ),
    "NumPy's random numbers, seldom": (
        net(lambda m, x: m.c(x) + float(np.random.rand() < 1e-9)),
        InvalidModel,
        "draws random numbers whenever",
    ),
    "a generator's own numbers": (
        net(lambda m, x: m.c(x) + float(DRAWS.random() < 0.3)),
        InvalidModel,
        "differently each time",
    ),
    "small random numbers": (
        net(lambda m, x: m.c(x) + 1e-5 * DRAWS.standard_normal()),
        InvalidModel,
        "differently each time",
    ),
    "small ones in double precision": (
        net(lambda m, x: m.c(x) + 1e-9 * DRAWS.standard_normal()).double(),
        InvalidModel,
        "differently each time",
    ),
    "a count": (Counting(), InvalidModel, "differently each time"),
    "a little of the batch's size": (
        net(lambda m, x: m.c(x) * (1 + 1e-6 * len(x))),
        InvalidModel,
        "differently when others are in its batch",
    ),
    "the same in double precision": (
        net(lambda m, x: m.c(x) * (1 + 1e-9 * len(x))).double(),
        InvalidModel,
        "differently when others are in its batch",
    ),
    "more for many": (
        net(lambda m, x: m.c(x) + (1.0 if len(x) > 100 else 0.0)),
        InvalidModel,
        "differently when others are in its batch",
    ),
    "a buffer that counts": (
        net(lambda m, x: (m.n.add_(1.0), m.c(x) * m.n)[1], n=torch.zeros(4)),
        InvalidModel,
        "writes into its tensor `n`",
    ),
    "a constant that counts": (COUNTING, InvalidModel, "writes into its tensor `n`"),
    "a buffer that is only written": (
        net(lambda m, x: (setattr(m, "n", x.mean()), m.c(x))[1], n=torch.zeros(())),
        InvalidModel,
        "writes into its tensor `n`",
    ),
    "a view of a buffer": (
        net(lambda m, x: (m.n.view(-1)[:2].mul_(2.0), m.c(x))[1], n=torch.ones(4)),
        InvalidModel,
        "writes into its tensor `n`",
    ),
    "the batch's size": (
        net(lambda m, x: m.c(x) / x.shape[0]),
        InvalidModel,
        "differently when others are in its batch",
    ),
    "a batch of two": (
        net(lambda m, x: m.c(x.view(2, -1))),
        InvalidModel,
        r"cannot be run on 19 inputs of shape \(4,\)",
    ),
    "a batch folded": (net(lambda m, x: m.c(x).view(2, -1)), InvalidModel, "answers 16 samples with 2 outputs"),
    "rounding": (net(lambda m, x: m.c(x.half().float())), UnsupportedOperation, "rounding to float16 by a cast"),
    "a mean of half precision": (
        net(lambda m, x: m.c(x).mean(1, dtype=torch.float16).float()),
        UnsupportedOperation,
        "rounding to float16 by a cast",
    ),
    "a soft-max of half precision": (
        net(lambda m, x: m.c(x).softmax(1, torch.float16)),
        UnsupportedOperation,
        "rounding to float16 by a cast",
    ),
    "a soft-max of one class": (
        net(lambda m, x: m.c(x).log_softmax(1), 1),
        UnsupportedOperation,
        "a soft-max of one class",
    ),
    "numbers never written": (net(lambda m, x: m.c(x) + torch.empty(4)), InvalidModel, "NaN"),
    "two outputs": (net(lambda m, x: {"a": m.c(x), "b": x}), InvalidModel, "2 outputs"),  # type: ignore[arg-type, return-value]
    "a mask": (net(changed(lambda y: y.masked_fill_(y < 0, 0.0))), UnsupportedOperation, "masked_fill"),
    "part of the batch": (net(changed(lambda y: y[:1].mul_(2.0))), UnsupportedOperation, "a slice of the batch"),
    "the first samples": (
        net(changed(lambda y: y[:16].mul_(2.0))),
        UnsupportedOperation,
        "a write into part of the batch",
    ),
    "the first answers": (net(lambda m, x: m.c(x)[:50]), UnsupportedOperation, "a slice of the batch"),
    "rows beside the batch": (
        net(lambda m, x: m.c(x) + m.n[: len(x)], n=ROWS),
        UnsupportedOperation,
        "differs from sample to sample",
    ),
    "half of a large batch": (
        program(changed(lambda y: y[:20].add_(1.0)), 40),
        UnsupportedOperation,
        "a write into part of the batch",
    ),
    "at most so many": (
        program(changed(lambda y: y[: min(len(y), 16)].add_(1.0)), 40),
        UnsupportedOperation,
        "a write into part of the batch",
    ),
    "chosen columns": (net(changed(_chosen)), UnsupportedOperation, r"`index` \(aten.index.Tensor\) has no"),
    "a number of values": (
        net(lambda m, x: m.c(x) + torch.zeros(x.nonzero().shape[0]).sum()),
        UnsupportedOperation,
        r"`nonzero` \(aten.nonzero\) has no",
    ),
    "a part with casts": (net(_with_casts), InvalidModel, "answers otherwise in double precision"),
    "a branch": (
        net(lambda m, x: torch.cond(m.c.bias.sum() > 0, m.c, lambda x: m.c(x) * 2, (x,))),
        UnsupportedOperation,
        r"`cond` \(cond\) has no",
    ),
    "a constant's branch": (
        net(lambda m, x: m.c(x) + torch.cond(m.s > 0, torch.neg, torch.exp, (m.s,)), s=torch.tensor(1.0)),
        UnsupportedOperation,
        "`cond`",
    ),
    "a gradient": (
        net(lambda m, x: m.c(x) * torch.func.grad(lambda w: (w * w).sum())(m.c.bias)),
        UnsupportedOperation,
        "has no spiking counterpart",
    ),
    "sample by sample": (
        net(lambda m, x: torch.vmap(m.c)(x)),
        UnsupportedOperation,
        r"`_add_batch_dim` \(_add_batch_dim\) has no",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_imported_rightly_is_refused_for_the_true_reason(what: str) -> None:
    model, error, reason = REFUSED[what]
    with pytest.raises(error, match=reason) as caught:
        read(model, X.float())
    assert caught.value.remedy
    assert "view" not in str(caught.value) or "x.view(2, -1)" in str(caught.value)


@pytest.mark.parametrize("end", [2, 16, 64, 4096])
def test_a_write_into_the_first_samples_is_refused(end: int) -> None:
    with pytest.raises(IsospikeError, match="batch"):
        read(net(changed(lambda y: y[:end].mul_(2.0))), X.float())
    if end < MANY:  # a number that Python cuts to the batch shows only in batches that are larger
        with pytest.raises(IsospikeError, match="batch"):
            read(net(changed(lambda y: y[: min(len(y), end)].mul_(2.0))), X.float())


def test_the_first_samples_alone_are_no_output() -> None:
    with pytest.raises(IsospikeError, match=r"batch|outputs"):
        read(net(lambda m, x: m.c(x)[:20]), X.float())


@pytest.mark.parametrize("join", [_without_gradients, _without_casts])
def test_parts_in_another_mode_of_an_archive(join: Join, tmp_path: object) -> None:
    model = net(join)
    graph = read(archive(model, tmp_path), X.float())
    assert float((graph(X) - model.double()(X).detach()).abs().max()) <= 1e-14


@pytest.mark.parametrize(
    "layers",
    [[nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)], [nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 2, 3), nn.AvgPool1d(2)]],
)
def test_an_import_in_inference_mode(layers: list[nn.Module]) -> None:
    """Synapses are counted by a gradient, and inference mode keeps none."""
    with torch.inference_mode():
        model = nn.Sequential(*copy.deepcopy(layers))
        model.load_state_dict({name: w.clone() for name, w in model.state_dict().items()}, assign=True)
        graph = read(model, X.float())
        assert float((graph(X) - model.double()(X).detach()).abs().max()) <= 1e-14
    assert graph.macs == read(nn.Sequential(*layers), X.float()).macs > 0


def test_a_program_is_left_as_it_is() -> None:
    given = program(changed(lambda y: y[: len(y)].mul_(2.0)))
    before = str(given.graph)
    read(given, X.float())
    assert str(given.graph) == before


def test_sums_that_cancel_are_imported() -> None:
    """In single precision the model is off by a tenth of its outputs; that is rounding, and no fault of the import."""
    model = net(lambda m, x: (m.c(x) * 1e7 + x) - m.c(x) * 1e7)
    graph = read(model, X.float())
    assert float((graph(X) - X).abs().max()) < 1e-7
    with torch.no_grad():
        assert float((model(X.float()) - X.float()).abs().max()) > 1e-2


def off(graph: Graph, by: float) -> Graph:
    """The graph with its last bias a little off: what an import rule with a defect makes."""
    node = graph[graph.output]
    assert isinstance(node.op, Affine) and node.op.bias is not None
    return graph.edited(
        {
            node.name: [
                type(node)(node.name, Affine(node.op.groups, node.op.bias + by), node.inputs, node.shape, node.path)
            ]
        }
    )


def test_a_large_network_whose_example_gives_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is run on one corner of the range besides, where sums in another order may differ by more than the example's
    output."""
    monkeypatch.setattr("isospike.importers.verify.LARGE", 0)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(1000, 500), nn.ReLU(), nn.Linear(500, 3))
        model[0].weight.add_(1.0)
        model[0].bias.fill_(-100.0)  # the example is silent
        model[2].bias.fill_(1e-3)
    example, within = torch.zeros(2, 1000), (torch.tensor(-1.0), torch.tensor(1.0))
    graph = read(model, example, within)
    x = 2 * torch.rand(8, 1000, dtype=torch.float64).round() - 1
    expected = model.double()(x).detach()
    assert float((graph(x) - expected).abs().max()) <= 1e-12 * float(expected.abs().max())


@pytest.mark.parametrize("by", [1e-3, 1e-6, 1e-10])
def test_an_import_that_is_a_little_off_is_seen(by: float) -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    graph = from_torch(model, X)
    within = (torch.zeros(()), torch.ones(()))
    with torch.no_grad():
        verify(graph, "the model", model, model, torch.float64, X, within)
        with pytest.raises(InvalidModel, match="would not be faithful"):
            verify(off(graph, by), "the model", model, model, torch.float64, X, within)


@pytest.mark.parametrize(("by", "rounds"), [(5e-8, True), (1e-6, False)])
def test_outputs_that_cancel_may_be_off_by_a_step_of_what_cancels(by: float, rounds: bool) -> None:
    """Numbers of 1 of which outputs of 1e-4 are left: the graph's own error happens to be 0, the model's is not."""
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), (0.0, 1.0, 1.0, 2.0**-13 - 1.0), strict=True):
            parameter.fill_(value)
        graph, exact = from_torch(model, X[:, :1]), copy.deepcopy(model).double()
        proof = partial(verify, graph, "the model", exact, lambda x: model(x) + by, torch.float32, X[:, :1], None)
        if rounds:
            proof()
        else:
            with pytest.raises(InvalidModel, match="in double precision"):
                proof()


def test_the_proof_fills_the_declared_range() -> None:
    """A rectifier that an import would drop shows only where inputs are as large as they were declared."""
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU6(), nn.Linear(4, 3)).double()
    wrong = nn.Sequential(model[0], nn.ReLU(), model[2]).double()
    with torch.no_grad():
        model[0].weight.abs_()  # whatever weights were drawn, large inputs give large activations
        graph = from_torch(wrong, X)
        verify(graph, "the model", model, model, torch.float64, X, (torch.zeros(()), torch.ones(())))
        with pytest.raises(InvalidModel, match="would not be faithful"):
            verify(graph, "the model", model, model, torch.float64, X, (torch.zeros(()), torch.full((), 60.0)))


# The original runs itself.


def archive(model: nn.Module, folder: object) -> str:
    path = f"{folder}/m.pt2"
    torch.export.save(torch.export.export(model, (X[:2].float(),)), path)
    return path


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("kind", ["module", "program", "archive"])
def test_the_original_in_double_precision_knows_nothing_of_the_graph(
    kind: str, softmax: bool, tmp_path: object
) -> None:
    layers = [nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3), *([nn.Softmax(1)] if softmax else [])]
    model = nn.Sequential(*layers)
    source = {
        "module": lambda: model,
        "program": lambda: torch.export.export(model, (X[:2].float(),)),
        "archive": lambda: archive(model, tmp_path),
    }[kind]()
    graph = read(source, X.float())
    run = original(source, off(graph, 1e-3), X, torch.float64)
    logits = copy.deepcopy(nn.Sequential(*layers[:3]))  # a program shares its module's weights
    with torch.no_grad():
        expected = logits.double()(X)
    assert float((run(X) - expected).abs().max()) <= 1e-15
    assert float((original(source, graph, X, torch.float32)(X.float()) - expected).abs().max()) <= 1e-6


def onnx_model(*nodes: onnx.NodeProto, opset: int = 13, **weights: Tensor) -> onnx.ModelProto:
    initial = [onnx.numpy_helper.from_array(value.numpy(), name) for name, value in weights.items()]
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ("N", None)) for name in ("x", "y")]
    ends[0].type.tensor_type.shape.dim[1].dim_value = 4
    graph = onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:], initial)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)


def node(kind: str, inputs: list[str], output: str, **attributes: object) -> onnx.NodeProto:
    return onnx.helper.make_node(kind, inputs, [output], **attributes)


def saved(model: onnx.ModelProto, folder: object) -> str:
    onnx.save(model, f"{folder}/m.onnx")
    return f"{folder}/m.onnx"


W, B = (torch.randn(size, generator=torch.Generator().manual_seed(1)) for size in ((4, 3), (3,)))
STATISTICS = {
    name: torch.rand(3, generator=torch.Generator().manual_seed(i)) + 0.5
    for i, name in enumerate(("gamma", "beta", "mean", "var"))
}


def dense(x: Tensor) -> Tensor:
    return x @ W.double() + B.double()


@pytest.mark.parametrize("opset", [9, 13, 15])
def test_a_file_with_batch_normalisation_in_double_precision(opset: int, tmp_path: object) -> None:
    """Before opset 14 ONNX's reference evaluator would normalise by the batch."""
    nodes = (node("Gemm", ["x", "w", "b"], "h"), node("BatchNormalization", ["h", *STATISTICS], "y", epsilon=0.25))
    path = saved(onnx_model(*nodes, opset=opset, w=W, b=B, **STATISTICS), tmp_path)
    gamma, beta, mean, var = (t.double() for t in STATISTICS.values())
    expected = (dense(X) - mean) / (var + 0.25).sqrt() * gamma + beta
    graph = read(path, X)
    for found in (graph(X), original(path, graph, X, torch.float64)(X)):
        assert float((found - expected).abs().max()) <= 1e-14


def test_a_folded_batch_normalisation_of_constants() -> None:
    """The constant folder runs the same evaluator."""
    nodes = (node("BatchNormalization", ["k", *STATISTICS], "v"), node("Gemm", ["x", "v", "b"], "y"))
    gamma, beta, mean, var = (t.double() for t in STATISTICS.values())
    weight = (W.double() - mean) / (var + torch.tensor(1e-5).double()).sqrt() * gamma + beta
    graph = from_onnx(onnx_model(*nodes, opset=9, k=W, b=B, **STATISTICS))
    assert float((graph(X) - (X @ weight + B.double())).abs().max()) <= 1e-13


def test_constants_of_a_file_are_folded_in_double_precision() -> None:
    scale, shift = torch.tensor(1.3), torch.tensor(0.1)
    nodes = (node("Mul", ["w", "s"], "ws"), node("Add", ["ws", "t"], "v"), node("MatMul", ["x", "v"], "y"))
    expected = X @ (W.double() * scale.double() + shift.double())
    assert float((from_onnx(onnx_model(*nodes, w=W, s=scale, t=shift))(X) - expected).abs().max()) <= 1e-15


def test_a_file_that_ends_in_a_soft_max_is_compared_before_it(tmp_path: object) -> None:
    path = saved(
        onnx_model(node("Gemm", ["x", "w", "b"], "h"), node("Softmax", ["h"], "y", axis=1), w=W, b=B), tmp_path
    )
    graph = read(path, X)
    assert "soft-max" in graph.notes[0]
    for dtype, limit in ((torch.float64, 1e-15), (torch.float32, 1e-5)):
        assert float((original(path, off(graph, 1e-3), X, dtype)(X) - dense(X)).abs().max()) <= limit


def test_a_file_of_the_batchs_size_is_refused() -> None:
    nodes = (
        node("Shape", ["x"], "s"), node("Gather", ["s", "zero"], "n"), node("Cast", ["n"], "f", to=1),
        node("Gemm", ["x", "w", "b"], "h"), node("Div", ["h", "f"], "y"),
    )  # fmt: skip
    with pytest.raises(InvalidModel, match="differently when others are in its batch"):
        from_onnx(onnx_model(*nodes, w=W, b=B, zero=torch.tensor(0)))


def test_random_numbers_of_a_file_are_refused() -> None:
    nodes = (
        node("RandomNormal", [], "r", shape=[3]),
        node("Gemm", ["x", "w", "b"], "h"),
        node("Add", ["h", "r"], "y"),
    )
    with pytest.raises(UnsupportedOperation, match=r"RandomNormal.* draws random numbers"):
        from_onnx(onnx_model(*nodes, w=W, b=B))
