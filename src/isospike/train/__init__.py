"""Table of contents: training and fine-tuning in spike times."""

from isospike.train.base import Trainee as Trainee
from isospike.train.early import Early as Early
from isospike.train.early import EarlyAnswers as EarlyAnswers
from isospike.train.fit import accuracy as accuracy
from isospike.train.fit import fit as fit
from isospike.train.sparsity import Sparsity as Sparsity
from isospike.train.spike_times import SpikeTimes as SpikeTimes
from isospike.train.spike_times import SpikeTimes as prepare

__all__ = ["Early", "EarlyAnswers", "Sparsity", "SpikeTimes", "Trainee", "accuracy", "fit", "prepare"]
