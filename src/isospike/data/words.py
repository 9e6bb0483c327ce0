r"""Texts as features: how often a word stands in one, and in how few others.

    tf·idf(w, d) = n(w, d) / max_u n(u, d) · log(N / N_w)

n: times that the word stands in the text; N: texts that the features were fitted to; N_w: those of them with the word.
A word of all texts gets 0.  Source: Stanojevic 2023, eqs. A.39 and A.40."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from isospike.errors import InvalidData

WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class TfIdf:
    """`least`: texts that a word must stand in."""

    least: int = 5

    def fit(self, texts: Iterable[str]) -> "Words":
        """The words of these texts; only training ones should be shown to it.  Raises `InvalidData` if there are
        none."""
        sets = [set(counts) for counts in _counted(texts)]
        found = Counter(word for words in sets for word in words)
        words = sorted(word for word, count in found.items() if count >= max(1, self.least))
        if not words:
            raise InvalidData(
                f"no word stands in {self.least} of {len(sets)} texts.",
                "Texts with words in common.",
                "Pass more texts, or TfIdf(least=1).",
            )
        return Words(
            {word: i for i, word in enumerate(words)},
            torch.tensor([math.log(len(sets) / found[word]) for word in words]),
        )


@dataclass(frozen=True)
class Words:
    """Words that are features, by number, and log(N / N_w) of each."""

    numbers: dict[str, int]
    weights: Tensor

    def __call__(self, texts: Iterable[str]) -> Tensor:
        """(texts, words) of float32, from 0 on.  Raises `InvalidData` for a text alone."""
        rows = []
        for counts in _counted(texts):
            row, most = torch.zeros(len(self.numbers)), max(counts.values(), default=1)
            for word, count in counts.items():
                if (at := self.numbers.get(word)) is not None:
                    row[at] = count / most
            rows.append(row * self.weights)
        return torch.stack(rows) if rows else torch.zeros(0, len(self.numbers))


def _counted(texts: Iterable[str]) -> list[Counter[str]]:
    """How often each word stands in each text."""
    if isinstance(texts, str):  # which would be taken for texts of a letter each
        raise InvalidData("there is a text alone.", "A list of texts.", "Put it into a list: [text].")
    return [Counter(WORD.findall(text.lower())) for text in texts]
