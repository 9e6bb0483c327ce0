"""Table of contents: the operations.  A new one is a file here and a row below."""

from isospike.ir.ops import affine as affine
from isospike.ir.ops import clip as clip
from isospike.ir.ops import conv as conv
from isospike.ir.ops import dense as dense
from isospike.ir.ops import identity as identity
from isospike.ir.ops import input as input
from isospike.ir.ops import mirror as mirror
from isospike.ir.ops import pool as pool
from isospike.ir.ops import route as route
from isospike.ir.ops import scale as scale
