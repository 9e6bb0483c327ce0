"""A grid of networks × methods × T × constraints × seeds × images, computed by any executor, and resumed."""

from isospike.sweep.cost import Cost as Cost
from isospike.sweep.cost import estimate as estimate
from isospike.sweep.engines import engine as engine
from isospike.sweep.grid import Study as Study
from isospike.sweep.run import Failure as Failure
from isospike.sweep.run import Swept as Swept
from isospike.sweep.run import status as status
from isospike.sweep.run import sweep as sweep
from isospike.sweep.run import unfinished as unfinished
from isospike.sweep.shard import Shard as Shard
from isospike.sweep.shard import run as run
