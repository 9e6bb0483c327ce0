"""Two processes train as one does, on the same batches, and what is lost of them is said and gone on from.

The processes are real: gloo on the loopback, started by torchrun, by Lightning, or here."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from two_processes import CLASSES, EPOCHS, TRAININGS, Witness, X, Y, relu, spike_times, trained

from isospike.engine import load
from isospike.errors import InvalidSetting
from isospike.train import Classifier, fit, read_curve
from isospike.train.base import Peers
from isospike.train.early import EarlyAnswers
from isospike.train.processes import NUMBERS, leads, seed_of
from test_cli import SAMPLE, figures

SCRIPT = Path(__file__).parent / "two_processes.py"
PATIENCE = 100  # seconds, most of it for importing on a busy machine
NOISY = {"jitter", "witness"}  # draw in each process what no other draws
# Half of the digits of what is reckoned in single precision: spikes a neuron, and networks of units
WITHIN = {"target of spikes": 1e-6, "a module": 1e-6, "units": 1e-5}
Found = dict[str, Any]


def kept(folder: Path, name: str, number: int) -> Found:
    found: Found = torch.load(folder / f"{name}.{number}.pt", weights_only=True)
    return found


def environment() -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if key not in ("RANK", "LOCAL_RANK", "WORLD_SIZE")}
    return own | {"OMP_NUM_THREADS": "1"}


def two(folder: Path, *arguments: str, name: str = "spike times") -> list[tuple[int, str]]:
    """The script in two processes: exit status and what was said, of each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    command = [sys.executable, str(SCRIPT), str(folder), "2", name, *arguments]
    own = [environment() | place | {"LOCAL_RANK": str(number)} for number in range(2)]
    running = [
        subprocess.Popen(command, env=one, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for one in own
    ]
    try:
        ending = [one for number, one in enumerate(running) if arguments[1:3] != ("STOP", str(number))]
        said = [one.communicate(timeout=PATIENCE)[1] for one in ending]
        return [(one.returncode, text) for one, text in zip(ending, said, strict=True)]
    finally:
        for one in running:
            one.kill()
            one.communicate()


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, str]], list[dict[str, float]]]:
    """A training whose first process, which writes, is killed in the second step of the second epoch."""
    folder = tmp_path_factory.mktemp("both")
    return folder, two(folder, "--end", "KILL", "0", "8"), read_curve(folder / "spike times")


@pytest.fixture(scope="module")
def both(killed: tuple[Path, Any, Any]) -> Path:
    """All trainings in two processes of torchrun; the one that was killed goes on."""
    folder = killed[0]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, str(SCRIPT), str(folder), "2", "--resume"]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=2 * PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", [name for name in TRAININGS if name not in NOISY])
def test_two_processes_train_as_one(name: str, both: Path, tmp_path: Path) -> None:
    alone, within = trained(name, tmp_path, 1), WITHIN.get(name, 1e-13)
    first, second = (kept(both, name, number) for number in range(2))
    assert first["curve"] == second["curve"] and [row["epoch"] for row in first["curve"]] == list(range(1, EPOCHS + 1))
    for row, own in zip(first["curve"], read_curve(tmp_path / name), strict=True):
        assert row == pytest.approx(own, rel=max(within, 1e-12))
    assert first["state"].keys() == alone.keys()
    for key, value in alone.items():
        assert torch.equal(first["state"][key], second["state"][key])
        assert torch.allclose(first["state"][key], value, rtol=within, atol=within), key


def test_windows_grew_by_what_either_process_saw(both: Path) -> None:
    """Or it would not matter whether they agree."""
    begun, ended = spike_times().windows, kept(both, "spike times", 0)["state"]["windows"]
    assert ended[0] > begun[0]


