"""What was done to samples before a network saw them, as a record that the network's file keeps."""

from dataclasses import dataclass

from isospike.ir.record import Record

# Means and standard deviations a channel of the training images, scaled to [0, 1]: what networks are usually trained
# with.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PRESETS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "mnist": ((0.1307,), (0.3081,)),
    "fashion_mnist": ((0.2860,), (0.3530,)),
    "kmnist": ((0.1918,), (0.3483,)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "svhn": ((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    "imagenet": IMAGENET,
    "places365": IMAGENET,
}


@dataclass(frozen=True, eq=False)
class Preprocessing(Record):
    """
    | field     | meaning                                                                       |
    |-----------|-------------------------------------------------------------------------------|
    | `data`    | the data set's name                                                           |
    | `mean`    | subtracted after pixels were scaled to [0, 1], a number a channel or one      |
    | `std`     | divided by after that                                                         |
    | `size`    | that images of a folder were resized and cropped to, if they were             |
    | `classes` | their names, in the order of the outputs, where they are known                |
    """

    data: str
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    size: int | None = None
    classes: tuple[str, ...] = ()
