"""What the page asks for, as plain JSON."""

from typing import Any

import torch
from torch import Tensor

from isospike.errors import InvalidData, InvalidSetting
from isospike.explore.drawing import drawable, image, thumbnails
from isospike.explore.neuron import explained
from isospike.explore.scene import Scene, plain, play
from isospike.explore.settings import LIMITS, Settings, read
from isospike.explore.subject import Subject

PAGE = 24  # samples that are shown at once


class Answers:
    """Of one subject; every method takes the request's fields and raises `IsospikeError` for those that are wrong."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    def about(self, _: dict[str, Any]) -> dict[str, Any]:
        """What the page is of, and what it offers."""
        subject = self.subject
        codings = {}
        for name in subject.codings:
            body = subject.ready(Settings(name)).body
            why = subject.reasons(name)
            coding = subject.codings[name]
            usual = {one: getattr(coding, one) for one in ("margin", "steps") if one not in why}
            codings[name] = {"said": body.coding, "reasons": why, "usual": usual}
        return {
            "name": subject.name,
            "data": subject.data.name,
            "samples": len(subject.data),
            "page": PAGE,
            "classes": list(subject.data.classes),
            "shape": list(subject.shape),
            "drawable": drawable(subject.shape),
            "codings": codings,
            "left_out": subject.left_out,
            "limits": {name: list(ends) for name, ends in LIMITS.items()},
            "prices": str(subject.prices),
        }

    def samples(self, given: dict[str, Any]) -> dict[str, Any]:
        """Small pictures of some samples."""
        text, most = given.get("from", "0"), len(self.subject.data)
        if not (text.isascii() and text.isdecimal() and len(text) < 16 and int(text) < most):
            what = f"there is no sample {text[:40]}."
            raise InvalidSetting(what, f"0 to {most - 1}.", "Choose one of these.")
        return {"samples": thumbnails(self.subject.data, int(text), PAGE)}

    def run(self, given: dict[str, Any]) -> dict[str, Any]:
        """One input through one network, and what the original says of it."""
        x, scene, settings = self._scene(given)
        original = self.subject.original(x)
        ours, theirs = (_decision(scores) for scores in (scene.scores, original))
        return plain(scene) | {
            "original": [float(score) for score in original],
            "decision": ours,
            "decision_original": theirs,
            "coding": settings.coding,
            "constraints": [repr(one) for one in scene.body.constraints],
        }

    def neuron(self, given: dict[str, Any]) -> dict[str, Any]:
        """The arithmetic of one neuron."""
        x, scene, _ = self._scene(given)
        original = self.subject.activations(x, scene.body.signed)
        return explained(scene, original, given.get("stage"), given.get("neuron"))

    def _scene(self, given: dict[str, Any]) -> tuple[Tensor, Scene, Settings]:
        settings, x = read(given.get("settings")), self._input(given.get("input"))
        return x, play(self.subject.ready(settings), x, self.subject.prices), settings

    def _input(self, given: Any) -> Tensor:
        data = self.subject.data
        if isinstance(given, dict) and list(given) == ["sample"]:
            number = given["sample"]
            if type(number) is not int or not 0 <= number < len(data):
                what = f"there is no sample {str(number)[:40]}."
                raise InvalidSetting(what, f"0 to {len(data) - 1}.", "Choose one of these.")
            return data.take(torch.tensor([number]))
        if isinstance(given, dict) and list(given) == ["drawn"]:
            return image(data, self.subject.shape, given["drawn"])
        raise InvalidData("the request has no input.", 'A sample or a drawing: {"sample": 3}.', "Choose one of these.")


def _decision(scores: Tensor) -> dict[str, Any]:
    """The output of the largest score, and by how much it leads; of a single output its value alone."""
    if len(scores) < 2:
        return {"output": 0, "margin": None}
    first, second = scores.double().topk(2).values.tolist()
    return {"output": int(scores.argmax()), "margin": first - second}
