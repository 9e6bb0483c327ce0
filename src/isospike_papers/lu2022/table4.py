"""The linear LIF network tells faces from motorbikes as its ReLU network does, on all but a few of the test images.

10400-600-2 without biases, weights as they are.  Source: Lu 2022, Table IV.
"""

from isospike.report.claim import Claim, Found, Held, Row, Setup, Value, at_least
from isospike_papers.lu2022.parts.setting import (
    AGREEMENT,
    DT,
    RESETS,
    SECONDS,
    Compared,
    coding,
    compared,
    dense_faces,
)
from isospike_papers.shared.recipe import TRAINS

RANGE_HZ = 10.0


class Table4(Claim):
    """Table IV: faces and motorbikes, linear LIF network against its ReLU network."""

    source = "Lu 2022, Table IV"
    paper = {
        "face": {"as face": 200, "as motorbike": 0},
        "motorbike": {"as face": 1, "as motorbike": 199},
        "all, linear reset": {AGREEMENT: 99.75},
    }
    options = {"samples": (64, None, None)} | TRAINS | {"epochs": (1, 20, 20)}

    def measure(self, setup: Setup) -> Found:
        """Both resets; the table is that of the linear one."""
        subject = dense_faces(setup)
        data = subject.split.reported["test images"].first(setup.samples)
        soft, zero = (compared(subject, coding(RANGE_HZ, SECONDS, reset), data) for reset in RESETS)
        return Found(
            rows=(
                *(Row(f"{kind}, by the ReLU network", _line(soft, i)) for i, kind in enumerate(("face", "motorbike"))),
                Row("all, linear reset", soft.figures),
                Row("all, reset to zero", zero.figures),
            ),
            held=_claims(soft, zero),
            notes=(
                "The paper speaks of 464 test images, its table has 400.  Here 464: 232 of each class that are not "
                "among the 400 trained on.",
                f"The paper does not give its coding range: k = {RANGE_HZ:g} Hz here, {SECONDS:g} s in steps of {DT} "
                "s.  No leak, as there is no bias.",
            ),
        )


def _line(found: Compared, kind: int) -> dict[str, Value]:
    return {"as face": int(found.confusion[kind, 0]), "as motorbike": int(found.confusion[kind, 1])}


def _claims(soft: Compared, zero: Compared) -> tuple[Held, ...]:
    return (
        at_least("the linear LIF network gives the ReLU network's labels, as printed; share", soft.agreement, 0.9975),
        Held(
            "it does so at least as often as with a reset to zero",
            soft.agreement - zero.agreement,
            "difference at least 0",
            soft.agreement >= zero.agreement,
        ),
    )
