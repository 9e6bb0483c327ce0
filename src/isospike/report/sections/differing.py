"""Samples that the network answers differently, as pictures."""

import io
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from isospike.report.case import Case, Differing, Picture, Section

SCALE = 96  # pixels of a picture's longer side, at least


def differing(case: Case) -> Section | None:
    """Each with both answers, and how near the original's decision was."""
    if case.differing is None:
        return None
    if not case.differing:
        return Section("Samples that are answered differently", ("There is none.",))
    rows = [
        {
            "sample": one.number,
            "spiking network": case.named(one.ours),
            "original": case.named(one.theirs),
            "the original's lead": one.lead,
        }
        for one in case.differing
    ]
    return Section(
        "Samples that are answered differently",
        (
            f"The first {len(rows)}.  The original's lead is by how much its winner surpasses its second class: where "
            "it is small, a small error turns the decision.",
        ),
        pictures=_pictures(case, case.differing),
        rows=rows,
    )


def _pictures(case: Case, found: Sequence[Differing]) -> list[Picture]:
    return [
        Picture(
            png(one.sample),
            f"sample {one.number}: {case.named(one.ours)}, the original says {case.named(one.theirs)}",
        )
        for one in found
        if one.sample.ndim == 3 and one.sample.shape[0] in (1, 3)
    ]


def png(sample: Tensor) -> bytes:
    """An image of one channel or three, (channels, height, width), from its darkest to its brightest value."""
    from PIL import Image

    x = sample.detach().cpu().double()
    scaled = ((x - x.min()) / (x.max() - x.min()).clamp_min(1e-12) * 255).round().to(dtype=x.dtype).numpy()
    whole = np.moveaxis(scaled.astype(np.uint8), 0, -1)
    image = Image.fromarray(whole[..., 0] if whole.shape[-1] == 1 else whole)
    times = max(1, round(SCALE / max(image.size)))
    made = io.BytesIO()
    image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST).save(made, "PNG")
    return made.getvalue()
