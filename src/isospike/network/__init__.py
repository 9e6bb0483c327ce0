"""The spiking network as records: what it is made of, its schedule of windows, and its file format."""

from isospike.network.body import Body as Body
from isospike.network.body import Constraint as Constraint
from isospike.network.body import Encoder as Encoder
from isospike.network.body import Group as Group
from isospike.network.body import Reached as Reached
from isospike.network.body import Stage as Stage
from isospike.network.retime import balanced as balanced
from isospike.network.retime import retimed as retimed
from isospike.network.retime import total as total
from isospike.network.weights import reweighted as reweighted
from isospike.network.weights import trained_maps as trained_maps
