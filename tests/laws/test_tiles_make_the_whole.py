"""What is found tile by tile is what the whole raster holds, whatever the side of the tiles."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from geomage.geo import Tiling, pixel_box
from geomage.geo.components import join, label_mask, label_values, tile_parts

FEW = settings(max_examples=25, deadline=None)


def noise(seed: int, shape: tuple[int, int], share: float) -> np.ndarray:
    """(y, x) bool, from specks to labyrinths."""
    rng = np.random.default_rng(seed)
    return ndimage.uniform_filter(rng.random(shape), 1 + seed % 3) < share


SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def shuffled(tiling: Tiling, seed: int) -> list:
    keys = list(tiling)
    random.Random(seed).shuffle(keys)  # noqa: S311 -- an order, no secret
    return keys


@given(st.integers(0, 10**6), SIZES, st.integers(1, 45), st.sampled_from([0.3, 0.5, 0.6]))
@FEW
def test_components_over_tiles_are_those_of_the_whole(seed, shape, side, share):
    mask, mark = noise(seed, shape, share), noise(seed + 1, shape, 0.1)
    tiling = Tiling(pixel_box(shape, 1.0), side)
    labels = {key: label_mask(mask[tiling.core(key).toslices()]) for key in shuffled(tiling, seed)}
    parts = {
        key: tile_parts(own, mark=mark[tiling.core(key).toslices()]) for key, own in labels.items()
    }
    joined = join(tiling, parts)
    out = np.zeros(shape, int)
    for key, own in labels.items():
        of = np.r_[0, joined.of[key] + 1] if key in joined.of else np.zeros(1, int)
        out[tiling.core(key).toslices()] = of[own]
    whole, count = ndimage.label(mask)
    assert len(joined.pixels) == count
    pairs = np.unique(np.stack([whole[mask], out[mask]]), axis=1)
    assert pairs.shape[1] == count  # one name in each for one in the other
    of_whole = pairs[1][np.argsort(pairs[0])] - 1
    assert joined.pixels[of_whole].tolist() == np.bincount(whole.ravel())[1:].tolist()
    frames = [(r.start, c.start, r.stop, c.stop) for r, c in ndimage.find_objects(whole)]
    assert [tuple(frame) for frame in joined.frame[of_whole].tolist()] == frames
    firsts = [int((whole.ravel() == i).argmax()) for i in range(1, count + 1)]
    assert joined.first[of_whole].tolist() == firsts
    marked = [bool(mark[whole == i].any()) for i in range(1, count + 1)]
    assert joined.mark[of_whole].tolist() == marked


@given(st.integers(0, 10**6), SIZES, st.integers(1, 45))
@FEW
def test_only_equal_values_are_joined_across_seams(seed, shape, side):
    values = np.random.default_rng(seed).integers(0, 4, shape)
    tiling = Tiling(pixel_box(shape, 1.0), side)
    parts = {}
    for key in tiling:
        labels, kinds = label_values(values[tiling.core(key).toslices()], (1, 3))
        parts[key] = tile_parts(labels, kinds=kinds)
    joined = join(tiling, parts)
    for value in (1, 3):
        whole, count = ndimage.label(values == value)
        of = joined.kind == value
        assert sorted(joined.pixels[of]) == sorted(np.bincount(whole.ravel())[1:])
        assert of.sum() == count


@given(st.integers(0, 10**6), SIZES, st.integers(1, 45))
@FEW
def test_parts_inside_a_tile_need_not_be_told(seed, shape, side):
    mask = noise(seed, shape, 0.5)
    tiling = Tiling(pixel_box(shape, 1.0), side)
    parts = {key: tile_parts(label_mask(mask[tiling.core(key).toslices()])) for key in tiling}
    every = join(tiling, parts)
    some = join(tiling, {key: own.at_rim() for key, own in parts.items()})
    inner = sum(len(own.number) - len(own.at_rim().number) for own in parts.values())
    assert len(every.pixels) == len(some.pixels) + inner
    assert set(some.first.tolist()) <= set(every.first.tolist())
    assert (every.parts[every.parts > 1] == some.parts[some.parts > 1]).all()
