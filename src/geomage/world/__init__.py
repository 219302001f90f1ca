"""The digital twin: terrain, streets, blocks, parcels, buildings, vegetation, water."""

from __future__ import annotations

from geomage.world.city import LAYERS, City, CityParams, city_box, read_city
from geomage.world.folder import write_city
from geomage.world.form_layers import read_form_layers
from geomage.world.grow import grow_city
from geomage.world.imports import ImportJob, import_city
from geomage.world.site import Site
from geomage.world.sources import ImportParams
from geomage.world.style import Style
from geomage.world.style_file import find_style, read_style, write_style
from geomage.world.styles import STYLES
from geomage.world.survey import choose_site

__all__ = [
    "LAYERS",
    "STYLES",
    "City",
    "CityParams",
    "ImportJob",
    "ImportParams",
    "Site",
    "Style",
    "choose_site",
    "city_box",
    "find_style",
    "grow_city",
    "import_city",
    "read_city",
    "read_form_layers",
    "read_style",
    "write_city",
    "write_style",
]
