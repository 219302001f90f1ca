"""BD TOPO of IGN: its layers and attributes, of GeoPackage and of Shapefile, in OSM's vocabulary.

Attributes after "BD TOPO version 3, descriptif de contenu" (IGN): HAUTEUR is the height of the
gutter above the ground; MAT_MURS and MAT_TOITS are the land registry's two-digit codes, of which
the first digit names the main material.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import geopandas as gpd
import pandas as pd

from geomage.errors import InputError
from geomage.geo.features import Bounds, VectorFile, open_features
from geomage.world.extent import said_in_degrees
from geomage.world.given import Given, crs_of, no_things, text_of, things

__all__ = ["open_bdtopo", "read_bdtopo"]

Tags = dict[str, str]
Row = Mapping[str, str]

_MOST_FILES = 500
# attribute -> its names in GeoPackage, Shapefile and older versions, lower case
_NAMES = {
    "id": ("cleabs", "id"),
    "nature": ("nature",),
    "use": ("usage_1", "usage1"),
    "eave": ("hauteur",),
    "storeys": ("nombre_d_etages", "nb_etages", "etages"),
    "walls": ("materiaux_des_murs", "mat_murs", "mat_mur"),
    "roof": ("materiaux_de_la_toiture", "mat_toits", "mat_toit"),
    "top": ("altitude_maximale_toit", "z_max_toit"),
    "bottom": ("altitude_minimale_sol", "z_min_sol"),
    "built": ("date_d_apparition", "date_app"),
    "state": ("etat_de_l_objet", "etat"),
    "width": ("largeur_de_chaussee", "largeur"),
    "lanes": ("nombre_de_voies", "nb_voies"),
    "ground": ("position_par_rapport_au_sol", "pos_sol"),
    "name": ("nom_1_gauche", "nom_voie_ban_gauche", "nom_1_g", "toponyme"),
}
_USES = {
    "residentiel": "residential", "agricole": "agricultural", "annexe": "outbuilding",
    "commercial et services": "commercial", "industriel": "hall", "religieux": "religious",
    "sportif": "hall", "serre": "agricultural",
}  # fmt: skip
_WALLS = {"1": "stone", "2": "stone", "3": "concrete", "4": "brick", "5": "cement_block",
          "6": "wood"}  # fmt: skip
_ROOFS = {"1": "roof_tiles", "2": "slate", "3": "zinc", "4": "concrete"}
_WAYS = (
    ("autorout", "motorway"), ("bretelle", "motorway_link"), ("2 chaussees", "primary"),
    ("rond", "tertiary"), ("empierree", "track"), ("chemin", "track"), ("sentier", "path"),
    ("escalier", "steps"), ("cyclable", "cycleway"), ("piste", "cycleway"),
    ("1 chaussee", "residential"),
)  # fmt: skip
_GREEN = (
    ("vigne", ("landuse", "vineyard")), ("verger", ("landuse", "orchard")),
    ("haie", ("natural", "scrub")), ("lande", ("natural", "heath")),
    ("foret ouverte", ("landuse", "open_forest")), ("", ("natural", "wood")),
)  # fmt: skip


@contextmanager
def open_bdtopo(path: Path) -> Iterator[list[VectorFile]]:
    """Open a BD TOPO file, or every GeoPackage and Shapefile of a folder and those below it.

    Raises:
        InputError: see `open_features`; also a folder without such files, or with too many.
    """
    files = [path]
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in (".gpkg", ".shp"))
        files = [p for p in files if p.suffix.lower() == ".gpkg" or _role(p.stem)]
        if not files:
            raise InputError(f"{path} holds no GeoPackage or Shapefile of BD TOPO")
        if len(files) > _MOST_FILES:
            raise InputError(f"{path} holds {len(files)} files, at most {_MOST_FILES} are read")
    with ExitStack() as stack:
        yield [stack.enter_context(open_features(file)) for file in files]


def read_bdtopo(files: Sequence[VectorFile], boxes: Callable[[str], list[Bounds] | None]) -> Given:
    """Read BD TOPO.

    Args:
        files: of one delivery.
        boxes: what to read, in a CRS.

    Raises:
        InputError: no layer of buildings, damaged, or no CRS.
        BudgetError: too many features.
    """
    found: dict[str, list[gpd.GeoDataFrame]] = {"buildings": [], "ways": [], "areas": []}
    unclosed, covers = 0, ""
    for file, layer, (kind, tags_of) in _layers(files):
        crs = crs_of(file, layer)
        part = file.read(layer, boxes(crs))
        unclosed += part.unclosed if kind == "buildings" else 0
        rows = [_named(row) for row in part.table.drop(columns="geometry").to_dict("records")]
        ids = [row.get("id") or f"{layer}/{i}" for i, row in enumerate(rows, 1)]
        found[kind].append(things(ids, map(tags_of, rows), part.table.geometry.to_numpy(), crs))
        if kind == "buildings":
            covers = covers or _covers(file, layer)
    if not found["buildings"]:
        names = ", ".join(name for file in files for name in file.layers)
        raise InputError(f"{files[0].name} holds no layer batiment of BD TOPO, but {names}")
    crs = found["buildings"][0].crs.to_wkt()
    tables = {kind: _joined(parts, crs) for kind, parts in found.items()}
    return Given(
        **tables, lines=no_things(crs), trees=no_things(crs), unclosed=unclosed, covers=covers
    )


def _covers(file: VectorFile, layer: str) -> str:
    bounds = file.bounds(layer)
    return "" if bounds is None else said_in_degrees(bounds, crs_of(file, layer))


def _joined(parts: Sequence[gpd.GeoDataFrame], crs: str) -> gpd.GeoDataFrame:
    if not parts:
        return no_things(crs)
    return pd.concat([part.to_crs(crs) for part in parts], ignore_index=True)


def _layers(
    files: Sequence[VectorFile],
) -> Iterator[tuple[VectorFile, str, tuple[str, Callable[[Row], Tags]]]]:
    for file in files:
        for layer in file.layers:
            role = _role(layer)
            if role is not None:
                yield file, layer, role


def _role(layer: str) -> tuple[str, Callable[[Row], Tags]] | None:
    """What a layer holds: (table, how its rows become tags)."""
    name = _plain(layer)
    for pattern, kind, tags_of in _ROLES:
        if re.search(pattern, name):
            return kind, tags_of
    return None


def _plain(text: str) -> str:
    """Lower case without accents."""
    flat = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in flat if not unicodedata.combining(c))


def _named(row: Mapping[str, object]) -> dict[str, str]:
    """A row under the names of `_NAMES`, what is empty left out."""
    low = {str(name).lower(): value for name, value in row.items()}
    found = {}
    for name, columns in _NAMES.items():
        value = next((t for c in columns if (t := text_of(low.get(c)))), None)
        if value is not None:
            found[name] = value
    return found


def _building(row: Row) -> Tags:
    tags = {"building": "yes"}
    use = _plain(row.get("use", ""))
    if use in _USES:
        tags["building:use"] = _USES[use]
    copied = {"eave": "height:eave", "storeys": "building:levels", "built": "start_date"}
    tags |= {key: row[name] for name, key in copied.items() if name in row}
    if (height := _top(row)) is not None:
        tags["height"] = f"{height:.2f}"
    for name, key, codes in (
        ("walls", "building:material", _WALLS),
        ("roof", "roof:material", _ROOFS),
    ):
        word = codes.get(row.get(name, " ").zfill(2)[0])
        if word is not None:
            tags[key] = word
    return tags | {f"bdtopo:{name}": value for name, value in row.items() if name != "id"}


def _top(row: Row) -> float | None:
    """Height of the ridge above the lowest ground, metres, where both altitudes make sense."""
    try:
        top, eave = float(row["top"]) - float(row["bottom"]), float(row.get("eave", 0))
    except (KeyError, ValueError):
        return None
    return top if eave <= top <= eave + 40 and top > 0 else None


def _way(row: Row) -> Tags:
    nature = _plain(row.get("nature", ""))
    kind = next((word for part, word in _WAYS if part in nature), "road")
    tags = {"highway": kind}
    tags |= {key: row[key] for key in ("width", "lanes", "name") if key in row}
    if row.get("ground", "0").startswith("-"):
        tags["tunnel"] = "yes"
    return tags | {"bdtopo:nature": row.get("nature", "")}


def _rail(row: Row) -> Tags:
    kind = "tram" if "tram" in _plain(row.get("nature", "")) else "rail"
    hidden = {"tunnel": "yes"} if row.get("ground", "0").startswith("-") else {}
    return {"railway": kind, **hidden}


def _green(row: Row) -> Tags:
    nature = _plain(row.get("nature", ""))
    key, value = next(tag for part, tag in _GREEN if part in nature)
    return {key: value}


def _always(key: str, value: str) -> Callable[[Row], Tags]:
    return lambda _row: {key: value}


_ROLES: Sequence[tuple[str, str, Callable[[Row], Tags]]] = (
    (r"^bati(ment|_indifferencie|_industriel|_remarquable)?(_|$)", "buildings", _building),
    (r"^troncon_de_route|^route", "ways", _way),
    (r"^troncon_de_voie_ferree", "ways", _rail),
    (r"^surface_hydrographique|^plan_d_eau|^surface_eau", "areas", _always("natural", "water")),
    (r"^zone_(de_)?vegetation", "areas", _green),
    (r"^terrain_de_sport", "areas", _always("leisure", "pitch")),
    (r"^cimetiere", "areas", _always("landuse", "cemetery")),
    (r"^piste_d_aerodrome", "areas", _always("aeroway", "runway")),
)
