"""What the commands share about the files that they write."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from isospike.errors import InvalidFile

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Written = Annotated[
    Path | None, typer.Option("--report", metavar="FILE.html", help="Write what was found as one HTML file as well.")
]


HTML = (".html", ".htm")


def writable(path: Path | None, *endings: str) -> None:
    """Raise `InvalidFile` for a report that could not be written, before anything takes its time.  endings: of its
    name, those of HTML unless given."""
    endings = endings or HTML
    if path is not None and (path.suffix.lower() not in endings or not path.absolute().parent.is_dir()):
        supported = f"A file that ends in {endings[0]}, in a folder that is there."
        raise InvalidFile(f"`{path}` cannot be written.", supported, "Choose another place.")


def replaceable(path: Path, overwrite: bool, otherwise: str) -> None:
    """Ask before a file is replaced, if a person is at the terminal.  Raises `InvalidFile`."""
    if overwrite or not path.exists():
        return
    if sys.stdin.isatty() and typer.confirm(f"{path} exists.  Replace it?", err=True):
        return
    raise InvalidFile(
        f"`{path}` exists.", "A place where nothing is.", f"Choose another place, or --overwrite; {otherwise}."
    )
