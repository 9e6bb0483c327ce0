"""The trainer: epochs of steps on any device, kept after each epoch so that an interrupt loses no more than one."""

import math
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import torch
from rich.progress import track
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from isospike.data import Data, pairs
from isospike.data.samples import advice
from isospike.errors import InvalidData, InvalidFile, InvalidModel, InvalidSetting, IsospikeError
from isospike.ir.typed import expect
from isospike.train.base import Made, Trainee
from isospike.train.kept import Run
from isospike.train.logs import go_on, log
from isospike.train.processes import Processes, fabric_of, seed_of

Loader = Iterable[tuple[Tensor, Tensor]] | tuple[Tensor, Tensor] | Data
CALIBRATION = 1024  # samples of the loader that windows are measured on
LOADER = (
    "Batches of (samples, labels), as many of one as of the other, labels int64, that can be gone through again and "
    "again."
)
NUMBERS = (
    "Pass labels as class numbers: labels.long(), labels.flatten() where they are (n, 1), labels.argmax(1) where they "
    "are one-hot."
)
ADAM = partial(torch.optim.Adam, lr=1e-3)


def fit(
    trainee: Trainee[Made],
    loader: Loader,
    epochs: int = 10,
    *,
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] = ADAM,
    decay: float = 1.0,
    clip: float = math.inf,
    seed: int = 0,
    held_out: Loader | None = None,
    patience: int | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    about: dict[str, Any] | None = None,
    loggers: Any = (),
    accelerator: str = "cpu",
    devices: int = 1,
    nodes: int = 1,
    quiet: bool = False,
    watch: Callable[[float], None] | None = None,
) -> Made:
    """Train, and return what the trainee makes of it: a spiking network, or a module.

    loader: batches of (samples, labels), the same ones in every epoch or shuffled with PyTorch's generator, which is
    seeded for each epoch; or a pair of all samples and labels, or `Data`, whose batches come in their order. decay:
    factor on the learning rate after each epoch, applied a little at every step.  clip: largest norm of the gradient.
    held_out: batches that the accuracy after each epoch is taken over.  patience: stop after so many epochs that were
    no better on them than the best, and return the best.  folder: where the checkpoint, run.json and curve.csv go;
    with `resume` training goes on from there, on a CPU to the same bits as if it had not been interrupted.  about:
    what run.json should tell of the run besides.  loggers: Lightning's, one or several; each is told the loss of every
    epoch and, with held_out, the accuracy, once, after the checkpoint was written.  accelerator: as Lightning Fabric
    has them, or "auto".  devices: of each node, a number, as is nodes; each process takes its part of every batch, and
    all go through the same loader.  watch: sees the loss of every step.  Raises `InvalidSetting`, `InvalidData`,
    `InvalidFile`; `Diverged` where the loss is no number any more; `Lost` where another process ended."""
    if not isinstance(trainee, Trainee):
        what = f"fit: the trainee is a {type(trainee).__name__}."
        raise InvalidModel(
            what,
            "What prepare(network, …) makes; Classifier(model), EarlyAnswers(…).",
            "Prepare it first: fit(prepare(network), …).",
        )
    kinds = {
        "epochs": (epochs, int),
        "decay": (decay, float),
        "clip": (clip, float),
        "seed": (seed, Annotated[int, range(-(1 << 36), 1 << 36)]),
        "patience": (patience, int | None),
        "devices": (devices, Annotated[int, range(1, 1 << 16)]),
        "nodes": (nodes, Annotated[int, range(1, 1 << 16)]),
    }
    for name, (value, kind) in kinds.items():
        expect("fit", name, value, kind)
    impatient = patience is not None and (patience < 1 or held_out is None)
    if epochs < 1 or not decay > 0 or not clip > 0 or (resume and folder is None) or impatient:
        raise InvalidSetting(
            f"epochs={epochs}, decay={decay}, clip={clip}, resume={resume}, patience={patience}.",
            "epochs ≥ 1, decay > 0, clip > 0; resume with a folder; patience ≥ 1, with held_out.",
        )
    fabric = fabric_of(accelerator, devices, nodes, loggers)
    loader, kept_back = _batches(loader, "the loader"), None if held_out is None else _batches(held_out, "held_out")
    if isinstance(kept_back, Iterator):
        raise InvalidData(
            "held_out can be gone through once only.", LOADER, "Pass a DataLoader, or a list of batches."
        )
    # Refuses now what it would refuse after an epoch
    if next(map(_pair, () if kept_back is None else kept_back), None) is None and patience is not None:
        raise InvalidData("held_out is empty, and patience needs it.", LOADER, "Hold samples out, or leave patience.")
    processes = Processes(fabric)
    with torch.random.fork_rng(devices=[]), processes.together(folder):
        _seed(trainee, loader, seed, -1)
        trainee.begin(_calibration(loader))
        model, adjusted = fabric.setup(trainee, optimizer(trainee.parameters()))
        model.mark_forward_method("loss")
        batches = loader
        if isinstance(loader, DataLoader):  # every process goes through all batches, and takes its parts
            batches = fabric.setup_dataloaders(loader, use_distributed_sampler=False)
        rate = [group["lr"] for group in adjusted.param_groups]
        configuration = _configuration(trainee, adjusted, epochs, decay, clip, seed, patience, about)
        run = Run(
            None if folder is None else Path(folder),
            trainee,
            adjusted,
            configuration,
            patience,
            writes=processes.number == 0,
        )
        if not (steps := _count(batches)):
            raise InvalidData(
                "the loader can be gone through once only.", LOADER, "Pass a DataLoader, or a list of batches."
            )
        first, told = run.begin(resume), fabric.loggers if run.writes else []
        if first != (agreed := processes.first(first)):
            raise InvalidFile(
                f"the first process goes on after epoch {agreed}, this one after {first}.",
                "A folder that all nodes share.",
                "Choose a folder on a disk that every node has.",
            )
        go_on(told, run.curve)
        for epoch in range(first, epochs):
            if run.settled:
                break
            _seed(trainee, loader, seed, epoch, processes.number)
            losses = torch.zeros((), dtype=torch.float64)
            model.train()
            label = f"{'' if run.folder is None else f'{run.folder.name}: '}epoch {epoch + 1} of {epochs}"
            for step, batch in enumerate(
                track(batches, label, total=steps, transient=True, disable=quiet or not run.writes)
            ):
                x, y, factor = processes.part(*_pair(batch))
                for group, full in zip(adjusted.param_groups, rate, strict=True):
                    group["lr"] = full * decay ** (epoch + step / steps)
                try:
                    with processes.drawing(seed, epoch, step):
                        loss = model.loss(*(fabric.to_device(part) for part in (x, y)))
                except IndexError as error:  # of the cross-entropy, as is the other
                    raise _misnumbered(y) from error
                except RuntimeError as error:
                    raise _misshapen(y) if y.ndim > 1 else error from error
                adjusted.zero_grad()
                fabric.backward(loss if processes.count == 1 else loss * factor)
                if math.isfinite(clip):
                    fabric.clip_gradients(model, adjusted, max_norm=clip)
                adjusted.step()
                if processes.count > 1:
                    trainee.agree(processes)
                reached = processes.mean(loss.detach())
                losses += reached.double().cpu()
                if watch is not None:
                    watch(float(reached))
            if not bool(torch.isfinite(losses)):
                where = "" if run.folder is None else f"; `{run.folder}` has the epoch before"
                what = f"the loss of epoch {epoch + 1} is {float(losses) / steps}{where}."
                raise Diverged(what, remedy="Lower the learning rate, or clip the gradient (clip=…).")
            run.keep(epoch + 1, float(losses) / steps, processes.first(accuracy(trainee, kept_back)))
            log(told, run.curve[-1])
        fabric.barrier()  # none returns before the first has written the last epoch
        if run.best is not None:
            trainee.load_state_dict(run.best)
        model.eval()
        _seed(trainee, loader, seed, epochs)  # also if it was interrupted after the last epoch
        return trainee.cpu().result()


