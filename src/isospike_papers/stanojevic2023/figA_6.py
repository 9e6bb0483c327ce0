"""On Fashion-MNIST, half of whose pixels are not zero, similar values need similar patterns: ECTE leads CTE by much.

The networks of Fig. A.5 on other images.  Source: Stanojevic 2023, Fig. A.6 and sec. A.2.4."""

from typing import ClassVar

from isospike.report.claim import Held, at_least, at_most
from isospike_papers.stanojevic2023.figA_5 import NETWORKS, FigA5
from isospike_papers.stanojevic2023.parts.compared import ACCURACY


class FigA6(FigA5):
    """Fig. A.6: patterns of Fashion-MNIST, units with one hidden layer and with three."""

    source = "Stanojevic 2023, Fig. A.6"
    paper = {}  # all of it is in the pictures
    data = "fashion_mnist"
    longer: ClassVar[dict[str, tuple[str, int]]] = {"ECTE, longer": ("ECTE", 3)}
    counts = ()

    def claims(self, at: dict[str, dict[str, float]]) -> tuple[Held, ...]:
        """The same, but for depth, which does not help here."""
        more = min(at[f"ECTE, {name}"][ACCURACY] - at[f"CTE, {name}"][ACCURACY] for name in NETWORKS)
        deeper = max(at[f"{code}, deep"][ACCURACY] - at[f"{code}, shallow"][ACCURACY] for code in ("CTE", "ECTE"))
        _, _, *others = super().claims(at)
        return (
            at_least("ECTE is far better than CTE", more, 1, "point"),
            at_most("deep networks are no better than shallow ones", deeper, 0, "points"),
            *others,
        )
