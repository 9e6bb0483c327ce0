"""Table of contents: what is told of several networks side by side."""

from isospike.report.circuits import circuit as circuit
from isospike.report.circuits import energy_area as energy_area
from isospike.report.compare import Row as Row
from isospike.report.compare import applicable as applicable
from isospike.report.compare import choose as choose
from isospike.report.compare import compare as compare
from isospike.report.compare import compared as compared
