"""A network as a circuit in Verilog: an architecture a file, with a template beside it, and a row in table.py."""

from isospike.export.rtl.bench import Proof as Proof
from isospike.export.rtl.bench import described as described
from isospike.export.rtl.bench import proved as proved
from isospike.export.rtl.cells import OSU018 as OSU018
from isospike.export.rtl.cells import Library as Library
from isospike.export.rtl.design import Design as Design
from isospike.export.rtl.design import Layer as Layer
from isospike.export.rtl.energy import costs as costs
from isospike.export.rtl.energy import energy as energy
from isospike.export.rtl.exported import RTL as RTL
from isospike.export.rtl.formal import proved_for_all as proved_for_all
from isospike.export.rtl.fpga import fitted as fitted
from isospike.export.rtl.synthesis import SCRIPT as SCRIPT
from isospike.export.rtl.synthesis import synthesised as synthesised
from isospike.export.rtl.table import STYLES as STYLES
