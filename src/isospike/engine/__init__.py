"""The one place where a network runs: once through, or over time; the network as a module, loaded and saved."""

from isospike.engine.advance import State as State
from isospike.engine.advance import advance as advance
from isospike.engine.advance import plain as plain
from isospike.engine.advance import start as start
from isospike.engine.fits import all_gated as all_gated
from isospike.engine.fits import in_closed_form as in_closed_form
from isospike.engine.fits import over_time as over_time
from isospike.engine.fits import refused as refused
from isospike.engine.module import SpikingNetwork as SpikingNetwork
from isospike.engine.module import load as load
from isospike.engine.module import of_units as of_units
from isospike.engine.module import save as save
from isospike.engine.module import spiking as spiking
from isospike.engine.once import Perturb as Perturb
from isospike.engine.once import Step as Step
from isospike.engine.once import Watch as Watch
from isospike.engine.once import in_blocks as in_blocks
from isospike.engine.once import run as run
from isospike.engine.perturbation import generators as generators
from isospike.engine.perturbation import perturbation as perturbation
from isospike.engine.pooled import pooled as pooled
from isospike.engine.walk import Listen as Listen
from isospike.engine.walk import Plan as Plan
from isospike.engine.walk import Walk as Walk
from isospike.engine.walk import together as together
from isospike.engine.walk import walked as walked
