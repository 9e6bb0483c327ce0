"""Claim: the linear LIF network tells faces from motorbikes as its ReLU network does, on all but a few of the test images.

10400-600-2 without biases, weights as they are.  Source: Lu 2022, Table IV.
"""

import time

from isospike.experiments._lu2022 import DT, RESETS, SECONDS, Compared, coding, compared, dense_faces
from isospike.experiments._result import Claim, Result, Row, Settings, Value

NAME = "lu2022-table4"
AGREEMENT = "agreement [%]"
PAPER: dict[str, dict[str, Value]] = {
    "face": {"as face": 200, "as motorbike": 0},
    "motorbike": {"as face": 1, "as motorbike": 199},
    "all": {AGREEMENT: 99.75},
}
RANGE_HZ = 10.0


def run(settings: Settings | None = None) -> Result:
    """Both resets; the table is that of the linear one."""
    settings = settings or Settings()
    subject = dense_faces(settings)
    started = time.perf_counter()
    data = subject.split.reported["test images"].first(settings.samples)
    soft, zero = (compared(subject, coding(RANGE_HZ, SECONDS, reset), data) for reset in RESETS)
    return Result(
        name=NAME,
        title="Table IV: faces and motorbikes, linear LIF network against its ReLU network",
        source="Lu 2022, Table IV",
        rows=(
            *(Row(f"{kind}, by the ReLU network", PAPER[kind], _line(soft, i)) for i, kind in enumerate(("face", "motorbike"))),
            Row("all, linear reset", PAPER["all"], _figures(soft)),
            Row("all, reset to zero", {}, _figures(zero)),
        ),
        claims=_claims(soft, zero),
        notes=(
            "The paper speaks of 464 test images, its table has 400.  Here 464: 232 of each class that are not among the 400 trained on.",
            f"The paper does not give its coding range: k = {RANGE_HZ:g} Hz here, {SECONDS:g} s in steps of {DT} s.  No leak, as there is no bias.",
        ),
        configuration={"network": "10400-600-2", "k": RANGE_HZ, "seconds": SECONDS, "dt": DT, "samples": settings.samples or "all", "full": settings.full},
        seed=settings.seed,
        seconds=time.perf_counter() - started,
    )


def _line(found: Compared, kind: int) -> dict[str, Value]:
    return {"as face": int(found.confusion[kind, 0]), "as motorbike": int(found.confusion[kind, 1])}


def _figures(found: Compared) -> dict[str, Value]:
    relu, spiking = found.accuracies
    return {AGREEMENT: 100 * found.agreement, "images": found.samples, "ReLU accuracy [%]": relu, "SNN accuracy [%]": spiking}


def _claims(soft: Compared, zero: Compared) -> tuple[Claim, ...]:
    least = 1 - max(0.01, 1 / soft.samples)
    return (
        Claim("the linear LIF network gives the ReLU network's labels", soft.agreement, f"share at least {least:.3g}", soft.agreement >= least),
        Claim(
            "it does so at least as often as with a reset to zero", soft.agreement - zero.agreement, "difference at least 0", soft.agreement >= zero.agreement
        ),
    )
