"""A model read in a process of its own: what PyTorch's exporter takes in memory, about 190 MB, is given back."""

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from torch import Tensor

from isospike.errors import InvalidModel
from isospike.importers.model import Model, read
from isospike.importers.named import digest, model_of
from isospike.importers.verify import Within
from isospike.ir.graph import Graph


def read_apart(name: str, model: Model, example: Tensor, within: Within | None = None) -> Graph:
    """What `read` gives for `model`, which is the one that `name` stands for.

    A function that makes another network each time has made another there, so its model is read here.  Raises what
    `read` raises, and `InvalidModel` where the process died."""
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as process:  # a fork would inherit threads that do not run
            graph, read_there = process.submit(_read, name, example, within).result()
    except BrokenProcessPool as error:
        what = f"the process that read `{name}` was killed, or ended by itself."
        raise InvalidModel(what, remedy="Look for more memory, or for an exit in the model's code.") from error
    return graph if read_there == digest(model) else read(model, example, within)


def _read(name: str, example: Tensor, within: Within | None) -> tuple[Graph, str]:
    model = model_of(name)
    return read(model, example, within), digest(model)
