"""The two deep networks of Lu & Xu, on CIFAR-10."""

from collections.abc import Callable, Iterable

from torch import nn

from isospike.report.claim import Setup
from isospike_papers.lu2022.parts.setting import PIXELS
from isospike_papers.shared.data import MOVED, cifar10, cifar10_name
from isospike_papers.shared.halved import HalvedRecipe, halved
from isospike_papers.shared.recipe import TRAINS, Recipe
from isospike_papers.shared.subject import Subject, subject

EPOCHS, FALL = 40, 0.01  # of deep networks, unless the size is full; of the learning rate over all of them
# Options of claims about deep networks
DEEP = {"width": (2, 32, 64)} | TRAINS


def alexnet(width: int = 64) -> nn.Sequential:
    """Five convolutions, max pools after the first, second and fifth, three dense layers: 12.96 M weights at width 64.

    The paper prints 12.98 M synapses and neither kernels nor widths.  These are inferred: kernels of 11, 5, 3, 3, 3
    and channels as AlexNet is usually built, on images that no stride shrinks; hidden dense layers of 2,048 and 1,024,
    the powers of two that come nearest."""
    return _deep(width, ((1, 11), (3, 5), (6, 3), (4, 3), (4, 3)), {0, 1, 4}, 4 * 4, (32, 16))


def vgg16(width: int = 64) -> nn.Sequential:
    """VGG16 without batch norm and dropout: 33.6 M weights at width 64, 33 M in print.

    Its two hidden dense layers of 4,096 are inferred from that number: it is Simonyan's network on images of 32 × 32.
    """
    convolutions = [(factor, 3) for factor in (1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8)]
    return _deep(width, convolutions, {1, 3, 6, 9, 12}, 1, (64, 64))


def _deep(
    width: int, convolutions: Iterable[tuple[int, int]], pooled: set[int], places: int, hidden: tuple[int, int]
) -> nn.Sequential:
    """convolutions: (widths, kernel) each.  places: pixels that the dense layers see.  hidden: widths."""
    layers: list[nn.Module] = []
    inputs = 3
    for i, (factor, kernel) in enumerate(convolutions):
        layers += [nn.Conv2d(inputs, factor * width, kernel, padding=kernel // 2, bias=False), nn.ReLU()]
        inputs = factor * width
        if i in pooled:
            layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten())
    inputs *= places
    for factor in hidden:
        layers += [nn.Linear(inputs, factor * width, bias=False), nn.ReLU()]
        inputs = factor * width
    layers.append(nn.Linear(inputs, 10, bias=False))
    for layer in layers:
        # Without batch norm, PyTorch's own choice lets signals fade out over sixteen layers.
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return nn.Sequential(*layers)


def alexnet_cifar10(setup: Setup) -> Subject:
    """Pixels in [0, 1]; at full size nothing is done to them, else images are moved and mirrored."""
    return _on_cifar10("alexnet", alexnet, setup)


def vgg16_cifar10(setup: Setup) -> Subject:
    """The same for VGG16."""
    return _on_cifar10("vgg16", vgg16, setup)


def _on_cifar10(name: str, make: Callable[[int], nn.Sequential], setup: Setup) -> Subject:
    split = cifar10(setup.data_dir, ((0.0,), (1.0,)))
    named = f"lu2022-{name}-width-{setup.width}-{cifar10_name(setup.data_dir)}"
    if setup.full:  # the paper's training
        recipe = Recipe(f"{named}-sgd", 200, decay=1.0, momentum=0.9)
        return subject(recipe, lambda: make(setup.width), split, setup, PIXELS)
    epochs = setup.epochs or EPOCHS
    brief = HalvedRecipe(f"{named}-dense", epochs, decay=FALL ** (1 / epochs), **MOVED)
    return subject(brief, lambda: halved(make(setup.width)), split, setup, PIXELS)
