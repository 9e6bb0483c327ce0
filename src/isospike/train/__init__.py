"""Table of contents: what can be trained, and the one loop that trains it."""

from isospike.train.base import Trainee as Trainee
from isospike.train.classifier import Classifier as Classifier
from isospike.train.early import Early as Early
from isospike.train.early import EarlyAnswers as EarlyAnswers
from isospike.train.fit import accuracy as accuracy
from isospike.train.fit import fit as fit
from isospike.train.kept import read_curve as read_curve
from isospike.train.over_time import OverTime as OverTime
from isospike.train.sparsity import Sparsity as Sparsity
from isospike.train.spike_times import SpikeTimes as SpikeTimes
from isospike.train.spike_times import SpikeTimes as prepare
from isospike.train.surrogates import SURROGATES as SURROGATES
from isospike.train.units import units as units

__all__ = [
    "SURROGATES",
    "Classifier",
    "Early",
    "EarlyAnswers",
    "OverTime",
    "Sparsity",
    "SpikeTimes",
    "Trainee",
    "accuracy",
    "fit",
    "prepare",
    "read_curve",
    "units",
]
