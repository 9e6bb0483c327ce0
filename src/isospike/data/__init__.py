"""Data sets by name, read batch by batch."""

from isospike.data.loader import loader as loader
from isospike.data.named import open_data as open_data
from isospike.data.preprocessing import PRESETS as PRESETS
from isospike.data.preprocessing import Preprocessing as Preprocessing
from isospike.data.samples import Samples as Samples
from isospike.data.samples import pairs as pairs
from isospike.data.samples import samples as samples
from isospike.data.source import Data as Data
from isospike.data.table import Table as Table
from isospike.data.words import TfIdf as TfIdf
