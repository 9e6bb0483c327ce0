"""Data sets by name, read batch by batch."""

from isospike.data.loader import loader as loader
from isospike.data.named import open_data as open_data
from isospike.data.source import Data as Data
