"""Table of contents: the architectures that a network in whole numbers is written in, by name."""

from isospike.export.rtl.ann import Pipelined, Single
from isospike.export.rtl.base import Circuit
from isospike.export.rtl.sttfs import Levels, Pulses
from isospike.export.rtl.ttfs import AlwaysOn

STYLES: dict[str, type[Circuit]] = {one.name: one for one in (Levels, Pulses, AlwaysOn, Pipelined, Single)}