def test_batches_are_divided_without_repetition(both: Path, tmp_path: Path) -> None:
    def rows(seen: Tensor) -> list[Any]:
        return sorted((row[0], *row[3:]) for row in seen.tolist())

    alone = trained("witness", tmp_path, 1)["seen"]
    parts = [kept(both, "witness", number)["state"]["seen"] for number in range(2)]
    assert len(alone) == EPOCHS * len(X) and all(len(part) < len(alone) for part in parts)
    assert rows(torch.cat(parts)) == rows(alone)
    for column in (1, 2):  # of PyTorch's generator, and of the trainee's own
        first, second = (set(part[:, column].tolist()) for part in parts)
        assert not first & second and len(first) == EPOCHS * -(-len(X) // 7)


def test_noise_differs_between_processes_and_weights_do_not(both: Path) -> None:
    first, second = (kept(both, "jitter", number)["state"] for number in range(2))
    assert all(torch.equal(first[key], second[key]) and first[key].isfinite().all() for key in first)


def lost(said: str, number: int) -> bool:
    right = f"Lost: process {number + 1} of 2 lost another one: " in said and "Traceback" not in said
    return right and "1 epochs are kept; start all processes again with resume=True" in said


def test_a_process_that_is_killed_is_said_and_gone_on_from(killed: tuple[Path, Any, Any], both: Path) -> None:
    """That it ends as one that nobody killed: `test_two_processes_train_as_one`."""
    _, ((dead, _), (status, said)), curve = killed
    assert dead == -signal.SIGKILL and status == 1 and lost(said, 1), said
    resumed = kept(both, "spike times", 0)["curve"]
    assert len(curve) == 1 and curve == resumed[:1] and len(resumed) == EPOCHS


def test_a_process_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    ((status, said),) = two(tmp_path, "--end", "STOP", "1", "8")
    # Once PyTorch aborted after the last word; pytorch#179291 tells of such aborts while the interpreter ends
    assert status in (1, -signal.SIGABRT) and lost(said, 0), said
    assert "Timed out" in said and len(read_curve(tmp_path / "spike times")) == 1


def test_a_parameter_that_no_loss_uses_is_refused(tmp_path: Path) -> None:
    """By each process; one process alone trains such a model."""
    for status, said in two(tmp_path, name="spare"):
        assert status == 1 and "Traceback" not in said, said
        assert "InvalidModel: a parameter takes no part in the loss" in said and "devices=1" in said
    assert torch.equal(trained("spare", tmp_path / "alone", 1)["spare"], torch.ones(2, dtype=torch.float64))


def test_the_command_trains_in_two_processes(tmp_path: Path) -> None:
    """Lightning starts the second one; one of them writes, logs and speaks."""
    how = ("train", "fc2", *SAMPLE, "--samples", 100, "--epochs", 2, "--log", "csv", "--json", "--out")
    alone, out = figures(*how, tmp_path / "alone.safetensors"), tmp_path / "both.safetensors"
    command = [sys.executable, "-m", "isospike", *map(str, how), str(out), "--devices", "2"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("file") == str(out) and alone.pop("file")
    assert found == pytest.approx(alone, rel=1e-4)
    log = (tmp_path / "both.safetensors.run" / "csv" / "metrics.csv").read_text().splitlines()
    assert len(log) == 3 and len(read_curve(tmp_path / "both.safetensors.run")) == 2
    one, other = (load(tmp_path / f"{name}.safetensors").state_dict() for name in ("alone", "both"))
    assert all(torch.allclose(one[key], other[key], atol=1e-4) for key in one)
    # One process goes on with what two began
    further = [
        figures(*how, tmp_path / f"{name}.safetensors", "--epochs", 3, "--resume") for name in ("alone", "both")
    ]
    assert further[1]["epochs"] == 3 and further[1]["loss"] == pytest.approx(further[0]["loss"], rel=1e-4)


def test_as_many_processes_as_were_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "here")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for how in ({}, {"devices": 3}, {"devices": 2, "nodes": 2}):
        with pytest.raises(InvalidSetting, match=r"torchrun has started 2 processes(.|\n)*--devices, --nodes"):
            fit(Witness(), [(X, Y)], 1, quiet=True, **how)


@pytest.mark.parametrize("setting", [{"devices": 0}, {"nodes": 0}, {"devices": "2"}, {"nodes": 1.5}], ids=str)
def test_numbers_of_processes_are_whole_and_from_one_on(setting: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting, match="from 1 to"):
        fit(Witness(), [(X, Y)], 1, quiet=True, **setting)


class Alone(Peers):
    def largest(self, found: Tensor) -> Tensor:
        return found

    mean = largest


def test_what_one_process_alone_can_train_is_refused() -> None:
    normed = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, CLASSES))
    for trainee, reason in ((Classifier(normed), "batch norm"), (EarlyAnswers((16,), (4, 3)), "EarlyAnswers")):
        with pytest.raises(InvalidSetting, match=rf"{reason}(.|\n)*devices=1"):
            trainee.agree(Alone())
    Classifier(relu()).agree(Alone())


def test_seeds_of_processes_are_apart_and_the_first_has_the_usual_one() -> None:
    bases = [0, 1, 63, 64, -64, (1 << 62) - 1, -(1 << 62)]
    assert [seed_of(base, 0) for base in bases] == bases
    found = [seed_of(base, process) for base in bases for process in range(200)]
    assert len(set(found)) == len(found)
    for seed in found:
        torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"RANK": "2", "LOCAL_RANK": "0"}, False),
        ({"LOCAL_RANK": "1"}, False),
        ({"SLURM_PROCID": "1"}, False),
        ({"SLURM_PROCID": "0", "LOCAL_RANK": "1"}, False),
        ({"LOCAL_RANK": "0", "NODE_RANK": "1"}, False),
        ({"LOCAL_RANK": "0", "NODE_RANK": "0"}, True),
    ],
    ids=str,
)
def test_one_process_leads(given: dict[str, str], first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NUMBERS:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert leads(2) is first and leads(1)
