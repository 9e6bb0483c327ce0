"""To and from the Neuromorphic Intermediate Representation: a hand-over that is proven, or refused.

| file           |                                                                                     |
|----------------|-------------------------------------------------------------------------------------|
| `plain.py`     | maps as the convolutions and dense maps that every reader has                       |
| `grid.py`      | weights and potentials that single precision holds without rounding                 |
| `targets.py`   | how each reader takes neurons, and what it is refused                               |
| `graph.py`     | a network as a graph                                                                |
| `extension.py` | a graph of any network, which isospike alone reads, bit for bit                     |
| `maps.py`      | stateless nodes as maps                                                             |
| `read.py`      | a graph as a network                                                                |
| `golden.py`    | spikes that a reader must send                                                      |
| `compare.py`   | a reader's simulator against them; `readers/` has a script for each                 |

Source: Pedersen 2024, Neuromorphic intermediate representation, Nature Communications 15, 8122; nir 1.0.8."""

from isospike.export.nir.compare import Verified as Verified
from isospike.export.nir.compare import environment as environment
from isospike.export.nir.compare import verify as verify
from isospike.export.nir.extension import ExtendedNIR as ExtendedNIR
from isospike.export.nir.golden import Golden as Golden
from isospike.export.nir.golden import beside as beside
from isospike.export.nir.golden import running as running
from isospike.export.nir.graph import NIR as NIR
from isospike.export.nir.read import read as read
from isospike.export.nir.read import read_graph as read_graph
from isospike.export.nir.targets import EXTENDED as EXTENDED
from isospike.export.nir.targets import TARGETS as TARGETS
