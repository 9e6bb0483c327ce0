"""How well a network agrees with the original: in values first, then in predictions."""

from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.errors import InvalidData, InvalidModel


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

    def add(self, found: Tensor, expected: Tensor, labels: Tensor | None) -> None:
        """Take in a batch: outputs (batch, classes, …), labels (batch, …).  Raises `InvalidModel`, `InvalidData` if
        they do not belong together."""
        if found.shape != expected.shape:
            what = (
                f"the network's outputs have shape {tuple(found.shape[1:])}, the original's "
                f"{tuple(expected.shape[1:])}."
            )
            raise InvalidModel(what, "A network and the model that it was made from.", "Pass that model.")
        ours, theirs = _decision(found), _decision(expected)
        if labels is not None and (labels.shape != ours.shape or labels.is_floating_point()):
            kind = str(labels.dtype).removeprefix("torch.")
            what = f"{kind} labels of shape {tuple(labels.shape)} for outputs of shape {tuple(found.shape)}."
            raise InvalidData(
                what,
                f"Class numbers, whole, of shape {tuple(ours.shape)}.",
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
        if labels is not None:
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


def _decision(output: Tensor) -> Tensor:
    return output.argmax(1) if output.ndim > 1 else torch.zeros(len(output))
