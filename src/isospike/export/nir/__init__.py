"""To and from the Neuromorphic Intermediate Representation: a hand-over that is proven, or refused.

Source: Pedersen 2024, Neuromorphic intermediate representation, Nature Communications 15, 8122; nir 1.0.8."""

from isospike.export.nir.compare import Verified as Verified
from isospike.export.nir.compare import environment as environment
from isospike.export.nir.compare import verify as verify
from isospike.export.nir.golden import Golden as Golden
from isospike.export.nir.golden import beside as beside
from isospike.export.nir.graph import NIR as NIR
from isospike.export.nir.read import read as read
from isospike.export.nir.read import read_graph as read_graph
from isospike.export.nir.targets import TARGETS as TARGETS
