"""How right a map is, estimated from buildings drawn at random and judged by eye.

Buildings are drawn by stratum (`sampling`), so each stands for N_h / n_h of its stratum. Every
figure is a ratio of two totals, R = Y / X, such as buildings called Destroyed rightly over
buildings called Destroyed. With ȳ_h, x̄_h means over the n_h judged of the N_h in stratum h

    R = Σ N_h ȳ_h / Σ N_h x̄_h
    V(R) = Σ N_h² (1 − n_h / N_h) s²_h / n_h / (Σ N_h x̄_h)²,   s²_h the variance of y − R x in h

(Stehman 2014, International Journal of Remote Sensing 35, eqs 24 to 28). Where strata are the
words of the map this is the stratified estimator of Olofsson et al. 2014 (Remote Sensing of
Environment 148, eqs 1 to 11) and of Card 1982 (Photogrammetric Engineering and Remote Sensing
48), with the correction for finite populations.

Intervals are those of Wilson 1927 on the effective sample size R (1 − R) / V (Korn and Graubard
1998, Survey Methodology 24): R ± 1.645 √V would be a point where all that was judged was right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from geomage.product.grading import GRADE_WORDS, POSSIBLY, WORDS

__all__ = ["LEVEL", "Estimate", "Judged", "estimate_accuracy", "ratio_of_totals"]

LEVEL: Final = 0.9
"""Share of samples whose interval holds the truth."""
_Z: Final = 1.6448536269514722  # of the normal distribution, 90 % between -z and z
_TRUTHS: Final = tuple(dict.fromkeys(reversed(GRADE_WORDS.values())))  # worst first
METHOD: Final = "stratified random sample, ratio estimator (Stehman 2014; Olofsson et al. 2014)"

Count = Callable[[str, str], bool]
"""Whether a building counts, from the word of the map and the word of the reader."""


@dataclass(frozen=True)
class Judged:
    """A stratum: how many buildings it has, and what was read of those drawn."""

    name: str
    word: str  # of the map, one for the whole stratum
    size: int  # buildings in it
    truths: tuple[str, ...]  # words of the reader, a building each


@dataclass(frozen=True)
class Estimate:
    """A share, or a number of buildings, with what the draw leaves open."""

    value: float
    error: float  # standard error
    low: float  # of the 90 % interval
    high: float

    def times(self, factor: float) -> Estimate:
        """The same as a part of `factor`."""
        return Estimate(*(factor * one for one in (self.value, self.error, self.low, self.high)))

    def as_dict(self, digits: int = 4) -> dict[str, float]:
        """JSON-able record."""
        names = ("value", "standard_error", "low", "high")
        values = (self.value, self.error, self.low, self.high)
        return {name: round(one, digits) for name, one in zip(names, values, strict=True)}


def ratio_of_totals(strata: Sequence[Judged], part: Count, whole: Count) -> Estimate | None:
    """The share of `part` in `whole` over all buildings; None where no judged one is in `whole`.

    Args:
        strata: those with a judged building; others cannot speak.
        part: which buildings of `whole` are counted.
        whole: of which.
    """
    known = [one for one in strata if one.truths]
    rows = [_indicators(one, part, whole) for one in known]
    total = sum(one.size * x.mean() for one, (_, x) in zip(known, rows, strict=True))
    if not total:
        return None
    share = sum(one.size * y.mean() for one, (y, _) in zip(known, rows, strict=True)) / total
    variance = sum(
        one.size**2 * _unseen(one) * _spread(y - share * x) / len(y)
        for one, (y, x) in zip(known, rows, strict=True)
    )
    variance /= total**2
    low, high = _wilson(share, _effective_size(share, variance, known, [x for _, x in rows]))
    return Estimate(float(share), math.sqrt(variance), low, high)


def _indicators(one: Judged, part: Count, whole: Count) -> tuple[np.ndarray, np.ndarray]:
    inside = {truth: whole(one.word, truth) for truth in {*one.truths}}
    counted = {truth: inside[truth] and part(one.word, truth) for truth in inside}
    y, x = ([found[truth] for truth in one.truths] for found in (counted, inside))
    return np.array(y, float), np.array(x, float)


def _unseen(one: Judged) -> float:
    """1 - n / N: nothing is left open where all were judged."""
    return 1.0 - len(one.truths) / one.size


def _spread(values: np.ndarray) -> float:
    """Variance within a stratum; of a single building, that of a coin, times what it counts."""
    if len(values) > 1:
        return float(values.var(ddof=1))
    return 0.25 * float(values[0] != 0)


def _effective_size(
    share: float, variance: float, strata: Sequence[Judged], inside: Sequence[np.ndarray]
) -> float:
    """Judged buildings of a simple draw that would leave as much open.

    R (1 − R) / V, at most that of Kish 1965, (Σ w)² / Σ w² over what is in the whole: agreement
    by luck of the draw is no knowledge.
    """
    weights = [one.size / len(one.truths) for one in strata]
    counts = [float(x.sum()) for x in inside]
    left = [_unseen(one) for one in strata]
    total = sum(w * n for w, n in zip(weights, counts, strict=True))
    squares = sum(w * w * n * f for w, n, f in zip(weights, counts, left, strict=True))
    kish = total**2 / squares if squares else math.inf
    return min(kish, share * (1 - share) / variance) if variance else kish


def _wilson(share: float, size: float) -> tuple[float, float]:
    if math.isinf(size):
        return float(share), float(share)
    shrink = 1 + _Z**2 / size
    centre = (share + _Z**2 / (2 * size)) / shrink
    reach = _Z * math.sqrt(share * (1 - share) / size + (_Z / (2 * size)) ** 2) / shrink
    return max(0.0, float(centre - reach)), min(1.0, float(centre + reach))


def estimate_accuracy(strata: Sequence[Judged]) -> dict[str, Any]:
    """All figures of a judged sample, JSON-able.

    *Overall* is the share of buildings with a decided word (all but Possibly damaged) that have
    the right one; *users* of a word, of those the map calls so; *producers*, of those the reader
    calls so among all the map assessed; *buildings*, how many there are by the reader's words.
    Shares of nothing are ``None``.
    """
    known = [one for one in strata if one.truths]
    assessed, covered = sum(one.size for one in strata), sum(one.size for one in known)
    mapped = {word: sum(one.size for one in known if one.word == word) for word in WORDS}
    decided = covered - mapped[POSSIBLY]
    return {
        "method": METHOD,
        "interval": LEVEL,
        "assessed": assessed,
        "covered": covered,  # by strata with a judged building; the figures speak of these alone
        "judged": sum(len(one.truths) for one in known),
        "overall": _said(ratio_of_totals(known, _right, lambda m, _: m != POSSIBLY), decided),
        "users": {
            word: _said(ratio_of_totals(known, _right, _is_mapped(word)), mapped[word])
            for word in _TRUTHS
        },
        "possibly_damaged_that_is": _said(
            ratio_of_totals(known, lambda _, truth: truth != _TRUTHS[-1], _is_mapped(POSSIBLY)),
            mapped[POSSIBLY],
        ),
        "producers": {
            word: _said(ratio_of_totals(known, _right, _is_true(word))) for word in _TRUTHS
        },
        "buildings": {word: _number(known, word, covered, mapped[word]) for word in _TRUTHS},
        "matrix": _matrix(known, covered),
    }


def _right(mapped: str, truth: str) -> bool:
    return mapped == truth


def _is_mapped(word: str) -> Count:
    return lambda mapped, _: mapped == word


def _is_true(word: str) -> Count:
    return lambda _, truth: truth == word


def _said(found: Estimate | None, of: int | None = None) -> dict[str, Any] | None:
    if found is None:
        return None
    return found.as_dict() if of is None else {**found.as_dict(), "of": of}


def _number(
    strata: Sequence[Judged], word: str, covered: int, mapped: int
) -> dict[str, Any] | None:
    found = ratio_of_totals(strata, _is_true(word), lambda _m, _t: True)
    if found is None:
        return None
    return {**found.times(covered).as_dict(1), "mapped": mapped, "of": covered}


def _matrix(strata: Sequence[Judged], covered: int) -> Mapping[str, Mapping[str, float]]:
    """{word of the map: {word of the reader: share of all buildings}}: Olofsson's table of p_ij."""
    return {
        word: {
            truth: round(
                sum(
                    one.size * one.truths.count(truth) / len(one.truths)
                    for one in strata
                    if one.word == word
                )
                / covered,
                4,
            )
            for truth in _TRUTHS
        }
        for word in dict.fromkeys(one.word for one in strata)
    }
