"""Table of contents: the codings."""

from isospike.codings.base import Coding as Coding
from isospike.codings.inputs import Bernoulli as Bernoulli
from isospike.codings.inputs import ConstantCurrent as ConstantCurrent
from isospike.codings.inputs import Poisson as Poisson
from isospike.codings.inputs import RegularSpikes as RegularSpikes
from isospike.codings.rate import Rate as Rate
from isospike.codings.ttfs import TTFS as TTFS
