"""isospike: a trained ReLU network as a spiking network that computes the same thing."""

from isospike.codings import METHODS as METHODS
from isospike.codings import TTFS as TTFS
from isospike.codings import Coding as Coding
from isospike.codings import Rate as Rate
from isospike.convert import convert as convert
from isospike.errors import IsospikeError as IsospikeError
from isospike.hardware import SlopeMismatch as SlopeMismatch
from isospike.hardware import SpikeJitter as SpikeJitter
from isospike.measure import Report as Report
from isospike.measure import check as check
from isospike.measure import curve as curve
from isospike.measure import diagnose as diagnose
from isospike.measure import measure as measure
from isospike.network import SpikingNetwork as SpikingNetwork
from isospike.network import load as load
from isospike.network import save as save
from isospike.simulate import Clocked as Clocked
from isospike.simulate import ClosedForm as ClosedForm
from isospike.simulate import EarlyExit as EarlyExit
from isospike.simulate import EventDriven as EventDriven
from isospike.simulate import Stepped as Stepped
from isospike.simulate import Trace as Trace
from isospike.simulate import simulate as simulate
