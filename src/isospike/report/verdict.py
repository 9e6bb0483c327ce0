"""The verdict of a report: a sentence, and the evidence for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from isospike.measure import Report
from isospike.report.case import Case
from isospike.report.compare import Row

EXACT = {"float64": 1e-9, "float32": 1e-4}  # largest error over largest output that rounding explains
NEAR, WITHIN = 0.99, 0.2  # of the predictions agree; largest error over largest output
WORDS = {"ClosedForm": "in closed form", "EventDriven": "event by event", "Stepped": "step by step"}


@dataclass(frozen=True)
class Verdict:
    """`said` in a sentence; `good` if what was claimed was shown, None if nothing was."""

    said: str
    good: bool | None


def verdict(case: Case) -> Verdict:
    """What was shown of a case."""
    if case.found is not None:
        return _of(case.found)
    if case.circuits:
        compared = sum(int(row["compared"]) for row in case.circuits)
        off = sum(int(row["differing"]) for row in case.circuits)
        many = f"{compared:,} spike times, potentials and classes of {len(case.circuits)} circuits"
        return Verdict(f"Of {many}, {f'{off:,} differ' if off else 'none differs'} from the whole numbers.", not off)
    if case.rows:
        return _best(case.rows)
    accuracy = case.figures.get("accuracy")
    answered = "" if accuracy is None else f"It answers {float(accuracy):.2%} rightly.  "
    return Verdict(f"{answered}Nothing is claimed of an original: none was given.", None)


def _of(found: Report) -> Verdict:
    off = found.max_abs_error / max(found.logit_scale, 1e-300)
    exact = found.agreement == 1 and off <= EXACT.get(found.dtype, 0.0)
    ran = " and ".join(WORDS.get(name, name) for name in found.simulators)
    error = f"no output is more than {found.max_abs_error:.3g} off, of outputs up to {found.logit_scale:.4g}"
    if exact:
        return Verdict(
            f"The spiking network computes what its original computes: all {found.samples:,} predictions agree, and "
            f"{error} ({found.dtype}, {ran}).",
            True,
        )
    if found.agreement >= NEAR and off <= WITHIN:
        return Verdict(
            f"The spiking network comes near its original: {found.agreement:.2%} of {found.samples:,} predictions "
            f"agree, and {error} ({found.dtype}, {ran}).",
            True,
        )
    return Verdict(
        f"The spiking network does not compute what its original computes: {found.agreement:.2%} of {found.samples:,} "
        f"predictions agree, and outputs are up to {found.max_abs_error:.3g} off, of up to {found.logit_scale:.4g} "
        f"({found.dtype}, {ran}).",
        False,
    )


def _best(rows: Sequence[Row]) -> Verdict:
    best = min(rows, key=lambda row: (1 - row.agreement, row.energy_nj))
    when = "" if best.steps is None else f" at T = {best.steps}"
    return Verdict(
        f"Of {len({row.coding for row in rows})} codings, {best.coding}{when} comes nearest to the original: "
        f"{best.agreement:.2%} of its predictions, for {best.energy_nj:.4g} nJ a sample.",
        None,
    )
