"""isospike: a trained ReLU network as a spiking network that computes the same thing."""

import importlib.metadata

from isospike import export as export
from isospike import plot as plot
from isospike import train as train
from isospike import zoo as zoo
from isospike.codings import METHODS as METHODS
from isospike.codings import TTFS as TTFS
from isospike.codings import Coding as Coding
from isospike.codings import Rate as Rate
from isospike.constraints import Latency as Latency
from isospike.constraints import SlopeMismatch as SlopeMismatch
from isospike.constraints import SpikeJitter as SpikeJitter
from isospike.constraints import TimeSteps as TimeSteps
from isospike.constraints import WeightBits as WeightBits
from isospike.constraints import WeightNoise as WeightNoise
from isospike.constraints import constrain as constrain
from isospike.convert import Conversion as Conversion
from isospike.convert import convert as convert
from isospike.encoders import CTE as CTE
from isospike.encoders import ECTE as ECTE
from isospike.engine import SpikingNetwork as SpikingNetwork
from isospike.engine import load as load
from isospike.engine import save as save
from isospike.errors import IsospikeError as IsospikeError
from isospike.measure import check as check
from isospike.measure import curve as curve
from isospike.measure import diagnose as diagnose
from isospike.measure import measure as measure
from isospike.simulate import Clocked as Clocked
from isospike.simulate import ClosedForm as ClosedForm
from isospike.simulate import EarlyExit as EarlyExit
from isospike.simulate import EventDriven as EventDriven
from isospike.simulate import Stepped as Stepped
from isospike.simulate import Trace as Trace
from isospike.simulate import simulate as simulate
from isospike.sweep import sweep as sweep

__version__ = importlib.metadata.version("isospike")
