"""The folder of a city: its layers and terrain, and the same town in 3D for other software."""

from __future__ import annotations

from pathlib import Path

from geomage.geo import fresh_folder
from geomage.geo.stac import write_item
from geomage.world.city import City, city_files, write_city_files
from geomage.world.cityjson import cityjson_bytes

__all__ = ["write_city"]


def write_city(city: City, folder: Path, *, overwrite: bool = False) -> Path:
    """Write a city folder, whole or not at all.

    It holds `city.gpkg`, `dtm.tif`, `ortho.tif` where a photo was draped, `city.city.json` and
    `item.json`; `read_city` needs no more than the first three and the parameters beside them.
    """
    with fresh_folder(folder, overwrite=overwrite) as tmp:
        write_city_files(city, tmp)
        (tmp / "city.city.json").write_bytes(cityjson_bytes(city))
        write_item(
            tmp,
            kind="city",
            parameters=city.params.as_dict() | {"buildings": len(city.buildings)},
            assets={Path(f).stem: f for f in city_files(city)} | {"cityjson": "city.city.json"},
            box=city.dtm.box,
        )
    return folder
