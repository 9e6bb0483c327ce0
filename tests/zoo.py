"""Small named networks that between them hold every supported operation: what the contract suites run over."""

import zlib
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from isospike.activations import AtLeakyReLU, StReLU, TReLU

Case = Callable[[], tuple[nn.Module, tuple[int, ...]]]
LOW, HIGH = -0.7, 1.4  # the range that the contract suites declare


class Net(nn.Module):
    """Named layers and buffers, and the function that joins them."""

    def __init__(self, join: Callable[["Net", Tensor], Tensor], **parts: nn.Module | Tensor) -> None:
        super().__init__()
        self.join = join
        for name, part in parts.items():
            if isinstance(part, Tensor):
                self.register_buffer(name, part)
            else:
                self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self, x)


def do(function: Callable[..., Tensor], *args: object, **kwargs: object) -> Net:
    """A layer without weights."""
    return Net(lambda _, x: function(x, *args, **kwargs))


def trained(model: nn.Module) -> nn.Module:
    """Evaluation mode, with batch-norm statistics as training leaves them; a third of the factors are negative."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            with torch.no_grad():
                if module.running_mean is not None:
                    module.running_mean.normal_(0, 0.3)
                    module.running_var.uniform_(0.5, 2)
                if module.affine:
                    module.weight.uniform_(0.5, 1.5).mul_(
                        torch.where(torch.rand_like(module.weight) < 1 / 3, -1.0, 1.0)
                    )
                    module.weight[0] = -module.weight[0].abs()  # at least one
                    module.bias.normal_(0, 0.3)
    return model.eval()


def inputs(shape: tuple[int, ...], count: int = 8, seed: int = 0) -> Tensor:
    """A batch of float64 samples in [LOW, HIGH], some values at either end."""
    x = torch.rand((count, *shape), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return LOW + (HIGH - LOW) * (1.2 * x - 0.1).clamp(0, 1)


def conv(a: int, b: int, k: int = 3, **kwargs: object) -> nn.Conv2d:
    return nn.Conv2d(a, b, k, **kwargs)  # type: ignore[arg-type]


def head(*layers: nn.Module, features: int) -> nn.Sequential:
    """The layers, then a classifier of three classes."""
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 3))


def bottleneck(a: int, b: int, stride: int = 1) -> nn.Module:
    """MobileNetV2's block: its output is not rectified."""
    body = nn.Sequential(
        conv(a, 2 * a, 1, bias=False), nn.BatchNorm2d(2 * a), nn.ReLU6(),
        conv(2 * a, 2 * a, 3, stride=stride, padding=1, groups=2 * a, bias=False), nn.BatchNorm2d(2 * a), nn.ReLU6(),
        conv(2 * a, b, 1, bias=False), nn.BatchNorm2d(b),
    )  # fmt: skip
    return Net(lambda m, x: x + m.body(x), body=body) if (a, stride) == (b, 1) else body


def option_a(a: int, b: int) -> nn.Module:
    """A residual block whose shortcut takes every second pixel and pads channels with zeros (He 2016, option A)."""

    def join(m: Net, x: Tensor) -> Tensor:
        y = m.bn2(m.conv2(F.relu(m.bn1(m.conv1(x)))))
        return F.relu(y + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, (b - a) // 2, (b - a) // 2), "constant", 0))

    return Net(
        join,
        conv1=conv(a, b, stride=2, padding=1, bias=False), bn1=nn.BatchNorm2d(b),
        conv2=conv(b, b, padding=1, bias=False), bn2=nn.BatchNorm2d(b),
    )  # fmt: skip


def lenet5() -> nn.Module:
    layers: list[nn.Module] = []
    for a, b, padding, pool in ((1, 6, 2, True), (6, 16, 2, True), (16, 20, 2, False)):
        layers += [conv(a, b, 5, padding=padding), nn.BatchNorm2d(b), nn.ReLU(), *([nn.MaxPool2d(2)] if pool else [])]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(20 * 9, 84), nn.ReLU(), nn.Linear(84, 10))


def vgg() -> nn.Module:
    layers: list[nn.Module] = []
    for a, b in ((3, 6), (6, 8)):
        layers += [
            conv(a, b, padding=1),
            nn.ReLU(),
            nn.BatchNorm2d(b),
            conv(b, b, padding=1),
            nn.ReLU(),
            nn.BatchNorm2d(b),
            nn.MaxPool2d(2),
            nn.Dropout(0.3),
        ]
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(32, 12), nn.ReLU(), nn.BatchNorm1d(12), nn.Dropout(), nn.Linear(12, 5)
    )


