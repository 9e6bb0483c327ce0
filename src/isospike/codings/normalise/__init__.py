"""Table of contents: how the range of every layer's rates is chosen, that is, its thresholds and its consumers'
weights."""

from isospike.codings.normalise.base import Normalise as Normalise
from isospike.codings.normalise.bounds import Bounds as Bounds
from isospike.codings.normalise.model_based import ModelBased as ModelBased
from isospike.codings.normalise.percentile import Percentile as Percentile
from isospike.codings.normalise.spike_norm import SpikeNorm as SpikeNorm
from isospike.codings.normalise.unscaled import Unscaled as Unscaled
