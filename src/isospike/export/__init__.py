"""Table of contents: what a spiking network is handed to hardware as."""

from isospike.export.base import Exported as Exported
from isospike.export.integers import Integers as Integers

EXPORTS: tuple[type[Exported], ...] = (Integers,)
