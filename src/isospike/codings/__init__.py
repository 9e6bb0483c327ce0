"""Table of contents: the codings."""

from isospike.codings import linear_lif as linear_lif
from isospike.codings.base import Coding as Coding
from isospike.codings.calibrate import Calibrate as Calibrate
from isospike.codings.inverse import inverse as inverse
from isospike.codings.methods import METHODS as METHODS
from isospike.codings.rate import Rate as Rate
from isospike.codings.ttfs import TTFS as TTFS
