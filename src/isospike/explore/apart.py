"""A model read in a process of its own, which also compiles what its codings run: the memory that PyTorch's exporter
(about 190 MB) and the compiler (about 80 MB) take is given back when it ends."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context

from torch import Tensor, nn

from isospike.convert import Conversion
from isospike.data import Data
from isospike.errors import InvalidModel, IsospikeError
from isospike.explore.scene import warm
from isospike.explore.subject import Subject
from isospike.importers import Model, model_of, read
from isospike.importers.torch import twin
from isospike.importers.verify import Within
from isospike.ir.graph import Graph

FEW = 8  # samples that are enough to compile for


def read_apart(name: str, model: Model, example: Tensor, within: Within) -> Graph:
    """What `read` gives for `model`, which is the one that `name` stands for.

    What was read is compared with `model`: a function that makes another network each time has made another there, so
    its model is read here.  Raises what `read` raises, and `InvalidModel` where the process died."""
    # Bytes, from one process of ours to another: tensors would go through shared memory, a file each
    given = pickle.dumps((name, example[:FEW].clone(), within))
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as process:  # a fork would inherit threads that do not run
            graph: Graph = pickle.loads(process.submit(_read, given).result())
    except BrokenProcessPool as error:
        what = f"the process that read `{name}` was killed, or ended by itself."
        raise InvalidModel(what, remedy="Look for more memory, or for an exit in the model's code.") from error
    same = not isinstance(model, nn.Module) or twin(model, graph) is not None
    return graph if same else read(model, example, within)


def _read(given: bytes) -> bytes:
    name, example, within = pickle.loads(given)
    graph = read(model_of(name), example, within)
    with suppress(IsospikeError):  # the page itself says what it cannot show
        warm(Subject(name, Conversion(graph, example, within), Data(name, example, None)))
    return pickle.dumps(graph)
