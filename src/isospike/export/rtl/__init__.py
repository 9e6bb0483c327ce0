"""A network as a circuit in Verilog: an architecture a file, with a template beside it, and a row in table.py."""

from isospike.export.rtl.bench import Proof as Proof
from isospike.export.rtl.bench import proved as proved
from isospike.export.rtl.exported import RTL as RTL
from isospike.export.rtl.table import STYLES as STYLES
