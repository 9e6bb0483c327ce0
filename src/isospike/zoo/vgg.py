"""VGG16 for small images."""

from torch import nn

from isospike.zoo.base import image

BLOCKS = ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))  # channels, in units of the first's, and convolutions


def vgg16(shape: tuple[int, ...], classes: int, width: int = 64, norm: bool = False) -> nn.Sequential:
    """Thirteen convolutions in five blocks, a max pool after each, and dense layers of 8 widths (Stanojevic 2023,
    Fig. 2.2d).

    shape: (channels, height, width); below 32 pixels the first pool is left out, and two dense layers precede the last
    instead of one (§3.6.3).  width: channels of the first block.  norm: batch norm after each ReLU, and dropout of 0.3
    in dense layers."""
    inputs, *size = image("VGG16", shape, 16)
    pools = 5 if min(size) >= 32 else 4
    layers: list[nn.Module] = []
    for block, (factor, convolutions) in enumerate(BLOCKS):
        for _ in range(convolutions):
            outputs = factor * width
            layers += [
                nn.Conv2d(inputs, outputs, 3, padding=1),
                nn.ReLU(),
                *([nn.BatchNorm2d(outputs)] if norm else []),
            ]
            inputs = outputs
        if block >= 5 - pools:
            layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten())
    for places in ((size[0] >> pools) * (size[1] >> pools), *(1,) * (5 - pools)):
        outputs = 8 * width
        layers += [nn.Linear(inputs * places, outputs), nn.ReLU()]
        layers += [nn.BatchNorm1d(outputs), nn.Dropout(0.3)] if norm else []
        inputs = outputs
    return nn.Sequential(*layers, nn.Linear(inputs, classes))
