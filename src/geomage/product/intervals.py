"""How many buildings are hit in truth, given what a map says and how often such maps were wrong.

A map counts words. What it counts is wrong in ways that were measured: events whose truth is known
were mapped, and each outline was held against it (`measured.Errors`). The interval asks what the
truth was where maps said alike:

1. An event e is drawn from those measured, likelier the more alike its words are to those here:
   weight v_e exp(-|sqrt(s) - sqrt(s_e)|^2 / (2 (h^2 + 1 / 4n))), s the shares of the words, n the
   outlines; 1 / 4n is the variance of the root of a share that was counted (Anscombe 1948).
2. For each word w, the shares of the truth among outlines so called are drawn from
   Dirichlet(c P(truth | w) + counts of e), where P is over all events: a confusion matrix with as
   much of its own event in it as was seen there.
3. The truth of the n_w outlines is drawn from a multinomial of these shares.

5 % and 95 % of many draws bound the interval. So it holds what is not known of one building, and
what differs from event to event, by far the larger. The bootstrap over events follows Efron and
Tibshirani (1993, section 8.3, units that are drawn whole), the correction of counts by P(truth |
said) Olofsson et al. (2014, equation 2), the Dirichlet its conjugate posterior. The width h of
likeness and c are ours, chosen among twelve pairs by how intervals of one half of the simulated
events held the other half.

Words are of outlines that were assessed. Of buildings missed, and of those not analysed, nothing
is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from geomage.product.measured import Errors

__all__ = ["LEVEL", "Interval", "Truths", "draw_truths", "interval"]

LEVEL: Final = 0.9
LIKENESS: Final = 0.2  # h, of square roots of shares
LENT: Final = 0.5  # c, outlines lent from all events to each word of one
DRAWS: Final = 2000


@dataclass(frozen=True)
class Interval:
    """What a number may be: bounds that hold the truth nine times in ten, and the middle."""

    low: float
    likely: float
    high: float


@dataclass(frozen=True)
class Truths:
    """Draws of what the outlines of one place are in truth."""

    by_word: np.ndarray
    """(draw, row, 5) int64: no building, grades 1..4. A row for each of the four words; more rows
    for outlines of which the truth is known."""

    @property
    def counts(self) -> np.ndarray:
        """(draw, 5) int64 of all words together."""
        return np.asarray(self.by_word.sum(axis=1))

    def knowing(self, truth: np.ndarray) -> Truths:
        """The same with (5,) outlines more, of which the truth is known."""
        more = np.broadcast_to(truth, (len(self.by_word), 1, len(truth)))
        return Truths(np.concatenate([self.by_word, more], axis=1))

    @property
    def damaged_by_word(self) -> np.ndarray:
        """(draw, 4) share of the outlines of each word that are buildings of grade 2 or more."""
        words = self.by_word[:, :4]
        return np.asarray(words[..., 2:].sum(axis=2) / np.maximum(words.sum(axis=2), 1))

    @property
    def buildings(self) -> np.ndarray:
        """(draw,) outlines that are buildings."""
        return np.asarray(self.counts[:, 1:].sum(axis=1))

    @property
    def damaged(self) -> np.ndarray:
        """(draw,) buildings of grade 2 or more."""
        return np.asarray(self.counts[:, 2:].sum(axis=1))

    @property
    def destroyed(self) -> np.ndarray:
        """(draw,) buildings of grade 4."""
        return np.asarray(self.counts[:, 4])

    @property
    def share_damaged(self) -> np.ndarray:
        """(draw,) of the buildings, 0 where there is none."""
        return np.asarray(self.damaged / np.maximum(self.buildings, 1))


def draw_truths(
    said: np.ndarray, errors: Errors, rng: np.random.Generator, draws: int = DRAWS
) -> Truths:
    """Draw what outlines are in truth.

    Args:
        said: (4,) outlines called Destroyed, Damaged, Possibly damaged, No visible damage.
        errors: what was measured.
        rng: draws.
        draws: how many.
    """
    n = int(said.sum())
    of_word = errors.counts.sum(axis=0)
    lent = LENT * (of_word + 1e-6) / (of_word + 1e-6).sum(axis=0)
    event = rng.choice(len(errors.counts), draws, p=_likeness(said / max(n, 1), n, errors))
    out = np.zeros((draws, *of_word.shape[::-1]), np.int64)
    for word in np.flatnonzero(said).tolist():
        shares = rng.standard_gamma(lent[:, word] + errors.counts[event, :, word])
        shares /= shares.sum(axis=1, keepdims=True)
        out[:, word] = rng.multinomial(int(said[word]), shares)
    return Truths(out)


def interval(values: np.ndarray, level: float = LEVEL) -> Interval:
    """The middle and the bounds of draws, each a value that was drawn."""
    ends = (0.5 - level / 2, 0.5, 0.5 + level / 2)
    low, likely, high = np.quantile(values, ends, method="closest_observation")
    return Interval(float(low), float(likely), float(high))


def _likeness(shares: np.ndarray, n: int, errors: Errors) -> np.ndarray:
    """(event,) probability of each event, by how like its words are."""
    there = errors.counts.sum(axis=1)
    there = there / np.maximum(there.sum(axis=1, keepdims=True), 1)
    away = ((np.sqrt(there) - np.sqrt(shares)) ** 2).sum(axis=1)
    spread = LIKENESS**2 + 1 / (4 * max(n, 1))
    weight = errors.weight * np.exp(-(away - away.min()) / (2 * spread))
    return np.asarray(weight / weight.sum())
