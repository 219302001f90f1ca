"""Draw the page of materials: spectra of end members, and three looks at struck towns.

    python dev/draw_materials.py

Writes docs/materials.jpg and docs/materials.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from geomage.disaster import Event, FireParams, FloodParams, fire, flood
from geomage.geo import stretch_counts
from geomage.render import (
    Appearance,
    endmembers,
    light_and_view,
    paint,
    stage_box,
    stage_noise,
    widen,
)
from geomage.render.endmembers import END_MEMBERS, NM
from geomage.render.matter import MATTER
from geomage.render.spectra import BLENDS
from geomage.sensor import VISIBLE, Band
from geomage.world import CityParams, grow_city

DOCS = Path(__file__).resolve().parents[1] / "docs"
WIDE, HIGH, SIDE = 400, 300, 400
PANELS = {
    "what grows": ("leaf", "grass", "yellow leaf", "dry grass", "twig", "litter"),
    "ground": ("pale soil", "brown soil", "red soil", "loam", "sand", "mud"),
    "roads and walls": ("fresh asphalt", "aged asphalt", "concrete", "plaster", "clay tile"),
    "roofs and sheets": ("white sheet", "bare metal", "shingle", "bitumen", "blue tarp", "rust"),
    "water": ("clear water", "green water", "silty water", "muddy water", "pool", "foam"),
    "burnt, erupted": ("char", "white ash", "dark ash", "pale ash", "basalt", "dead leaf"),
}
_LINES = ("#1b9e77", "#d95f02", "#7570b3", "#e7298a", "#666666", "#a6761d")
NIR, SWIR16, SWIR22 = Band("nir", 842, 115), Band("swir16", 1610, 90), Band("swir22", 2190, 180)
LOOKS = {
    "red, green, blue": VISIBLE,
    "near infrared, red, green": (NIR, VISIBLE[0], VISIBLE[1]),
    "2190 nm, near infrared, red": (SWIR22, NIR, VISIBLE[0]),
}
INTRODUCTION = """\
A stage is painted in red, green and blue, and says of every pixel what it is made of.
`render.widen` gives it any other band from 400 to 2500 nm: each matter is a blend of measured or
modelled spectra, the painted colour says how much of each a pixel shows, and where mud, ash, char,
dust or shallow water cover a part of a pixel, two matters share it. The painted bands stay as they
are, to the bit; the near and shortwave infrared follow the matter: plants are bright beyond 720 nm
until they dry, water is dark there and darker beyond, burnt ground falls in the near infrared and
rises at 2200 nm, wet soil darkens most where water absorbs.

![Spectra, and a burnt and a flooded suburb in three band combinations](materials.jpg)

`python dev/draw_materials.py` makes this page again.
"""
SOAKS = """\
`soaks`: how much of a wet day it takes up. Names are those of the matter rasters of a scene.
"""
KINDS = """\
`read`: off a published measurement at the knots. `modelled`: by a published model, with the
parameters named. `ours`: drawn by us with the features, and about at the level, that the source
reports for that kind of matter; not read off it, so no single measurement stands behind it.
"""
AFTER = """\
## What the laws of the tests hold it to
Living lawn has an NDVI over .6 and crowns over .7, dry grass .15 to .35, soil, sand, gravel and
paving under .25. Water has a reflectance under .13 at 865 nm and under .03 at 1610 nm, MNDWI over
.4, flood water too. Grass that burnt falls into the classes of Key and Benson (2006) by dNBR: to
.27 where it is scorched, to .66, and above where it is black. Wet soil is darker in all bands, most
at 2200 nm. No reflectance leaves 0..1, whatever colour is painted.

Against two real Sentinel-2 chips (Sen1Floods11, India and Spain; L1C): of plants, the ratio of 865
to 1610 nm is 1.83 and 2.09 there and 1.97 (crown) and 1.73 (lawn) here, that of 2200 to 1610 nm .43
and .46 there and .44 and .51 here. Flood water is .9 to 1.3 times as bright at 865 nm as in red
there, as far as the air can be taken off by eye, and .5 here: plants stand in it, which we leave
out.

## Wet, shallow, mirrored
- **Wet ground** lies under films of water of 0.3 mm on average; hollows and banks are wetter.
- **Water** lets its bed show near natural banks by depth and turbidity; floods hide what they cover
  by depth. What shows in the visible is lost in the infrared by the absorption of pure water.
- **Glint** is that of Cox and Munk (1954) by sun, view and wind, in patches, alike in every band.
- **Fields** grow, ripen, are cut and ploughed by a calendar of their own; some are driven through,
  some lawns are mown in stripes, wheels wear streets.

## What is left out
- A canopy reflects alike to all sides: no hot spot, no bright side away from the sun.
- One spectrum a kind: no species, no crop, no paint but five, no mineral by name; soils are four.
- The deep water bands near 1400 and 1900 nm are rough; cirrus and water vapour are the sensor's.
- Bright concrete, white roofs and paint may have an MNDWI of 0 to .15; real ones are mistaken for
  water, too.