def _batches(data: Loader, name: str) -> Iterable[Any]:
    if not isinstance(data, Data | Iterable) or isinstance(data, str | dict):
        raise InvalidData(
            f"{name} is a {type(data).__name__}.", LOADER, advice(data, "Pass a DataLoader, or a list of batches.")
        )
    return list(pairs(data)) if isinstance(data, Data | tuple) else data


def _count(batches: Iterable[Any]) -> int:
    if isinstance(batches, Sized):
        with suppress(TypeError):  # a DataLoader of an IterableDataset has a length by name only
            return len(batches)
    return sum(1 for _ in batches)


def _seed(trainee: Trainee[Any], loader: Iterable[Any], seed: int, epoch: int, process: int = 0) -> None:
    """Everything random in an epoch follows from the seed and its number, so that it can be begun again; the noise of
    each process is its own."""
    torch.manual_seed(seed * 1_000_003 + epoch + 1)
    first = (seed * 1_000_003 + epoch + 1) * 64
    own = getattr(loader, "generator", None)  # a DataLoader has one, bare or as Fabric wraps it
    for number, generator in enumerate([*trainee.generators(), *([] if own is None else [own])]):
        generator.manual_seed(seed_of(first + number, 0 if generator is own else process))


@torch.no_grad()
def accuracy(model: nn.Module, batches: Loader | None) -> float | None:
    """Share of right answers over batches of (samples, labels), where there are any.  Raises `InvalidData`."""
    if batches is None:
        return None
    model.eval()
    device = next(model.parameters()).device
    right = [torch.empty(0, dtype=torch.float64)]
    for x, y in map(_pair, _batches(batches, "the loader")):
        score, answer = model(x.to(device)).cpu().max(1)
        if y.shape != answer.shape:
            raise _misshapen(y)
        right.append(((answer == y) & (score > -math.inf)).double())  # no spike at all is no answer
    return float(torch.cat(right).mean()) if len(right) > 1 else None


