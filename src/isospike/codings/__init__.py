"""Table of contents: the codings."""

from isospike.codings.base import Coding as Coding
from isospike.codings.ttfs import TTFS as TTFS
