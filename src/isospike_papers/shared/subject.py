"""A trained network and its data: what figures are taken of."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from isospike.importers import Model
from isospike.report.claim import Setup
from isospike_papers.shared.data import Split
from isospike_papers.shared.recipe import Recipe, trained


@dataclass(frozen=True)
class Subject:
    """A trained network and its data; the range that its inputs are declared to lie in, or else the data's."""

    model: Model
    split: Split
    input_range: tuple[float, float] | None = None


def subject(
    recipe: Recipe,
    make: Callable[[], nn.Module],
    split: Split,
    setup: Setup,
    input_range: tuple[float, float] | None = None,
) -> Subject:
    """The network of a recipe, as a setup changes it, trained or from the store."""
    return Subject(trained(recipe.at(setup), make, lambda: split.train, setup.device), split, input_range)