def _calibration(loader: Iterable[Any]) -> list[Tensor]:
    def until() -> Iterator[Tensor]:
        seen = 0
        for batch in loader:
            x, _ = _pair(batch)
            yield x[: CALIBRATION - seen]
            seen += len(x)
            if seen >= CALIBRATION:
                return

    batches = list(until())
    if not batches:
        raise InvalidData("there is nothing to train on.", LOADER, "Pass a DataLoader, or a list of batches.")
    return batches


def _pair(batch: Any) -> tuple[Tensor, Tensor]:
    """A batch that can be trained on."""
    found = tuple(batch) if isinstance(batch, tuple | list) else ()
    tensors = [part for part in found if isinstance(part, Tensor) and part.ndim]
    if len(found) == len(tensors) == 2 and len(found[0]) == len(found[1]) > 0 and found[1].dtype == torch.int64:
        if int(found[1].min()) < 0:
            raise _misnumbered(found[1])
        return found
    kinds = [
        f"{part.dtype} {tuple(part.shape)}" if isinstance(part, Tensor) else type(part).__name__ for part in found
    ]
    # A single sample and its label: one tensor and one number.
    one = len(found) == 2 and len(tensors) < 2 and isinstance(found[0], Tensor)
    remedy = "Put samples together: DataLoader(dataset, batch_size=64)." if one else advice(batch, NUMBERS)
    raise InvalidData(f"a batch holds {', '.join(kinds) or type(batch).__name__}.", LOADER, remedy)


def _misnumbered(y: Tensor) -> InvalidData:
    what = f"there are labels from {int(y.min())} to {int(y.max())}."
    return InvalidData(what, "Class numbers from 0 on, one for each output of the network.", "Number the classes so.")


def _misshapen(y: Tensor) -> InvalidData:
    return InvalidData(
        f"the labels have the shape {tuple(y.shape)}.",
        "One class number a sample, or a place of its outputs.",
        NUMBERS,
    )


def _configuration(
    trainee: Trainee[Any],
    optimizer: Any,
    epochs: int,
    decay: float,
    clip: float,
    seed: int,
    patience: int | None,
    about: dict[str, Any] | None,
) -> dict[str, Any]:
    groups = {
        f"{key} of group {number}" if number else key: list(value) if isinstance(value, tuple) else value
        for number, group in enumerate(optimizer.param_groups)
        for key, value in group.items()
        if isinstance(value, int | float | bool | tuple)
    }
    versions = {name: version(name) for name in ("isospike", "torch", "lightning")}
    own = {
        "optimizer": type(optimizer.optimizer).__name__,
        **groups,
        "epochs": epochs,
        "decay": decay,
        "clip": str(clip),
        "seed": seed,
        "patience": patience,
    }
    shapes = {name: list(t.shape) for name, t in trainee.state_dict().items()}
    return {"about": about or {}, "trainee": trainee.about(), "training": own, "versions": versions, "tensors": shapes}


class Diverged(IsospikeError):
    """Training came to numbers that are none."""
