"""Table of contents: what a spiking network is handed to hardware as."""

from isospike.export.base import Exported as Exported
from isospike.export.integer_rates import IntegerRates as IntegerRates
from isospike.export.integers import Integers as Integers
from isospike.export.nir import NIR as NIR
from isospike.export.nir import ExtendedNIR as ExtendedNIR
from isospike.export.rtl import RTL as RTL
from isospike.export.shift_add import ShiftAdd as ShiftAdd
from isospike.export.shift_add import shift_add as shift_add

EXPORTS: tuple[type[Exported], ...] = (ExtendedNIR, IntegerRates, Integers, NIR, RTL, ShiftAdd)
