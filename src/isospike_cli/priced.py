"""Prices of operations by name, or from a TOML file."""

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from isospike.errors import InvalidFile, InvalidSetting
from isospike.measure.prices import PRICES, USUAL, Prices

Priced = Annotated[
    str,
    typer.Option(
        "--prices", help=f"Of operations: {', '.join(PRICES)}, or a .toml file with synaptic_operation = … in pJ."
    ),
]
USUALLY = USUAL.name


def prices_of(text: str) -> Prices:
    """The prices that a name or a file stands for.  Raises `InvalidSetting` and `InvalidFile`."""
    if text in PRICES:
        return PRICES[text]
    known = [one.name for one in fields(Prices)]
    supported = f"{', '.join(PRICES)}; or a .toml file with some of {', '.join(known)}."
    path = Path(text)
    if path.suffix != ".toml":
        raise InvalidSetting(f"prices `{text}` are not known.", supported, "Choose one of these: --prices.")
    try:
        given = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidFile(f"`{text}` cannot be read: {error}.", supported, "Check its path and its lines.") from error
    if unknown := set(given) - set(known):
        raise InvalidSetting(f"`{text}` sets `{unknown.pop()}`.", supported, "Leave it out.")
    if "synaptic_operation" not in given:
        raise InvalidSetting(f"`{text}` has no synaptic_operation.", supported, "Add: synaptic_operation = 0.9  # pJ")
    return Prices(**{"name": path.stem} | given)
