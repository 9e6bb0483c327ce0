"""Table of contents: how an input value becomes spikes."""

from isospike.encoders.bernoulli import Bernoulli as Bernoulli
from isospike.encoders.cte import CTE as CTE
from isospike.encoders.current import ConstantCurrent as ConstantCurrent
from isospike.encoders.ecte import ECTE as ECTE
from isospike.encoders.every_input import EveryInputEncoder as EveryInputEncoder
from isospike.encoders.latency import LatencyEncoder as LatencyEncoder
from isospike.encoders.pattern import PatternEncoder as PatternEncoder
from isospike.encoders.poisson import Poisson as Poisson
from isospike.encoders.rate import RateEncoder as RateEncoder
from isospike.encoders.regular import RegularSpikes as RegularSpikes
