"""How well a network agrees with the original: in values first, then in predictions."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from isospike.errors import InvalidData, InvalidModel


@dataclass
class Residuals:
    """Running sums over samples, for each output: of the targets minus the first target, so that large targets lose no
    digits, of the squares of these, and of the squared errors."""

    origin: Tensor | float = 0.0
    samples: int = 0
    values: int = 0
    total: Tensor | float = 0.0
    squares: Tensor | float = 0.0
    missed: Tensor | float = 0.0

    def add(self, found: Tensor, targets: Tensor) -> None:
        """Take in a batch, (batch, outputs, …) each."""
        found, targets = found.double(), targets.double()
        self.origin = self.origin if self.samples else targets[0]
        self.samples, self.values = self.samples + len(targets), self.values + targets.numel()
        self.total = self.total + (targets - self.origin).sum(0)
        self.squares = self.squares + (targets - self.origin).square().sum(0)
        self.missed = self.missed + (found - targets).square().sum(0)

    @property
    def rmse(self) -> float | None:
        """Root of the mean squared distance from the targets, over samples and outputs; None without targets."""
        return (float(torch.as_tensor(self.missed).sum()) / self.values) ** 0.5 if self.values else None

    @property
    def r2(self) -> float | None:
        """1 − Σ (target − output)² / Σ (target − mean)², the mean over outputs; None if targets are all one."""
        spread = torch.as_tensor(self.squares - self.total**2 / max(self.samples, 1))
        if not self.values or not bool((spread > 0).all()):
            return None
        return float((1 - torch.as_tensor(self.missed) / spread).mean())


@dataclass
class Agreement:
    """Running comparison of two outputs, (batch, classes, …) each."""

    samples: int = 0
    max_abs_error: float = 0.0
    logit_scale: float = 0.0
    _squares: float = 0.0
    _expected_squares: float = 0.0
    _values: int = 0
    _agreeing: int = 0
    _decisions: int = 0
    _right: int = 0
    _right_original: int = 0
    _labels: int = 0
    ours: Residuals = field(default_factory=Residuals)
    theirs: Residuals = field(default_factory=Residuals)

    def add(self, found: Tensor, expected: Tensor, labels: Tensor | None) -> None:
        """Take in a batch: outputs (batch, classes, …), and class numbers (batch, …) or targets, real numbers of the
        outputs' shape; (batch,) where there is one output.  Raises `InvalidModel`, `InvalidData` if they do not belong
        together."""
        found, expected = found.cpu(), expected.cpu()
        if found.shape != expected.shape:
            what = (
                f"the network's outputs have shape {tuple(found.shape[1:])}, the original's "
                f"{tuple(expected.shape[1:])}."
            )
            raise InvalidModel(what, "A network and the model that it was made from.", "Pass that model.")
        ours, theirs = _decision(found), _decision(expected)
        targets = None if labels is None else _targets(labels, found)
        if labels is not None and targets is None and (labels.shape != ours.shape or labels.is_floating_point()):
            kind = str(labels.dtype).removeprefix("torch.")
            what = f"{kind} labels of shape {tuple(labels.shape)} for outputs of shape {tuple(found.shape)}."
            raise InvalidData(
                what,
                f"Class numbers, whole, of shape {tuple(ours.shape)}; or targets, real numbers of the outputs' shape.",
                "One-hot labels: labels.argmax(1); a column: labels[:, 0].",
            )
        difference = (found - expected).double()
        self.samples += len(found)
        self.max_abs_error = max(self.max_abs_error, float(difference.abs().max()))
        self.logit_scale = max(self.logit_scale, float(expected.abs().max()))
        self._squares += float(difference.square().sum())
        self._expected_squares += float(expected.double().square().sum())
        self._values += difference.numel()
        self._agreeing += int((ours == theirs).sum())
        self._decisions += ours.numel()
        if targets is not None:
            if not bool(torch.isfinite(targets).all()):
                raise InvalidData(
                    "the targets have NaN or infinite values.", "Finite numbers.", "Remove these samples."
                )
            self.ours.add(found, targets)
            self.theirs.add(expected, targets)
        elif labels is not None:
            self._right += int((ours == labels).sum())
            self._right_original += int((theirs == labels).sum())
            self._labels += labels.numel()

    @property
    def relative_error(self) -> float:
        """Root of the mean squared difference, over that of the expected outputs."""
        return (self._squares / max(self._expected_squares, 1e-300)) ** 0.5

    @property
    def agreement(self) -> float:
        """Share of equal predictions."""
        return self._agreeing / max(self._decisions, 1)

    @property
    def rms_error(self) -> float:
        """Root of the mean squared difference of outputs."""
        return (self._squares / max(self._values, 1)) ** 0.5

    @property
    def accuracy(self) -> float | None:
        """Share of right predictions, where there are labels."""
        return self._right / self._labels if self._labels else None

    @property
    def accuracy_original(self) -> float | None:
        """The same for the original."""
        return self._right_original / self._labels if self._labels else None


def _targets(labels: Tensor, outputs: Tensor) -> Tensor | None:
    """Labels as targets, if they are real numbers that outputs can be; zeros and ones are classes written one-hot."""
    if not labels.is_floating_point():
        return None
    if labels.ndim == 1 and outputs.shape == (len(labels), 1):
        return labels[:, None]
    several = labels.shape == outputs.shape and labels.ndim > 1
    one_hot = several and labels.shape[1] > 1 and bool(((labels == 0) | (labels == 1)).all())
    return labels if several and not one_hot else None


def _decision(output: Tensor) -> Tensor:
    return output.argmax(1) if output.ndim > 1 else torch.zeros(len(output))
