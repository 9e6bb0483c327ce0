"""The command line."""

import sys
import warnings

import typer
from rich.console import Console as Console

from isospike.cli.commands import COMMANDS
from isospike.cli.papers import PAPER_COMMANDS
from isospike.cli.rates import RATE_COMMANDS
from isospike.cli.tables import err
from isospike.cli.training import TRAINING_COMMANDS
from isospike.errors import IsospikeError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="Trained ReLU networks as spiking networks that compute the same thing."
)
for name, command in (COMMANDS | TRAINING_COMMANDS | RATE_COMMANDS | PAPER_COMMANDS).items():
    app.command(name)(command)


def main() -> None:
    """Entry point: an error is three lines, not a traceback."""
    sys.path.append("")  # a factory may lie in the current folder
    warnings.showwarning = lambda message, *_: err.print(f"warning: {message}", markup=False, highlight=False, style="yellow", soft_wrap=True)
    try:
        app()
    except IsospikeError as error:
        err.print(f"{type(error).__name__}: {error}", markup=False, highlight=False, style="red", soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        err.print("interrupted; nothing was half-written.")
        sys.exit(130)
