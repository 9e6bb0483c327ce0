"""The networks of the sources, at full width or narrower."""

from torch import nn

from isospike.zoo import lenet


def two_layers(hidden: int = 600, dropout: float = 0.2) -> nn.Sequential:
    """One hidden layer on flattened 28 × 28 images (Stanojevic 2023, Methods i)."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 10))


def lenet5() -> nn.Sequential:
    """LeNet-5 with batch norm for 28 × 28 images (Stanojevic 2023, Fig. 2.2a)."""
    return lenet((1, 28, 28), 10, norm=True)


def vgg16_large(classes: int) -> nn.Module:
    """VGG16 without batch norm for 224 × 224 images, as torchvision has it."""
    from torchvision.models import vgg16 as torchvision_vgg16

    model: nn.Module = torchvision_vgg16(num_classes=classes)
    return model
