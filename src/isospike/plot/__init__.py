"""Table of contents: pictures, matplotlib axes in, axes out; without axes each makes a figure of its own."""

from isospike.plot.curve import curve as curve
from isospike.plot.diagnosis import diagnosis as diagnosis
from isospike.plot.look import tidy as tidy
from isospike.plot.membrane import membrane as membrane
from isospike.plot.membrane import trajectories as trajectories
from isospike.plot.pareto import pareto as pareto
from isospike.plot.pattern import pattern as pattern
from isospike.plot.raster import band as band
from isospike.plot.raster import raster as raster
from isospike.plot.readout import readout as readout
from isospike.plot.sensitivity import sensitivity as sensitivity
from isospike.plot.spike_times import spike_times as spike_times
from isospike.plot.windows import windows as windows
