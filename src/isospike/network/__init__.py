"""The spiking network: what it is made of, how it runs, how it is kept as a module and as a file."""

from isospike.network.body import Body as Body
from isospike.network.body import Constraint as Constraint
from isospike.network.body import Encoder as Encoder
from isospike.network.body import Group as Group
from isospike.network.body import Reached as Reached
from isospike.network.body import Stage as Stage
from isospike.network.fits import all_gated as all_gated
from isospike.network.fits import in_closed_form as in_closed_form
from isospike.network.fits import over_time as over_time
from isospike.network.fits import refused as refused
from isospike.network.module import SpikingNetwork as SpikingNetwork
from isospike.network.module import load as load
from isospike.network.module import save as save
from isospike.network.perturbation import generators as generators
from isospike.network.perturbation import perturbation as perturbation
from isospike.network.retime import balanced as balanced
from isospike.network.retime import retimed as retimed
from isospike.network.retime import total as total
from isospike.network.run import Perturb as Perturb
from isospike.network.run import Step as Step
from isospike.network.run import Watch as Watch
from isospike.network.run import run as run
from isospike.network.steps import Listen as Listen
from isospike.network.steps import Walk as Walk
from isospike.network.steps import together as together
from isospike.network.steps import walked as walked
