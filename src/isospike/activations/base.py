"""What the activations' constructors check."""

import math

from isospike.errors import InvalidSetting


def check(owner: object, within: bool, **settings: float) -> None:
    """Raise `InvalidSetting` unless the settings are finite and `within` holds."""
    if not within or not all(map(math.isfinite, settings.values())):
        written = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        raise InvalidSetting(
            f"{type(owner).__name__}({written}).",
            "threshold > 0, slope > 0, levels ≥ 1, 0 < shrink < 1, 0 < momentum ≤ 1.",
            "Choose numbers within.",
        )
