"""Importers: a trained model as a graph."""

from isospike.importers.model import Model as Model
from isospike.importers.model import original as original
from isospike.importers.model import read as read
from isospike.importers.named import digest as digest
from isospike.importers.named import model_of as model_of
