"""One simulated place by two sensors."""

import numpy as np
import pytest

from geomage.data.chip import UNKNOWN, ChipSource
from geomage.data.twins import COVERS, TwinParams, TwinsOf, twins
from geomage.errors import InputError

PARAMS = TwinParams(("vhr-1.0", "spot-1.5"), count=2, side_m=96.0, dates=2, styles={"suburb": 1.0})


@pytest.fixture(scope="module")
def pair():
    return twins(PARAMS, 1)


def test_each_sensor_has_its_own_bands_and_gsd(pair):
    picture, linear = pair
    assert picture.pixels.shape == (2, 3, 96, 96)
    assert linear.pixels.shape == (2, 4, 64, 64)
    assert [c.name for c in linear.channels] == ["blue", "green", "red", "nir"]
    assert (picture.gsd_m, linear.gsd_m) == (1.0, 1.5)
    for chip in pair:
        assert 0 <= chip.pixels.min() < chip.pixels.max() <= 1
        assert set(np.unique(chip.labels)) <= {*range(len(COVERS)), UNKNOWN}
        assert not np.array_equal(chip.pixels[0], chip.pixels[1])


def test_both_show_one_place(pair):
    """Labels agree but for lean and edges, and not those of another place."""
    cells = [chip.labels[:: round(3 / chip.gsd_m), :: round(3 / chip.gsd_m)] for chip in pair]
    assert (cells[0] == cells[1]).mean() > 0.6
    elsewhere = twins(PARAMS, 0)[1].labels[::2, ::2]
    assert (cells[0] == elsewhere).mean() < (cells[0] == cells[1]).mean() - 0.2


def test_a_source_gives_the_chips_of_one_sensor(pair):
    source = TwinsOf(PARAMS, "spot-1.5")
    assert isinstance(source, ChipSource)
    assert source.classes == COVERS
    assert source.names == ("place_00000", "place_00001")
    chip = source.chip(1)
    assert chip.name == "place_00001"
    assert chip.pixels.tobytes() == pair[1].pixels.tobytes()


def test_what_cannot_be_seen_is_refused():
    with pytest.raises(InputError, match="unknown sensor 'spot-15'"):
        TwinParams(("spot-15",))
    with pytest.raises(InputError, match="at least one sensor"):
        TwinParams(())
    with pytest.raises(InputError, match=r"no place 2: count from 0 to 1"):
        twins(PARAMS, 2)
    with pytest.raises(InputError, match=r"vhr-0\.5 is none of"):
        TwinsOf(PARAMS, "vhr-0.5").chip(0)
