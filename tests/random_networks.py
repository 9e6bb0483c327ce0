"""Random small networks over every supported operation, for property tests and fuzzing.

    random_network(random.Random(7))      # the same network every time

All choices come from the `random.Random` that is handed in, weights included, so hypothesis can shrink and replay
them."""

import math
import random
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo import do, trained

Shape = tuple[int, ...]
LARGEST = 300  # neurons a layer


class Residual(nn.Module):
    """factor · x + body(x)."""

    def __init__(self, body: nn.Module, factor: float) -> None:
        super().__init__()
        self.body, self.factor = body, factor

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.factor == 1 else self.body(x) - x


class Joined(nn.Module):
    """Branches side by side along the channels, added, or subtracted."""

    def __init__(self, how: str, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.how, self.branches = how, nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        parts = [branch(x) for branch in self.branches]
        if self.how == "concat":
            return torch.cat(parts, 1)
        return parts[0] + parts[1] if self.how == "add" else parts[0] - parts[1]


class Blocks(nn.Module):
    """One block after another."""

    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class Broadcast(nn.Module):
    """factor ⊙ x + shift, the constants of a smaller shape."""

    def __init__(self, factor: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", factor)
        self.register_buffer("shift", shift)

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x + self.shift


class Folded(nn.Module):
    """A dense layer whose weights are worked out of parameters and a buffer whenever it runs; blocks may share the
    buffer."""

    def __init__(self, layer: nn.Linear, gain: Tensor, shift: float) -> None:
        super().__init__()
        self.layer, self.shift = layer, shift
        self.register_buffer("gain", gain)

    def forward(self, x: Tensor) -> Tensor:
        weight = (self.layer.weight * self.gain + self.shift) / (1 + self.layer.weight.abs().sum(1, keepdim=True))
        return F.linear(x, weight, self.layer.bias) + self.gain * self.shift * torch.ones_like(x[..., :1])


class Written(nn.Module):
    """Writes into part of its input, by way of a view, and hands the whole on."""

    def __init__(self, view: Callable[[Tensor], Tensor], write: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.view, self.write = view, write

    def forward(self, x: Tensor) -> Tensor:
        self.write(self.view(x))
        return x


def random_network(rng: random.Random) -> tuple[nn.Module, Shape]:
    """A network in evaluation mode, and one sample's shape: a sequence of 1 to 8 blocks, some of them branched."""
    while True:
        model, shape = _network(rng)
        try:
            model(torch.zeros(2, *shape))
        except RuntimeError:  # a write into what cannot be written to, such as a value that was broadcast
            continue
        return model, shape


def _network(rng: random.Random) -> tuple[nn.Module, Shape]:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(rng.randrange(2**31))
        image = (rng.randint(1, 3), rng.randint(4, 10), rng.randint(4, 10))
        shape: Shape = rng.choice([(rng.randint(1, 12),), (rng.randint(1, 4), rng.randint(3, 10)), *[image] * 5])
        blocks, out = _sequence(rng, shape, rng.randint(1, 8), deep=True)
        if rng.random() < 0.8:
            if len(out) > 1:
                blocks.append(nn.Flatten())
            blocks.append(nn.Linear(math.prod(out), rng.randint(1, 5)))
            if rng.random() < 0.15:
                blocks.append(nn.ReLU())
        return trained(Blocks(blocks)), shape


def _sequence(rng: random.Random, shape: Shape, depth: int, deep: bool) -> tuple[list[nn.Module], Shape]:
    blocks = []
    for _ in range(depth):
        for _ in range(20):  # until a choice fits the shape
            block = rng.choice(_choices(rng, shape, deep))(rng, shape)
            out = None if block is None else _fits(block, shape)
            if out is not None:
                assert block is not None
                blocks.append(block)
                shape = out
                break
    return blocks, shape


def _fits(block: nn.Module, shape: Shape) -> Shape | None:
    """The block's output shape, if it takes this shape and stays small."""
    training = block.training
    try:
        value = block.eval()(torch.zeros(2, *shape))
    except (RuntimeError, ValueError, IndexError):
        return None
    finally:
        block.train(training)
    out = tuple(value.shape[1:])
    finite = bool(torch.isfinite(value).all())  # a dilated pool may have a patch that sees nothing
    small = math.prod(out) <= LARGEST and all(out) and len(out) >= 1 and all(size <= 10 for size in out[1:])
    return out if small and finite else None


def _choices(rng: random.Random, shape: Shape, deep: bool) -> list[Callable[[random.Random, Shape], nn.Module | None]]:
    common = [_conv, _conv_block, _conv_block, _conv_block, _max_pool, _max_pool, _average_pool]
    rare = [_transposed, _adaptive, _pad, _permute, _pixelwise, _flatten]
    anywhere = [
        _rectifier,
        _rectifier,
        _rectifier,
        _batch_norm,
        _batch_norm,
        rng.choice([_constants, _slice, _trivial]),
        _written,
        _folded,
    ]
    branched = [_residual, _residual, _branches, _branches] if deep else []
    return [*([*common, *common, *rare] if len(shape) > 1 else [_dense, _dense, _dense]), *anywhere, *branched]


def _up_to(rng: random.Random, shape: Shape, largest: int, least: int = 1) -> Shape:
    return tuple(rng.randint(least, largest) for _ in shape[1:])


def _dense(rng: random.Random, shape: Shape) -> nn.Module:
    return nn.Linear(shape[-1], rng.randint(1, 12), bias=rng.random() < 0.8)


def _conv(rng: random.Random, shape: Shape) -> nn.Module:
    kind = nn.Conv1d if len(shape) == 2 else nn.Conv2d
    groups = rng.choice([1, 1, 1, shape[0], math.gcd(shape[0], 2)])
    out = groups * rng.randint(1, max(8 // groups, 1))
    bias = rng.random() < 0.8
    if rng.random() < 0.15:
        return kind(shape[0], out, _up_to(rng, shape, 4), padding="same", groups=groups, bias=bias)
    kernel, stride, dilation = _up_to(rng, shape, 3), _up_to(rng, shape, 2), _up_to(rng, shape, 2)
    # At most the kernel's reach: with more, PyTorch's own convolution may crash in single precision.
    padding = tuple(min(p, d * (k - 1)) for p, d, k in zip(_up_to(rng, shape, 3, 0), dilation, kernel, strict=True))
    conv = kind(shape[0], out, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=bias)
    return Blocks([_pad(rng, shape), conv]) if rng.random() < 0.2 else conv


def _conv_block(rng: random.Random, shape: Shape) -> nn.Module | None:
    """A convolution with its rectifier and normalisation, in either order, and perhaps a pool."""
    conv = _conv(rng, shape)
    out = _fits(conv, shape)
    if out is None:
        return None
    after = [_rectifier(rng, out), _batch_norm(rng, out)]
    rng.shuffle(after)
    pool = _max_pool(rng, out)
    if rng.random() < 0.5 and _fits(pool, out) is not None:
        after.insert(rng.randint(0, 2), pool)
    return Blocks([conv, *after])


def _transposed(rng: random.Random, shape: Shape) -> nn.Module:
    kind = nn.ConvTranspose1d if len(shape) == 2 else nn.ConvTranspose2d
    stride = _up_to(rng, shape, 2)
    groups = rng.choice([1, shape[0]])
    out = groups * rng.randint(1, max(4 // groups, 1))
    padding, extra = _up_to(rng, shape, 1, 0), tuple(rng.randint(0, s - 1) for s in stride)
    return kind(shape[0], out, _up_to(rng, shape, 3), stride, padding, extra, groups, bias=rng.random() < 0.8)


def _max_pool(rng: random.Random, shape: Shape) -> nn.Module:
    kind = nn.MaxPool1d if len(shape) == 2 else nn.MaxPool2d
    kernel = _up_to(rng, shape, 3)
    padding = tuple(rng.randint(0, k // 2) for k in kernel)
    stride = rng.choice([kernel, _up_to(rng, shape, 2), _up_to(rng, shape, 3)])
    return kind(kernel, stride=stride, padding=padding, dilation=_up_to(rng, shape, 2), ceil_mode=rng.random() < 0.3)


def _average_pool(rng: random.Random, shape: Shape) -> nn.Module:
    kind = nn.AvgPool1d if len(shape) == 2 else nn.AvgPool2d
    kernel = _up_to(rng, shape, 3)
    padding = tuple(rng.randint(0, k // 2) for k in kernel)
    stride = rng.choice([kernel, _up_to(rng, shape, 2), _up_to(rng, shape, 3)])
    return kind(
        kernel, stride=stride, padding=padding, ceil_mode=rng.random() < 0.3, count_include_pad=rng.random() < 0.5
    )


def _adaptive(rng: random.Random, shape: Shape) -> nn.Module:
    size = tuple(rng.randint((have + 1) // 2, have) for have in shape[1:])
    kind = nn.AdaptiveAvgPool1d if len(shape) == 2 else nn.AdaptiveAvgPool2d
    mean = do(torch.mean, tuple(range(2, len(shape) + 1)), keepdim=rng.random() < 0.5)
    return rng.choice([kind(size), mean])


def _pad(rng: random.Random, shape: Shape) -> nn.Module:
    widths = [rng.randint(0, 2) for _ in range(2 * (len(shape) - 1))]
    return do(F.pad, (*widths, rng.randint(0, 2), rng.randint(0, 2)) if rng.random() < 0.2 else tuple(widths))


def _permute(rng: random.Random, shape: Shape) -> nn.Module:
    order = list(range(1, len(shape) + 1))
    rng.shuffle(order)
    return do(torch.permute, (0, *order))


def _pixelwise(rng: random.Random, shape: Shape) -> nn.Module:
    """A dense layer along the last dimension; every pixel has its own bias in it."""
    return nn.Linear(shape[-1], rng.randint(1, 6))


def _flatten(rng: random.Random, shape: Shape) -> nn.Module:
    sizes = [d for d in range(1, math.prod(shape) + 1) if math.prod(shape) % d == 0 and d <= 8]
    first = rng.choice(sizes)
    return rng.choice([nn.Flatten(), do(torch.flatten, 2), do(torch.reshape, (-1, first, math.prod(shape) // first))])


def _rectifier(rng: random.Random, shape: Shape) -> nn.Module:
    high = rng.choice([0.5, 1.0, 2.0])
    plain = [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        do(F.relu),
        do(torch.relu),
        do(torch.clamp, min=0.0),
        do(F.threshold, 0.0, 0.0),
    ]
    clipped = [nn.ReLU6(), nn.Hardtanh(0.0, high), do(torch.clamp, 0.0, high)]
    signed = [
        nn.LeakyReLU(0.2),
        nn.Hardtanh(-0.4, high),
        do(torch.clamp, -high, high),
        do(torch.clamp, min=-0.3),
        nn.PReLU(),
    ]
    return rng.choice(rng.choice([plain, plain, clipped, signed]))


def _batch_norm(rng: random.Random, shape: Shape) -> nn.Module:
    kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    return trained(kind(shape[0], affine=rng.random() < 0.85))


def _constants(rng: random.Random, shape: Shape) -> nn.Module:
    def some() -> Tensor:
        return torch.randn([size if rng.random() < 0.5 else 1 for size in shape])

    return rng.choice(
        [Broadcast(some(), some()), do(torch.neg), do(torch.mul, rng.choice([-2.0, 0.5])), do(torch.rsub, 1.0)]
    )


def _slice(rng: random.Random, shape: Shape) -> nn.Module:
    cuts: list[slice] = []
    for size in shape:
        start = rng.randint(0, (size - 1) // 2)
        cuts.append(
            rng.choice(
                [
                    slice(None),
                    slice(None, None, 2),
                    slice(start, rng.randint(max(start, size - 3) + 1, size), rng.randint(1, 2)),
                ]
            )
        )
    return do(lambda x: x[(slice(None), *cuts)])


def _written(rng: random.Random, shape: Shape) -> nn.Module:
    """A write through a view, or through a view of a view."""
    dim = rng.randrange(len(shape)) + 1
    size, number = shape[dim - 1], rng.choice([0.0, -0.5, 0.3])
    start, step = rng.randrange(size), rng.randint(1, 2)
    cut = (slice(None),) * dim + (slice(start, rng.randint(start + 1, size), step),)
    views: list[Callable[[Tensor], Tensor]] = [
        lambda x: x[cut],
        lambda x: x.select(dim, start),
        lambda x: x.flatten(1)[:, start::2],
        lambda x: x.transpose(1, -1)[:, :1],
        lambda x: x.unsqueeze(1)[:, 0][cut],
    ]
    writes: list[Callable[[Tensor], object]] = [
        lambda v: v.mul_(number), lambda v: v.add_(number), lambda v: v.fill_(number), lambda v: v.relu_(), lambda v: v.neg_(),
        lambda v: v.copy_(v * number), lambda v: v.clamp_(min=-0.2),
    ]  # fmt: skip
    return Written(rng.choice(views), rng.choice(writes))


_GAINS = [torch.tensor(0.7), torch.tensor(1.3)]  # buffers that networks share among their layers


def _folded(rng: random.Random, shape: Shape) -> nn.Module:
    return Folded(nn.Linear(shape[-1], rng.randint(1, 12)), rng.choice(_GAINS), rng.choice([0.1, -0.2]))


def _trivial(rng: random.Random, shape: Shape) -> nn.Module:
    return rng.choice([nn.Identity(), nn.Dropout(), do(torch.unsqueeze, 1), do(torch.clone)])


def _residual(rng: random.Random, shape: Shape) -> nn.Module | None:
    """A body that keeps the shape, and its input beside it."""
    body, out = _sequence(rng, shape, rng.randint(1, 3), deep=False)
    if len(out) > 1 and len(shape) == len(out) and out[1:] == shape[1:] and out != shape:
        kind = nn.Conv1d if len(shape) == 2 else nn.Conv2d
        body.append(kind(out[0], shape[0], 1))
    elif len(out) == len(shape) == 1 and out != shape:
        body.append(nn.Linear(out[0], shape[0]))
    elif out != shape:
        return None
    return Residual(Blocks(body), rng.choice([1.0, 1.0, -1.0]))


def _branches(rng: random.Random, shape: Shape) -> nn.Module | None:
    """Two or three branches of the same input, joined where their shapes allow it."""
    made = [_sequence(rng, shape, rng.randint(0, 3), deep=False) for _ in range(rng.randint(2, 3))]
    first = made[0][1]
    fits = [(Blocks(blocks), out) for blocks, out in made if len(out) == len(first) and out[1:] == first[1:]]
    if len(fits) < 2:
        return None
    same = fits[0][1] == fits[1][1]
    return Joined(rng.choice(["concat", *(["add", "subtract"] if same else [])]), [branch for branch, _ in fits])