- An orthophoto that a city was draped with is widened as if it showed what its layers name.
- Plants that stand in flood water, and oil, algae and rubbish on it; snow and ice.
"""


def _plot(title: str, names: tuple[str, ...]) -> Image.Image:
    """Reflectance over wavelength of some end members."""
    picture = Image.new("RGB", (2 * WIDE, 2 * HIGH), "white")
    draw = ImageDraw.Draw(picture)
    font, small = ImageFont.load_default(30), ImageFont.load_default(22)
    left, top, right, bottom = 70, 50, 2 * WIDE - 20, 2 * HIGH - 50
    spectra = [END_MEMBERS[name].at(NM) for name in names]
    most = np.ceil(max(s.max() for s in spectra) * 13) / 10  # room for the names
    draw.text((left, 8), title, "black", font)
    for value in np.linspace(0, most, 5):
        y = bottom - (bottom - top) * value / most
        draw.line([(left, y), (right, y)], "#dddddd", 2)
        draw.text((left - 62, y - 12), f"{value:.2f}".removeprefix("0"), "black", small)
    for nm in range(500, 2501, 500):
        x = left + (right - left) * (nm - 400) / 2100
        draw.line([(x, top), (x, bottom)], "#dddddd", 2)
        draw.text((x - (26 if nm < 2500 else 46), bottom + 8), str(nm), "black", small)
    for i, (name, values) in enumerate(zip(names, spectra, strict=True)):
        x = left + (right - left) * (NM - 400) / 2100
        y = bottom - (bottom - top) * values / most
        draw.line(list(zip(x.tolist(), y.tolist(), strict=True)), _LINES[i], 5)
        at = (left + 12 + 230 * (i % 3), top + 6 + 28 * (i // 3))
        draw.text(at, name, _LINES[i], small)
    return picture.resize((WIDE, HIGH), Image.Resampling.LANCZOS)


def _looks(event: Event) -> list[np.ndarray]:
    """One struck town in three combinations of bands (y, x, 3)."""
    corner = event.city.dtm.box.boundingbox
    middle = (corner.left + corner.right) / 2, (corner.bottom + corner.top) / 2
    box = stage_box(middle, SIDE * 0.5, 0.5, event.city.dtm.box.crs)
    when = Appearance()
    stage = paint(event, box, when, stage_noise(box, 1), after=True)
    pictures = []
    for bands in LOOKS.values():
        found = widen(stage, tuple(dict.fromkeys((*bands, *VISIBLE))))
        chosen = replace(found, albedo=found.albedo[:3], bands=found.bands[:3])
        counts = stretch_counts(light_and_view(chosen, when).radiance)
        bright = 255 * (np.asarray(counts, float) / 255) ** 0.7
        pictures.append(bright.transpose(1, 2, 0).astype(np.uint8))
    return pictures


def draw() -> None:
    """Write the picture of the page."""
    plots = [_plot(title, names) for title, names in PANELS.items()]
    rows = [np.concatenate([np.array(p) for p in plots[i : i + 3]], 1) for i in (0, 3)]
    burnt = fire(grow_city(CityParams(200, "suburb", 2)), FireParams(16, hours=4, moisture=5), 3)
    drowned = flood(grow_city(CityParams(200, "suburb", 6)), FloodParams(1.0), 1)
    rows += [np.concatenate(_looks(event), 1) for event in (burnt, drowned)]
    caption = Image.new("RGB", (3 * WIDE, 26), "white")
    for i, words in enumerate(LOOKS):
        ImageDraw.Draw(caption).text((i * WIDE + 8, 4), words, "black", ImageFont.load_default(16))
    rows.insert(2, np.array(caption))
    picture = Image.fromarray(np.concatenate(rows))
    picture.save(DOCS / "materials.jpg", quality=80, optimize=True)


def page() -> str:
    """Return the page of materials."""
    blends = [
        f"| {name} | {', '.join(BLENDS[name].members)} | {BLENDS[name].soaks:g} |"
        for name in MATTER
    ]
    members = [f"| {name} | {m.kind} | {m.source} |" for name, m in END_MEMBERS.items()]
    parts = [
        "# Materials",
        INTRODUCTION,
        "## What each matter is made of",
        SOAKS,
        "\n".join(["| matter | end members | soaks |", "|---|---|---|", *blends]),
        "## Where each end member comes from",
        KINDS,
        "\n".join(["| end member | kind | source |", "|---|---|---|", *members]),
        _sources(),
        AFTER,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _sources() -> str:
    """Return the sources as the module of end members lists them."""
    text = (endmembers.__doc__ or "").split("Sources:")[1]
    found: list[str] = []
    for line in text.strip().splitlines():
        if line.startswith("        "):
            found[-1] += f" {line.strip()}"
        else:
            found.append(line.strip())
    return "\n".join(f"- {line}" for line in found)


if __name__ == "__main__":
    draw()
    (DOCS / "materials.md").write_text(page())
