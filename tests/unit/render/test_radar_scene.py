"""A town by radar."""

import numpy as np
import pytest
from tests.towns import plain_town, town

from geomage.disaster import FloodParams, flood
from geomage.errors import InputError
from geomage.render.radar_scene import RadarParams, render_radar


@pytest.fixture(scope="module")
def scene():
    return render_radar(flood(town("suburb", 0, 200.0), FloodParams(2.5), 0))


def test_a_town_is_seen_at_two_dates(scene):
    assert scene.before.shape == scene.after.shape == (2, *scene.box.shape)
    assert scene.before.dtype == np.float32
    assert np.isfinite(scene.before).all()
    assert 0 < scene.shadow.mean() < 0.5


def test_floods_darken_a_town(scene):
    assert np.median(scene.after[0]) < np.median(scene.before[0]) - 1


def test_the_same_event_gives_the_same_bytes(scene):
    again = render_radar(flood(town("suburb", 0, 200.0), FloodParams(2.5), 0))
    assert again.after.tobytes() == scene.after.tobytes()


def test_a_house_is_the_brightest_on_a_plain():
    city = plain_town(200.0)
    seen = render_radar(flood(city, FloodParams(0.01), 0), RadarParams()).before[0]
    middle = seen[6:14, 6:14]
    assert middle.max() > np.median(seen) + 4
    assert (10 ** (middle / 10)).mean() > 1.05 * (10 ** (seen / 10)).mean()


def test_bad_words_are_refused():
    with pytest.raises(InputError, match="unknown orbit"):
        RadarParams(orbit="up")
    with pytest.raises(InputError, match="incidence of 20"):
        RadarParams(incidence=20.0)
    with pytest.raises(InputError, match="too small for sentinel-1"):
        render_radar(flood(plain_town(140.0), FloodParams(0.01), 0))
