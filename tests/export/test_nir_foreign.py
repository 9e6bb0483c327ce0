"""Networks that other tools wrote with their own exporters are read as what they were: every spike of a sample is that
of the tool's own simulation.

The graphs and spikes in foreign/ were written on 30 November 2026 by its scripts, in the environments of `make interop`:
python of_TOOL.py FOLDER; each graph was then packed with gzip.  Where a tool's environment is there, it writes them anew."""

import gzip
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from isospike.errors import InvalidSetting, UnsupportedOperation
from isospike.export.nir import read
from isospike.export.nir.compare import environments
from isospike.simulate import StepByStep, Stepped

pytest.importorskip("nir", reason="the package `nir` is not installed: pip install 'isospike[nir]'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of h5py and numpy

FOREIGN = Path(__file__).parent / "foreign"
STEPS = 20
# What `isospike import` must be told, because NIR has no word for it
SETTINGS: dict[str, dict[str, object]] = {
    "spikingjelly-if": {"dt": 1e-4},  # R = 1 / Δt
    "spikingjelly-lif": {},
    "spikingjelly-lif-undecayed": {},
    "snntorch-zero": {},
    "snntorch-subtract": {"reset": "soft"},
    "snntorch-default": {"reset": "late"},
    "norse-if": {},
    "norse-lif": {"dt": 1e-6},  # to_nir multiplies τ by Δt, 1e-3
    "sinabs-if": {"reset": "soft"},
    "sinabs-if-zero": {},
    "sinabs-lif": {"reset": "soft", "dt": 4 * (1 - math.exp(-1 / 4))},  # e^(−1/τ) a step, τ = 4
    "sinabs-default": {"reset": "burst"},
}
TOOLS = sorted({name.partition("-")[0] for name in SETTINGS})


def differing(where: Path, name: str, **settings: object) -> int:
    """Spikes and silences that differ from those of the tool's own simulation."""
    network = read(where / f"{name}.nir", STEPS, **settings)  # type: ignore[arg-type]
    with np.load(where / f"{name}.npz", allow_pickle=False) as file:
        x = torch.from_numpy(file["input"]).double()
        wanted = [file[f"spikes_{k}"] for k in range(len(network.stages) - 1)]
        assert len(file.files) == 3
    count = 0
    for run in (StepByStep(), Stepped()):
        trains = list(run.trace(network, x).trains.values())
        for train, spikes in zip(trains, wanted, strict=True):
            assert train.shape == spikes.shape and spikes.sum() > 50
            count += int((train.numpy() != spikes).sum())
    return count


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The graphs that are kept here, unpacked, and the spikes."""
    for name in SETTINGS:
        (tmp_path / f"{name}.nir").write_bytes(gzip.decompress((FOREIGN / f"{name}.nir.gz").read_bytes()))
        shutil.copy(FOREIGN / f"{name}.npz", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", SETTINGS)
def test_every_spike_is_that_of_the_tool(name: str, kept: Path) -> None:
    assert differing(kept, name, **SETTINGS[name]) == 0


@pytest.mark.parametrize("tool", TOOLS)
def test_what_the_tool_writes_today(tool: str, tmp_path: Path) -> None:
    python = environments() / tool / "bin" / "python"
    if not python.exists():
        pytest.skip(f"there is no environment of {tool}: run `make interop`, or say where it is in $ISOSPIKE_INTEROP")
    script = FOREIGN / f"of_{tool}.py"
    subprocess.run([python.absolute(), "-W", "ignore", script, tmp_path], check=True, capture_output=True, timeout=300)
    names = {path.stem for path in tmp_path.glob("*.nir")}
    assert names == {name for name in SETTINGS if name.startswith(tool)}
    for name in names:
        assert differing(tmp_path, name, **SETTINGS[name]) == 0, name


@pytest.mark.parametrize("name", [name for name in SETTINGS if SETTINGS[name]])
def test_the_settings_matter(name: str, kept: Path) -> None:
    """Without them the spikes are others, or the graph is refused."""
    try:
        assert differing(kept, name) > 100
    except UnsupportedOperation as error:
        assert "τ of less than a time step" in error.what


def test_several_spikes_a_step_of_a_leaky_neuron_are_refused(kept: Path) -> None:
    with pytest.raises(UnsupportedOperation, match="a leak and several spikes a step"):
        read(kept / "sinabs-lif.nir", STEPS, reset="burst")


@pytest.mark.parametrize("dt", [0.0, -1e-4, math.inf, math.nan])
def test_a_time_step_that_is_none_is_refused(dt: float, kept: Path) -> None:
    with pytest.raises(InvalidSetting, match="a time step of"):
        read(kept / "norse-lif.nir", STEPS, dt=dt)
