"""What the convolutions of a trained network make of images, as samples for another network."""

from dataclasses import replace

import torch

from isospike.data import Data
from isospike.importers import read
from isospike.passes import canonical
from isospike_papers.shared.subject import Subject


@torch.no_grad()
def features(subject: Subject, data: Data, name: str) -> Data:
    """What the first dense layer of a subject's network hears of each sample, rectified as it is."""
    assert subject.input_range is not None
    graph = canonical(read(subject.model, next(iter(data))[:2]).with_range(*subject.input_range)).to(torch.float32)
    first = next(node for node in graph if len(node.shape) == 1)  # canonical: it flattens and multiplies
    trunk = replace(graph, output=first.inputs[0]).edited({})
    return Data(name, torch.cat([trunk(x).flatten(1) for x in data]), data.labels, classes=data.classes)
