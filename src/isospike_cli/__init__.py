"""The command line.  A command's module is imported when it is called; the list of commands is read from their
sources."""

import ast
import gc
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

ABOUT = "Trained ReLU networks as spiking networks that compute the same thing."
ENDING = "_command"  # functions that end so are commands; their docstring's first paragraph is shown in the list


def commands() -> dict[str, tuple[str, str]]:
    """Name of the module and what it does, by command."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.endswith(ENDING):
                about = (ast.get_docstring(node) or "").partition("\n\n")[0]
                found[node.name.removesuffix(ENDING)] = path.stem, " ".join(about.split())
    return found


def app(name: str) -> "typer.Typer":
    """A command with its options.  Raises `KeyError` for a name that is none."""
    import typer

    from isospike_cli.flat import flat

    gc.disable()  # what a module defines stays: searching it for garbage takes a third of a second
    module = import_module(f"isospike_cli.{commands()[name][0]}")
    gc.freeze()
    gc.enable()
    made = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    made.command()(flat(vars(module)[f"{name}{ENDING}"]))
    return made


def main() -> None:
    """Entry point: an error is three lines, not a traceback."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name == "--version":
        print(version("isospike"))
        sys.exit(0)
    known = commands()
    if name in ("--help", "-h"):
        width = max(map(len, known)) + 2
        rows = (f"  {name:{width}}{about}" for name, (_, about) in known.items())
        print(
            f"{ABOUT}\n\nUsage: isospike COMMAND …\n\n"
            + "\n".join(rows)
            + "\n\nOptions of each: isospike COMMAND --help.  --version"
        )
        sys.exit(0)
    if name not in known:
        print(
            f"Error: there is no command `{name}`.\n  Known: {', '.join(known)}.\n  See isospike --help.",
            file=sys.stderr,
        )
        sys.exit(2)
    _guarded(name, arguments)


def _guarded(name: str, arguments: list[str]) -> None:
    import warnings

    from isospike.errors import IsospikeError
    from isospike_cli.tables import err

    sys.path.append("")  # a factory may lie in the current folder
    warnings.showwarning = lambda message, *_: err.print(
        f"warning: {message}", markup=False, highlight=False, style="yellow", soft_wrap=True
    )
    try:
        app(name)(arguments, prog_name=f"isospike {name}")
    except IsospikeError as error:
        err.print(f"{type(error).__name__}: {error}", markup=False, highlight=False, style="red", soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        err.print("interrupted; no incomplete file was left.")
        sys.exit(130)