def _spellings(m: Net, x: Tensor) -> Tensor:
    x = m.relu(m.a(x))
    x = m.relu(m.b(x))  # the same module twice
    x = F.relu(m.c(x))
    x = m.d(x).relu()
    x = m.e(x).relu_()
    x = torch.clamp(m.f(x), min=0)
    return m.h(F.threshold(m.g(x), 0.0, 0.0))


def _clips(m: Net, x: Tensor) -> Tensor:
    x = F.relu6(m.a(4 * x))
    x = F.hardtanh(m.b(x), 0.0, 0.8)
    x = torch.clamp(m.c(x), 0.0, 0.5)
    x = F.relu(m.d(x)).clamp(max=0.3)
    return m.e(x)


def _pre_activation(m: Net, x: Tensor) -> Tensor:
    x = m.stem(x)
    x = x + m.conv1(F.relu(m.bn1(x)))
    x = x + m.conv2(F.relu(m.bn2(x)))
    return m.fc(F.relu(m.bn3(x)).mean((2, 3)))


def _dense_block(m: Net, x: Tensor) -> Tensor:
    x = F.relu(m.a(x))
    x = torch.cat((x, m.b(F.relu(m.bn1(x)))), 1)
    x = torch.cat((x, m.c(F.relu(m.bn2(x)))), 1)
    return m.fc(F.avg_pool2d(F.relu(m.bn3(x)), 2).flatten(1))


def _inception(m: Net, x: Tensor) -> Tensor:
    branches = (
        F.relu(m.one(x)),
        F.relu(m.three(x)),
        F.relu(m.bn(m.pooled(F.max_pool2d(x, 3, 1, 1)))),
        F.avg_pool2d(x, 3, 1, 1),
    )
    return m.fc(F.relu(m.mix(torch.cat(branches, 1))).flatten(1))


def _nhwc(m: Net, x: Tensor) -> Tensor:
    x = F.relu(m.a(x)).permute(0, 2, 3, 1)
    x = F.relu(m.b(x))  # a dense layer at every pixel
    return m.c(x.reshape(x.shape[0], -1, 1).squeeze(-1))


def _in_place(m: Net, x: Tensor) -> Tensor:
    x = m.a(x)
    y = m.b(F.relu(x, inplace=True))
    x += y  # the rectified x, for it was rectified in place
    z = x.clone().relu_()
    return m.c(torch.cat((x, z), 1))


def _views(m: Net, x: Tensor) -> Tensor:
    x = m.a(x)
    first, plane = x[:, 0], x.permute(0, 2, 3, 1)[:, 1:3]
    x[:, :, 0, 0].mul_(0.0)
    x[:, 1:3].relu_()
    plane.add_(0.5)
    first[:, ::2] = first[:, 1::2]
    x.flatten(1)[:, 3] = 0.25
    x[:, 2, 4] = m.shared
    return m.b(F.relu(m.bn(x + first.unsqueeze(1))).flatten(1))


def _written_input(m: Net, x: Tensor) -> Tensor:
    y = m.a(x)
    x[:, 1:4].mul_(-0.5)
    room = torch.zeros(x.shape[0], 10, dtype=x.dtype)
    room[:, 1:6] = y
    room[:, 9] = x[:, 2]
    return m.b(F.relu(torch.cat((room, x, x.new_ones(x.shape[0], 1)), 1)))


def _folded(m: Net, x: Tensor) -> Tensor:
    x = F.relu(F.linear(x, m.a.weight * m.scale + 0.1, m.a.bias / 3))
    gate = torch.linspace(0.5, 1.5, 6, dtype=x.dtype) * m.scale.exp()
    x = F.relu(F.linear(x, m.b.weight - m.b.weight.mean(1, keepdim=True)) * gate + torch.ones_like(x) * m.scale)
    return F.linear(x, m.a.weight[:3] * m.scale)  # the same weights and buffer again


def _number(m: Net, x: Tensor) -> Tensor:
    x = m.a(x)[:, 0]  # a sample has no dimension here, and is read rectified and unrectified
    return m.b(F.relu(x).unsqueeze(1)) + F.relu(m.c(x.unsqueeze(1)))


