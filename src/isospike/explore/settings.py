"""What a visitor of the page may change about a network, and within which limits."""

import math
from dataclasses import dataclass, fields
from typing import Any

from isospike.codings import TTFS, Coding, Rate
from isospike.engine import SpikingNetwork
from isospike.errors import InvalidSetting

OFF = 0  # of ticks and of bits
LIMITS: dict[str, tuple[float, float]] = {
    "jitter": (0.0, 1.0),
    "ticks": (4, 256),
    "bits": (2, 8),
    "margin": (-0.5, 2.0),
    "steps": (1, 256),
}
WHOLE = ("ticks", "bits", "steps")
OPTIONAL = ("ticks", "bits")  # 0 switches them off
OVER_TIME = "This coding fires step by step, so that no single spike carries a time."


@dataclass(frozen=True)
class Settings:
    """
    | field    | unit | meaning                                                            |
    |----------|------|--------------------------------------------------------------------|
    | `coding` |      | its name                                                           |
    | `jitter` | time | standard deviation of spike times                                  |
    | `ticks`  |      | of the clock that spikes fall on, a window; 0: spikes at any time  |
    | `bits`   |      | of the weights; 0: as they are                                     |
    | `margin` |      | ζ, of the coding of first spikes; None: the coding's own           |
    | `steps`  |      | T, of rate codes; None: the coding's own                           |
    """

    coding: str
    jitter: float = 0.0
    ticks: int = OFF
    bits: int = OFF
    margin: float | None = None
    steps: int | None = None


def read(value: Any) -> Settings:
    """Settings from plain JSON.  Raises `InvalidSetting` for names, kinds and numbers that are not offered."""
    known = [one.name for one in fields(Settings)]
    supported = f"An object with some of: {', '.join(known)}."
    if not isinstance(value, dict) or not isinstance(value.get("coding"), str):
        raise InvalidSetting("settings without the name of a coding.", supported, 'Send {"coding": "ttfs"}.')
    if unknown := [name for name in value if name not in known]:
        raise InvalidSetting(f"there is no setting `{unknown[0][:40]}`.", supported, "Leave it out.")
    return Settings(value["coding"], **{name: _number(name, value[name]) for name in LIMITS if name in value})


def _number(name: str, value: Any) -> Any:
    low, high = LIMITS[name]
    if value is None and name in ("margin", "steps"):
        return None
    number = isinstance(value, int if name in WHOLE else int | float) and not isinstance(value, bool)
    off = number and name in OPTIONAL and value == OFF
    if not off and not (number and math.isfinite(value) and low <= value <= high):
        kind = "A whole number" if name in WHOLE else "A number"
        also = ", or 0 for off" if name in OPTIONAL else ""
        what = f"{name}={str(value)[:40]} is not offered."
        raise InvalidSetting(what, f"{kind} from {low:g} to {high:g}{also}.", "Choose a value within.")
    return value


def reasons(coding: Coding | None, network: SpikingNetwork) -> dict[str, str]:
    """By setting, why it does not apply to a network; settings that apply are not named.  coding: None for a network
    that was read from a file."""
    found: dict[str, str] = {}
    if network.body.steps:
        found |= {"jitter": OVER_TIME, "ticks": OVER_TIME}
    if coding is None:
        kept = "The file keeps what it was converted with. Convert the model again to change it."
        return found | {"margin": kept, "steps": kept}
    if not isinstance(coding, TTFS):
        found["margin"] = "Windows with a margin belong to the coding of first spikes."
    if not isinstance(coding, Rate):
        found["steps"] = "This coding answers once, after its last window, and counts no steps."
    return found
