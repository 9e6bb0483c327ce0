"""Table of contents: networks to be trained, by name, for samples of a shape and a number of classes; LeNet-5 trained.

`initial(NETWORKS["lenet"], (1, 28, 28), 10)` draws the weights; `lenet5()` is the network that comes with the package.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from isospike.zoo.base import initial as initial
from isospike.zoo.dense import dense
from isospike.zoo.lenet import lenet
from isospike.zoo.lenet import lenet5 as lenet5
from isospike.zoo.vgg import vgg16

NETWORKS: dict[str, Callable[[tuple[int, ...], int], nn.Sequential]] = {
    "fc2": partial(dense, hidden=1),
    "fc8": partial(dense, hidden=7),
    "fc16": partial(dense, hidden=15),
    "lenet": lenet,
    "vgg16": vgg16,
    "vgg16-narrow": partial(vgg16, width=16),
}