def _late_pair(m: Net, x: Tensor) -> Tensor:
    y = m.a(x)  # read by a rectifier and by another layer unrectified
    return m.d(F.relu(m.b(y)) - F.relu(m.c(F.relu(y))))


def _leaky_residual(m: Net, x: Tensor) -> Tensor:
    x = F.leaky_relu(m.stem(x), 0.1)
    x = F.leaky_relu(x + m.b(F.leaky_relu(m.a(x), 0.3)), 0.1)
    return m.fc(x.flatten(1))


def _one_sided(m: Net, x: Tensor) -> Tensor:
    x = torch.clamp(m.a(x), min=-0.2)
    x = torch.minimum(F.leaky_relu(m.b(x), 0.5), torch.full((), 0.375))
    x = torch.clamp(F.max_pool2d(m.c(x), 2), max=torch.full((), 0.25))
    return m.d(x).flatten(1).clamp(-0.5, 0.5).clamp(min=-0.1)


def _table() -> dict[str, tuple[tuple[int, ...], Callable[[], nn.Module]]]:
    seq, relu, bn, linear, pool = nn.Sequential, nn.ReLU, nn.BatchNorm2d, nn.Linear, nn.MaxPool2d
    image, plain = (2, 6, 6), (3, 8, 8)
    return {
        # dense
        "linear": ((6,), lambda: seq(linear(6, 5), relu(), linear(5, 3))),
        "single linear layer": ((6,), lambda: linear(6, 3)),
        "linear without bias": ((6,), lambda: seq(linear(6, 5, bias=False), relu(), linear(5, 3, bias=False))),
        "linear after linear": ((6,), lambda: seq(linear(6, 4), linear(4, 5), relu(), linear(5, 4), linear(4, 3))),
        "ends in a rectifier": ((6,), lambda: seq(linear(6, 5), relu(), linear(5, 3), relu())),
        "ends in a pool": (image, lambda: seq(conv(2, 3), relu(), pool(2))),
        "ends in a pool of an unrectified layer": (image, lambda: seq(conv(2, 3), pool(2))),
        "softmax at the output": ((6,), lambda: seq(linear(6, 5), relu(), linear(5, 3), nn.Softmax(1))),
        "log softmax at the output": ((6,), lambda: seq(linear(6, 5), relu(), linear(5, 3), nn.LogSoftmax(1))),
        "dropout and identity": (
            (6,),
            lambda: seq(nn.Identity(), linear(6, 5), nn.Dropout(), relu(), nn.Identity(), linear(5, 3), nn.Dropout()),
        ),
        "batch norm 1d": (
            (6,),
            lambda: seq(linear(6, 5), nn.BatchNorm1d(5), relu(), nn.BatchNorm1d(5), linear(5, 3), nn.BatchNorm1d(3)),
        ),
        "relu spellings": ((6,), lambda: Net(_spellings, relu=relu(), **{name: linear(6, 6) for name in "abcdefgh"})),
        "in place": ((6,), lambda: Net(_in_place, a=linear(6, 5), b=linear(5, 5), c=linear(10, 3))),
        "clips": ((6,), lambda: Net(_clips, **{name: linear(6, 6) for name in "abcde"})),
        # writes and constants
        "writes through views": (
            image,
            lambda: Net(_views, a=conv(2, 4, padding=1), bn=bn(4), b=linear(144, 3), shared=torch.tensor(0.3)),
        ),
        "writes into the input": ((6,), lambda: Net(_written_input, a=linear(6, 5), b=linear(17, 3))),
        "folded constants, shared buffers": (
            (6,),
            lambda: Net(_folded, a=linear(6, 6), b=linear(6, 6), scale=torch.tensor(0.7)),
        ),
        "parametrised weights": (
            (6,),
            lambda: seq(spectral_norm(linear(6, 5)), relu(), weight_norm(linear(5, 4)), relu(), linear(4, 3)),
        ),
        "casts to the model's own precision": (
            (6,),
            lambda: seq(linear(6, 5), do(lambda x: x.to(x.dtype).to(x.device).type_as(x)), relu(), linear(5, 3)),
        ),
        "two layers after a leaky rectifier": (
            (6,),
            lambda: seq(linear(6, 5), nn.LeakyReLU(0.2), linear(5, 4), linear(4, 3)),
        ),
        "a number a sample": ((6,), lambda: Net(_number, a=linear(6, 2), b=linear(1, 3), c=linear(1, 3))),
        # rectifiers with a negative side
        "symmetric threshold": ((6,), lambda: seq(linear(6, 8), StReLU(0.3), linear(8, 5), StReLU(0.2), linear(5, 3))),
        "asymmetric threshold": (
            (6,),
            lambda: seq(linear(6, 8), AtLeakyReLU(2.0), linear(8, 5), AtLeakyReLU(0.5), linear(5, 3)),
        ),
        "threshold": ((6,), lambda: seq(linear(6, 8), TReLU(0.4), linear(8, 5), TReLU(0.3), linear(5, 3))),
        "one-sided clamps": (
            image,
            lambda: Net(_one_sided, a=conv(2, 3), b=conv(3, 3), c=conv(3, 3, 1), d=conv(3, 4, 1)),
        ),
        "parametric relu": (
            (6,),
            lambda: seq(
                linear(6, 5),
                nn.PReLU(),
                linear(5, 4),
                relu(),
                nn.LeakyReLU(0.2, inplace=True),
                linear(4, 3),
                nn.LeakyReLU(3.0),
            ),
        ),
        "hardtanh, batch norm, max pool": (
            image,
            lambda: head(
                conv(2, 4, padding=1),
                bn(4),
                nn.Hardtanh(),
                bn(4),
                pool(2),
                conv(4, 4, 2),
                pool(2),
                nn.Hardtanh(-0.2, 0.4),
                features=4,
            ),
        ),
        "leaky residual": (
            image,
            lambda: Net(
                _leaky_residual,
                stem=conv(2, 3, padding=1),
                a=conv(3, 3, padding=1),
                b=conv(3, 3, padding=1),
                fc=linear(108, 3),
            ),
        ),
        "leaky relu, max pool": (
            plain,
            lambda: head(
                conv(3, 4),
                bn(4),
                nn.LeakyReLU(0.1),
                pool(2),
                conv(4, 3, padding=1),
                AtLeakyReLU(0.7),
                bn(3),
                pool(3, 1, 1),
                features=27,
            ),
        ),
        # convolutions
        "conv": (image, lambda: head(conv(2, 3), relu(), conv(3, 4), relu(), features=16)),
        "conv 1d": (
            (3, 9),
            lambda: head(
                nn.Conv1d(3, 4, 3, padding=1, stride=2),
                nn.BatchNorm1d(4),
                relu(),
                nn.Conv1d(4, 4, 2, dilation=2),
                relu(),
                features=12,
            ),
        ),
        "conv padding": (
            image,
            lambda: head(conv(2, 3, padding=1), relu(), conv(3, 2, 5, padding=(2, 1)), relu(), features=2 * 6 * 4),
        ),
        "conv stride and dilation": (
            plain,
            lambda: head(
                conv(3, 4, stride=2, padding=2, dilation=2),
                relu(),
                conv(4, 3, 2, stride=(1, 2)),
                relu(),
                features=3 * 3 * 2,
            ),
        ),
        "conv groups": (
            image,
            lambda: head(
                conv(2, 4, groups=2, padding=1),
                relu(),
                conv(4, 4, groups=4),
                bn(4),
                relu(),
                conv(4, 6, 1, groups=2),
                relu(),
                features=96,
            ),
        ),
        "conv asymmetric padding": (
            image,
            lambda: head(
                do(F.pad, (1, 0, 2, 1)),
                conv(2, 3),
                relu(),
                do(F.pad, (0, 1, 0, 1)),
                conv(3, 2),
                relu(),
                features=2 * 6 * 4,
            ),
        ),
        "conv same, even kernel": (
            image,
            lambda: head(conv(2, 3, 2, padding="same"), relu(), conv(3, 2, 4, padding="same"), relu(), features=72),
        ),
        "conv transposed": (
            (2, 4, 4),
            lambda: head(
                nn.ConvTranspose2d(2, 4, 3, 2, 1, 1),
                bn(4),
                relu(),
                nn.ConvTranspose2d(4, 4, 2, groups=2),
                relu(),
                features=4 * 81,
            ),
        ),
        "conv after conv": (image, lambda: head(conv(2, 3, padding=1), conv(3, 2, padding=1), relu(), features=72)),
        # batch normalisation
        "batch norm before relu": (
            image,
            lambda: head(conv(2, 4, padding=1), bn(4), relu(), conv(4, 3), bn(3), relu(), features=48),
        ),
        "batch norm after relu": (
            image,
            lambda: head(conv(2, 4, padding=1), relu(), bn(4), conv(4, 3, padding=1), relu(), bn(3), features=108),
        ),
        "batch norm after relu, then pool": (
            image,
            lambda: head(conv(2, 6, padding=1), relu(), bn(6), pool(2), conv(6, 3, padding=1), relu(), features=27),
        ),
        "batch norm, pool, relu": (image, lambda: head(conv(2, 6, padding=1), bn(6), pool(2), relu(), features=54)),
        "relu, pool, batch norm": (
            image,
            lambda: head(conv(2, 4), relu(), pool(3, 1, 1), bn(4), conv(4, 2, padding=1), relu(), features=32),
        ),
        "batch norm at the input": (image, lambda: head(bn(2), conv(2, 4, padding=1), relu(), features=144)),
        "batch norm twice": (
            image,
            lambda: head(conv(2, 4), bn(4), bn(4), relu(), bn(4), bn(4), pool(2), features=16),
        ),
        "batch norm without affine": (image, lambda: head(conv(2, 4), bn(4, affine=False), relu(), features=64)),
        # pools
        "max pool stride": (
            plain,
            lambda: head(conv(3, 4, padding=1), relu(), pool(3, 2), conv(4, 3), relu(), pool(2, 1, 1), features=12),
        ),
        "max pool ceil": (
            (2, 7, 7),
            lambda: head(
                conv(2, 4, padding=1),
                relu(),
                pool(2, ceil_mode=True),
                conv(4, 3),
                relu(),
                pool(3, 2, 1, ceil_mode=True),
                features=12,
            ),
        ),
        "max pool ceil, last patch dropped": (
            (2, 5, 5),
            lambda: head(conv(2, 4), relu(), pool(2, 2, 1, ceil_mode=True), features=16),
        ),
        "max pool dilation": (
            plain,
            lambda: head(conv(3, 4, padding=1), relu(), pool(2, 2, dilation=2), conv(4, 3), relu(), features=3),
        ),
        "max pool uneven kernel": (
            plain,
            lambda: head(conv(3, 4, padding=1), relu(), pool((3, 2), (2, 1), (1, 0)), features=4 * 4 * 7),
        ),
        "max pool 1d": ((3, 9), lambda: head(nn.Conv1d(3, 4, 3), relu(), nn.MaxPool1d(3, 2, 1), features=16)),
        "pool before relu": (image, lambda: head(conv(2, 4), pool(2), relu(), conv(4, 3, 2), relu(), features=3)),
        "pool of an unrectified layer": (image, lambda: head(conv(2, 4), pool(2), conv(4, 3, 2), relu(), features=3)),
        "pool of a normalised unrectified layer": (
            image,
            lambda: head(conv(2, 4, padding=1), bn(4), pool(3, 2, 1), conv(4, 3, 2), relu(), features=12),
        ),
        "pool of pool": (plain, lambda: head(conv(3, 4, padding=1), relu(), pool(2), pool(2), pool(2, 1), features=4)),
        "pool at the input": (image, lambda: head(pool(2), conv(2, 3, 2), relu(), features=12)),
        "adaptive max pool": (
            image,
            lambda: head(conv(2, 4, padding=1), relu(), do(lambda x: F.adaptive_max_pool2d(x, (2, 3))), features=24),
        ),
        "average pool": (
            image,
            lambda: head(
                conv(2, 4, padding=1), relu(), nn.AvgPool2d(2), conv(4, 3, 2), relu(), nn.AvgPool2d(2, 1), features=3
            ),
        ),
        "average pool padded, counted": (
            image,
            lambda: head(conv(2, 4), relu(), nn.AvgPool2d(3, 2, 1), conv(4, 3, 2), relu(), features=3),
        ),
        "average pool padded, not counted": (
            image,
            lambda: head(
                conv(2, 4), relu(), nn.AvgPool2d(3, 2, 1, count_include_pad=False), conv(4, 3, 2), relu(), features=3
            ),
        ),
        "average pool ceil": (
            (2, 7, 7),
            lambda: head(conv(2, 4), relu(), nn.AvgPool2d(2, 2, ceil_mode=True), relu(), features=36),
        ),
        "average pool ceil, padded": (
            (2, 8, 8),
            lambda: head(conv(2, 4), relu(), nn.AvgPool2d(2, 3, 1, ceil_mode=True), relu(), features=36),
        ),
        "average pool ceil, last patch dropped": (
            (2, 5, 5),
            lambda: head(conv(2, 4), relu(), nn.AvgPool2d(2, 2, 1, ceil_mode=True), features=16),
        ),
        "average pool 1d": ((3, 9), lambda: head(nn.Conv1d(3, 4, 3), relu(), nn.AvgPool1d(3, 2, 1), features=16)),
        "average pool after batch norm": (
            image,
            lambda: head(conv(2, 4), relu(), bn(4), nn.AvgPool2d(2, padding=1), features=36),
        ),
        "average pool of an unrectified layer": (
            image,
            lambda: head(conv(2, 4), nn.AvgPool2d(2), relu(), features=16),
        ),
        "adaptive average, even": (
            image,
            lambda: head(conv(2, 4, padding=1), relu(), nn.AdaptiveAvgPool2d((2, 3)), features=24),
        ),
        "adaptive average, uneven": (
            image,
            lambda: head(conv(2, 4, 2), relu(), nn.AdaptiveAvgPool2d((2, 3)), features=24),
        ),
        "global average": (image, lambda: head(conv(2, 4), bn(4), relu(), nn.AdaptiveAvgPool2d(1), features=4)),
        "mean over space": (image, lambda: seq(conv(2, 4), relu(), bn(4), do(lambda x: x.mean((2, 3))), linear(4, 3))),
        "mean over space, kept": (
            image,
            lambda: head(
                conv(2, 4), relu(), do(lambda x: x.mean((-2, -1), keepdim=True)), conv(4, 4, 1), relu(), features=4
            ),
        ),
        # routes
        "permute and reshape": (image, lambda: Net(_nhwc, a=conv(2, 4), b=linear(4, 3), c=linear(48, 3))),
        "batch norm, flatten": (image, lambda: head(conv(2, 4), relu(), bn(4), features=64)),
        "transpose": (
            (4, 5),
            lambda: head(linear(5, 6), relu(), do(lambda x: x.transpose(1, 2)), linear(4, 3), relu(), features=18),
        ),
        "unflatten": (
            (12,),
            lambda: head(linear(12, 16), relu(), nn.Unflatten(1, (1, 4, 4)), conv(1, 2), relu(), features=8),
        ),
        "zero padding": (
            image,
            lambda: head(nn.ZeroPad2d((2, 1, 0, 3)), conv(2, 3), relu(), nn.ZeroPad2d(1), pool(2), features=48),
        ),
        "zero padding, then pool of negative scale": (
            image,
            lambda: head(conv(2, 4), relu(), bn(4), nn.ZeroPad2d(1), pool(2), features=36),
        ),
        "slices": (
            plain,
            lambda: head(
                conv(3, 6, padding=1), relu(), do(lambda x: x[:, 1::2, ::2, 1:-1]), conv(3, 2), relu(), features=16
            ),
        ),
        "select": (image, lambda: seq(conv(2, 4), relu(), do(lambda x: x[:, :, 1]), nn.Flatten(), linear(16, 3))),
        "split": (
            image,
            lambda: head(
                conv(2, 4), relu(), do(lambda x: (lambda a, b: a - 2 * b)(*x.chunk(2, 1))), relu(), features=32
            ),
        ),
        "scale and shift at the input": (
            image,
            lambda: head(do(lambda x: (x - 0.3) / 0.25), conv(2, 3, padding=1), relu(), features=108),
        ),
        "scale and shift per channel": (
            image,
            lambda: head(Normalise(2), conv(2, 3, padding=1), relu(), features=108),
        ),
        "scale and shift inside": (
            image,
            lambda: head(
                conv(2, 3), relu(), do(lambda x: 1 - 2 * x), conv(3, 3, padding=1), do(torch.neg), relu(), features=48
            ),
        ),
        # several branches
        "residual": (
            image,
            lambda: head(
                conv(2, 4, padding=1),
                relu(),
                Net(lambda m, x: F.relu(x + m.b(F.relu(m.a(x)))), a=conv(4, 4, padding=1), b=conv(4, 4, padding=1)),
                features=144,
            ),
        ),
        "residual of the input": (
            (5,),
            lambda: seq(Net(lambda m, x: F.relu(x + m.a(x)), a=linear(5, 5)), linear(5, 3)),
        ),
        "residual, projected": (
            image,
            lambda: head(
                conv(2, 3, padding=1),
                relu(),
                Net(
                    lambda m, x: F.relu(m.short(x) + m.bn(m.long(x))),
                    short=conv(3, 4, 1, stride=2),
                    long=conv(3, 4, stride=2, padding=1),
                    bn=bn(4),
                ),
                features=36,
            ),
        ),
        "residual of an unrectified layer": (
            image,
            lambda: head(
                conv(2, 4, padding=1),
                Net(lambda m, x: F.relu(x + m.a(F.relu(x))), a=conv(4, 4, padding=1)),
                features=144,
            ),
        ),
        "difference of branches": (
            (6,),
            lambda: seq(
                Net(lambda m, x: F.relu(m.a(x)) - F.relu(m.b(x)), a=linear(6, 5), b=linear(6, 5)),
                linear(5, 5),
                relu(),
                linear(5, 3),
            ),
        ),
        "value twice in a sum": ((6,), lambda: seq(linear(6, 5), do(lambda x: x + F.relu(x) + x), linear(5, 3))),
        "signed value shared": (
            (6,),
            lambda: Net(_late_pair, a=linear(6, 5), b=linear(5, 4), c=linear(5, 4), d=linear(4, 3)),
        ),
        "pre-activation residual": (
            image,
            lambda: Net(
                _pre_activation,
                stem=conv(2, 4, padding=1),
                bn1=bn(4),
                conv1=conv(4, 4, padding=1),
                bn2=bn(4),
                conv2=conv(4, 4, padding=1),
                bn3=bn(4),
                fc=linear(4, 3),
            ),
        ),
        "inverted bottlenecks": (
            plain,
            lambda: head(
                conv(3, 4, stride=2, padding=1, bias=False),
                bn(4),
                nn.ReLU6(),
                bottleneck(4, 4),
                bottleneck(4, 6, 2),
                bottleneck(6, 6),
                nn.AdaptiveAvgPool2d(1),
                features=6,
            ),
        ),
        "strided shortcut": (
            plain,
            lambda: head(
                conv(3, 4, padding=1), bn(4), relu(), option_a(4, 8), option_a(8, 12), nn.AvgPool2d(2), features=12
            ),
        ),
        "dense block": (
            image,
            lambda: Net(
                _dense_block,
                a=conv(2, 3, padding=1),
                bn1=bn(3),
                b=conv(3, 2, padding=1),
                bn2=bn(5),
                c=conv(5, 2, padding=1),
                bn3=bn(7),
                fc=linear(63, 3),
            ),
        ),
        "inception": (
            image,
            lambda: Net(
                _inception,
                one=conv(2, 2, 1),
                three=conv(2, 3, padding=1),
                pooled=conv(2, 2, 1),
                bn=bn(2),
                mix=conv(9, 3),
                fc=linear(48, 3),
            ),
        ),
        "concat, then pool": (
            image,
            lambda: head(
                Net(
                    lambda m, x: F.max_pool2d(torch.cat((F.relu(m.a(x)), m.bn(F.relu(m.b(x)))), 1), 2),
                    a=conv(2, 3),
                    b=conv(2, 2),
                    bn=bn(2),
                ),
                features=20,
            ),
        ),
        "concat of unrectified, then pool": (
            image,
            lambda: head(
                Net(
                    lambda m, x: F.max_pool2d(torch.cat((m.a(x), F.relu(m.b(x)), x[:, :, 1:-1, 1:-1]), 1), 2),
                    a=conv(2, 3),
                    b=conv(2, 2),
                ),
                features=28,
            ),
        ),
        "concat along space": (
            image,
            lambda: head(
                conv(2, 3),
                relu(),
                Net(lambda m, x: torch.cat((x, m.a(x)), 2), a=conv(3, 3, padding=1)),
                conv(3, 2),
                relu(),
                features=24,
            ),
        ),
        # whole networks
        "lenet 5": ((1, 12, 12), lenet5),
        "vgg": (plain, vgg),
    }


class Normalise(nn.Module):
    """(x − mean) / std with constants of its own, as models that include their preprocessing have."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.linspace(0.2, 0.5, channels).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.linspace(0.3, 0.2, channels).reshape(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


def _build(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    shape, make = _table()[name]
    with torch.random.fork_rng():
        torch.manual_seed(zlib.crc32(name.encode()))
        return trained(make()), shape


ZOO: dict[str, Case] = {name: partial(_build, name) for name in _table()}
