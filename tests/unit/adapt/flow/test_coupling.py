"""Laws of couplings: permutations, of least cost, that do not see a domain's tone."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from small_domains import RADAR, SOURCE, TARGET, Houses

from geomage.adapt.flow.coupling import (
    CouplingParams,
    couple,
    couple_at_random,
    measure_layout,
)
from geomage.adapt.flow.cover_reader import fit_cover_reader
from geomage.adapt.flow.crops import Crops, PoolParams, cut_pool, turned
from geomage.adapt.flow.pairs import PairParams, make_pairs, refuse_domains, turn_crops
from geomage.adapt.method import Domains
from geomage.errors import InputError

NO_COVER = CouplingParams(cover=0.0)


def pool(tones=SOURCE, count=24, seed=0, **changes):
    return cut_pool(Houses(tones, seed=seed, **changes), count, 16, [seed], "source")


def layout(crops, grid=4):
    return measure_layout(crops, np.zeros((len(crops.gsd_m), 0)), grid)


@pytest.mark.parametrize("block", [2000, 7])
def test_each_item_is_used_once(block):
    found = couple(layout(pool()), layout(pool(TARGET, seed=1)), CouplingParams(block=block))
    assert sorted(found.target) == list(range(24))
    assert sorted(couple_at_random(24, np.random.default_rng(0)).target) == list(range(24))


def test_no_permutation_of_few_costs_less():
    ours, theirs = pool(count=6), pool(TARGET, count=6, seed=1)
    params = CouplingParams(cover=0, gsd=0, turns=False)

    looks = []
    for crops in (ours, theirs):
        look = layout(crops).structure
        spread = look.std((0, 2, 3), keepdims=True)
        looks.append((look - look.mean((0, 2, 3), keepdims=True)) / spread)

    def cost(order):
        return ((looks[0] - looks[1][list(order)]) ** 2).mean()

    found = couple(layout(ours), layout(theirs), params)
    assert cost(found.target) == pytest.approx(min(map(cost, permutations(range(6)))))


def test_the_same_places_in_another_tone_shuffled_and_turned_find_each_other():
    ours = pool()
    rng = np.random.default_rng(2)
    order, turns = rng.permutation(24), rng.integers(0, 8, 24)
    toned = ours._replace(pixels=0.4 * ours.pixels + 0.3)
    shuffled = turn_crops(Crops(*(part[order] for part in toned)), turns)
    found = couple(layout(ours), layout(shuffled), NO_COVER)
    back = turn_crops(Crops(*(part[found.target] for part in shuffled)), found.turn)
    np.testing.assert_allclose(back.pixels, toned.pixels)


def test_blocks_cost_little_more_than_all_at_once():
    ours, theirs = layout(pool(count=60)), layout(pool(TARGET, count=60, seed=1))

    def cost(params):
        found = couple(ours, theirs, params)
        look = [one.structure.mean((2, 3)) for one in (ours, theirs)]
        return ((look[0] - look[1][found.target]) ** 2).sum()

    random = couple_at_random(60, np.random.default_rng(0)).target
    looks = [one.structure.mean((2, 3)) for one in (ours, theirs)]
    chance = ((looks[0] - looks[1][random]) ** 2).sum()
    assert cost(CouplingParams(block=15)) < 0.5 * (cost(CouplingParams()) + chance)


def test_what_nobody_knows_has_no_say_and_sun_has_one_where_it_is_known():
    ours, theirs = layout(pool(count=4)), layout(pool(count=4))
    params = CouplingParams(structure=0, cover=0, gsd=0, season=0)
    sun = np.array([10.0, 20.0, 30.0, 40.0])
    found = couple(ours._replace(sun=sun), theirs._replace(sun=sun[::-1].copy()), params)
    assert list(found.target) == [3, 2, 1, 0]
    assert sorted(couple(ours, theirs, params).target) == [0, 1, 2, 3]


def test_a_square_turned_eight_ways_is_eight_squares():
    square = np.arange(9).reshape(1, 3, 3)
    assert len({turned(square, k).tobytes() for k in range(8)}) == 8


def test_cover_is_read_in_the_other_domain():
    reader = fit_cover_reader(pool(), 2)
    there = pool(TARGET, seed=1)
    read = reader.read(there.pixels, there.valid)
    assert (read == there.labels).mean() > 0.9
    np.testing.assert_allclose(reader.histogram(there).sum(1), 1)


def test_pools_and_pairs_are_functions_of_the_seed():
    domains = Domains(Houses(), Houses(TARGET, seed=1))
    params = PairParams(PoolParams(count=12))
    one, again = (make_pairs(domains, params, 16, (3, 0)) for _ in range(2))
    other = make_pairs(domains, params, 16, (3, 1))
    assert np.array_equal(one.target.pixels, again.target.pixels)
    assert not np.array_equal(one.source.pixels, other.source.pixels)


def test_paired_domains_are_cut_at_the_same_places():
    domains = Domains(Houses(), Houses(TARGET), paired=True)
    pairs = make_pairs(domains, PairParams(PoolParams(count=12)), 16, (0, 0))
    assert np.array_equal(pairs.source.labels, pairs.target.labels)


def test_half_a_chip_without_data_gives_crops_that_say_so():
    crops = pool(blank=0.5)
    assert not crops.valid.all()
    assert (crops.pixels.transpose(0, 2, 3, 1)[~crops.valid] == 0).all()
    assert crops.valid.mean((1, 2)).min() >= 0.25


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        (Domains(Houses(), Houses(count=0)), "target: holds no images"),
        (Domains(Houses(count=1, side=24), Houses()), "source: one image of 24 x 24"),
        (Domains(Houses(), Houses(channels=RADAR)), "red, green, blue, the target vv, vh"),
        (Domains(Houses(labelled=False), Houses()), "set coupling.cover to 0"),
    ],
)
def test_domains_that_cannot_be_learnt_from_are_refused(domains, message):
    with pytest.raises(InputError, match=message):
        refuse_domains(domains, PairParams(), 16)


def test_chips_that_do_not_fit_each_other_are_refused():
    domains = Domains(Houses(), Houses(side=64), paired=True)
    with pytest.raises(InputError, match="bring both to one grid"):
        make_pairs(domains, PairParams(PoolParams(count=4)), 16, (0, 0))
    with pytest.raises(InputError, match="give one for each"):
        make_pairs(Domains(Houses(), Houses(count=5), paired=True), PairParams(), 16, (0, 0))
    with pytest.raises(InputError, match="no pixel of its images holds data"):
        pool(blank=1.0)
