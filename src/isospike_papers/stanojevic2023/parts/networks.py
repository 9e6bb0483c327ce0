"""The networks of the sources, at full width or narrower."""

from torch import nn

from isospike.data.lenet import lenet5_architecture as lenet5_architecture


def two_layers(hidden: int = 600, dropout: float = 0.2) -> nn.Sequential:
    """One hidden layer on flattened 28 × 28 images (Stanojevic 2023, Methods i)."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 10))


def vgg16(channels: int = 3, classes: int = 10, width: int = 64, dense: int = 2, pools: int = 5) -> nn.Sequential:
    """VGG16 with batch norm after each ReLU (Stanojevic 2023, Fig. 2.2d), with hidden dense layers of 8 widths.

    width: channels of the first block (64 is full width); dense: hidden dense layers; pools: 4 leaves out the first
    max pool, as for 28 × 28 images."""
    layers: list[nn.Module] = []
    inputs = channels
    for block, (factor, convolutions) in enumerate(((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))):
        for _ in range(convolutions):
            outputs = factor * width
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(outputs)]
            inputs = outputs
        if block >= 5 - pools:
            layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten())
    for _ in range(dense):
        layers += [nn.Linear(inputs, 8 * width), nn.ReLU(), nn.BatchNorm1d(8 * width), nn.Dropout(0.3)]
        inputs = 8 * width
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


def vgg16_large(classes: int) -> nn.Module:
    """VGG16 without batch norm for 224 × 224 images, as torchvision has it."""
    from torchvision.models import vgg16 as torchvision_vgg16

    model: nn.Module = torchvision_vgg16(num_classes=classes)
    return model
