"""A module trained as it is: what an ordinary loop does, with the same numbers; a price on activity; layers that wait
for their size."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from isospike.errors import InvalidSetting
from isospike.train import Classifier, Sparsity, fit

X = torch.rand(60, 6, generator=torch.Generator().manual_seed(0))
Y = X[:, :3].argmax(1)
BATCHES = [(X[:20], Y[:20]), (X[20:40], Y[20:40]), (X[40:], Y[40:])]


def model(*middle: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), *middle, nn.Linear(12, 3))


def test_it_is_an_ordinary_loop() -> None:
    ours, plain = model(), model()
    losses: list[float] = []
    made = fit(
        Classifier(ours),
        BATCHES,
        4,
        optimizer=lambda p: torch.optim.SGD(p, lr=0.5),
        decay=0.5,
        quiet=True,
        watch=losses.append,
    )
    optimizer, expected = torch.optim.SGD(plain.parameters(), lr=0.5), list[float]()
    for epoch in range(4):
        for step, (x, y) in enumerate(BATCHES):
            optimizer.param_groups[0]["lr"] = 0.5 * 0.5 ** (epoch + step / 3)
            optimizer.zero_grad()
            loss = F.cross_entropy(plain(x), y)
            loss.backward()
            optimizer.step()
            expected.append(loss.item())
    assert losses == pytest.approx(expected, rel=1e-6)
    assert made is ours and not made.training and not any(p.requires_grad for p in made.parameters())
    for one, other in zip(made.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other.detach())


def test_the_price_is_the_mean_activity_of_its_rectifiers() -> None:
    net = model(nn.Linear(12, 12), nn.ReLU())
    plain, priced = Classifier(copy.deepcopy(net)).loss(X, Y), Classifier(copy.deepcopy(net), Sparsity(0.7)).loss(X, Y)
    first = net[1](net[0](X))
    second = net[3](net[2](first))
    torch.testing.assert_close(priced - plain, 0.7 * (first.mean() + second.mean()) / 2)
    assert not any(part._forward_hooks for part in net.modules())


def test_behind_a_batch_norm_activity_is_relative() -> None:
    net = nn.Sequential(
        nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 2, 1), nn.ReLU(), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(12, 3)
    )
    nn.init.constant_(net[1].weight, 0.5)
    larger = copy.deepcopy(net)
    with torch.no_grad():
        for parameter in larger[1].parameters():
            parameter.mul_(100)
    prices = [Classifier(one, Sparsity(1.0)).loss(X, Y) - Classifier(one).loss(X, Y) for one in (net, larger)]
    torch.testing.assert_close(prices[0], prices[1], rtol=1e-4, atol=1e-4)
    active = net[2](net[1](net[0](X)))
    torch.testing.assert_close(prices[0], active.mean() / active.square().mean().sqrt(), rtol=1e-4, atol=1e-4)


def test_behind_a_batch_norm_of_one_dimension_too() -> None:
    net = model(nn.BatchNorm1d(12))
    price = Classifier(net, Sparsity(1.0)).loss(X, Y) - Classifier(net).loss(X, Y)
    active = net[1](net[0](X))
    torch.testing.assert_close(price, active.mean() / active.square().mean().sqrt(), rtol=1e-4, atol=1e-4)


def test_a_price_on_nothing_is_said() -> None:
    unheard = nn.Sequential(nn.Linear(6, 3))
    with pytest.raises(InvalidSetting, match="no hidden activity"):
        fit(Classifier(unheard, Sparsity(0.1)), BATCHES, 1, quiet=True)


def test_layers_that_wait_for_their_size_are_trained() -> None:
    made = fit(
        Classifier(nn.Sequential(nn.LazyLinear(3))),
        BATCHES,
        20,
        optimizer=lambda p: torch.optim.Adam(p, lr=0.1),
        quiet=True,
    )
    assert float((made(X).argmax(1) == Y).double().mean()) > 0.9
