"""A model read in a process of its own: what PyTorch's exporter takes in memory, about 190 MB, is given back."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import numpy as np
import torch
from torch import Tensor, nn

from isospike.errors import InvalidModel
from isospike.importers.model import Model, read
from isospike.importers.named import model_of
from isospike.importers.torch import twin
from isospike.importers.verify import Within
from isospike.ir.graph import Graph


def read_apart(name: str, model: Model, example: Tensor, within: Within | None = None) -> Graph:
    """What `read` gives for `model`, which is the one that `name` stands for.

    What was read is compared with `model`: a function that makes another network each time has made another there, so
    its model is read here.  Raises what `read` raises, and `InvalidModel` where the process died."""
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as process:  # a fork would inherit threads that do not run
            # As bytes of a process of our own: tensors would come through shared memory, a file each
            graph: Graph = pickle.loads(process.submit(_read, name, example.numpy(), within).result())
    except BrokenProcessPool as error:
        what = f"the process that read `{name}` was killed, or ended by itself."
        raise InvalidModel(what, remedy="Look for more memory, or for an exit in the model's code.") from error
    same = not isinstance(model, nn.Module) or twin(model, graph, example) is not None
    return graph if same else read(model, example, within)


def _read(name: str, example: np.ndarray, within: Within | None) -> bytes:
    return pickle.dumps(read(model_of(name), torch.from_numpy(example), within))
