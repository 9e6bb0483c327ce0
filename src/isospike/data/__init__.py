"""Data sets by name, read batch by batch."""

from isospike.data.named import open_data as open_data
from isospike.data.source import Data as Data
