"""Table of contents: the sections of a report in their order.  Each takes a `Case` and is None where it has nothing to
show."""

from isospike.report.sections.agreement import agreement as agreement
from isospike.report.sections.circuits import circuits as circuits
from isospike.report.sections.codings import codings as codings
from isospike.report.sections.curve import over_time as over_time
from isospike.report.sections.differing import differing as differing
from isospike.report.sections.energy import energy as energy
from isospike.report.sections.imperfections import imperfections as imperfections
from isospike.report.sections.mechanisms import mechanisms as mechanisms
from isospike.report.sections.membranes import membranes as membranes
from isospike.report.sections.settings import settings as settings
from isospike.report.sections.spikes import spikes as spikes
from isospike.report.sections.stages import stages as stages
from isospike.report.sections.times import times as times
from isospike.report.sections.training import training as training

SECTIONS = (
    stages,
    agreement,
    differing,
    spikes,
    membranes,
    times,
    over_time,
    mechanisms,
    codings,
    energy,
    imperfections,
    circuits,
    training,
    settings,
)
