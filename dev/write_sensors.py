"""Write docs/sensors.md from the table of sensors: bands, sharpness, noise, sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geomage.sensor import SENSORS, Optics, SensorModel
from geomage.sensor.radar import RADARS, RadarModel

PAGE = Path(__file__).resolve().parents[1] / "docs" / "sensors.md"
HEAD = """# Sensors

Written by `make docs` from `src/geomage/sensor/table.py`; do not edit by hand.
`geomage render --sensor NAME` pictures a town with any of them.

**How a picture is taken.** Each band is blurred to its own MTF at its own GSD, sampled there, given
noise, and brought to the product's grid: repeated where its GSD is a multiple, as grids of
Sentinel-2 nest, else interpolated. Where a panchromatic band sharpens the colours, these are taken
as coarse as they are, and lent its detail by Brovey's ratio: colours bleed over edges, as they do
in delivered images. A law of the tests measures MTF and SNR of every band against this page's.

**What the counts are.** *Picture*: 8 bits through white point, tint, gamma, sharpening and JPEG,
drawn per date, with what haze providers leave; bands share .8 to 1 of their noise, as sharpening by
a panchromatic band leaves it. *Top of atmosphere*: reflectance times a constant, with air in it:
molecules, aerosol, gases. *Surface*: the same with the air taken out as if aerosol and vapour were
known to a tenth.

**Limits.** Spectral responses are centres and widths, not curves. One MTF serves all directions;
off nadir a sensor samples no coarser than at nadir. Noise has no stripes. Satellites' counts are
proportional to reflectance, not to radiance. View and hour (last two columns) are kept where
`geomage render` pictures a town with a satellite of linear counts, and by pairs of landscapes;
8-bit pictures, and the pairs of `geomage dataset`, take sun and view from one range for all
sensors (a sun of 28 to 75 degrees, views of 0 to 30), whatever the season. Air is one thin
layer: under a sun below 20 degrees haze comes out too bright. Clouds stand at one height. A town
holds nothing finer than about 0.25 m but grain, which some sensors sample finer: the command says
so, and where a view is asked for that a sensor does not take.

**In the files.** Bands lie in the order of the tables below, with their names; red, green and blue
are marked as such, so that viewers show true colours. Where counts are proportional to reflectance,
the scale of the file (`raster:scale` in `item.json`) times a count is one; readers such as rasterio
give counts and leave the scale to you.
"""
LEVELS = {
    "picture": "picture",
    "toa": "top of atmosphere",
    "surface": "surface",
}


def page() -> str:
    """Return docs/sensors.md as it should stand."""
    optical = (_part(model) for model in SENSORS.values())
    radars = (_radar_part(model) for model in RADARS.values())
    return "\n".join([HEAD, *_summary(), *optical, *radars])


def _summary() -> Iterator[str]:
    yield "| name | product | GSD (m) | bands | counts | off nadir (°) | solar time (h) |"
    yield "|---|---|---|---|---|---|---|"
    for m in SENSORS.values():
        counts = f"{LEVELS[m.level]}, {m.bits} bits"
        if m.level != "picture":
            counts += f", {m.scale:g} per unit"
        yield (
            f"| `{m.name}` | {m.title} | {m.gsd:g} | {len(m.bands)} | {counts} "
            f"| 0 to {m.off_nadir:g} | {m.hours[0]:g} to {m.hours[1]:g} |"
        )
    yield ""


def _part(model: SensorModel) -> str:
    """Return the section of one sensor."""
    lines = [
        f"## {model.name}\n",
        f"{model.source}\n",
        "| band | centre (nm) | width (nm) | GSD (m) | MTF at Nyquist | SNR | at reflectance |",
        "|---|---|---|---|---|---|---|",
    ]
    for band, optics in zip(model.bands, model.optics, strict=True):
        lines.append(f"| {band.name} | {band.centre_nm:g} | {band.width_nm:g} | {_row(optics)} |")
    if model.sharpening is not None:
        pan = model.sharpening
        shares = ", ".join(
            f"{share:g} {name}"
            for name, share in zip(model.names, pan.weights, strict=True)
            if share
        )
        lines.append(f"| panchromatic: {shares} | | | {_row(pan.optics)} |")
    return "\n".join(lines) + "\n"


RADAR = """ESA, Sentinel-1 User Handbook and Product Definition: IW GRD, high resolution.
`geomage render EVENT --sensor {name}` writes `before.tif` and `after.tif` with {bands} in dB
(sigma naught, float32) on {gsd:g} m over the whole town, `shadow_after.tif`, `water_before.tif`,
`water_after.tif` and `built.tif` (shares of a pixel, 0 to 1), `water_depth.tif` (m, the mean of a
pixel) and `buildings.gpkg`. The town is cells of 2 m; layover, radar shadow, double bounce at
walls, smooth and wind-roughened water and correlated speckle are in it; Earth's curvature is not.
The pass is ascending at 38° and the wind 2 m/s; the seed draws the speckle. A town must be 160 m
wide at least. Constants of plants and houses are ours: `render/backscatter.py`.

| carrier (GHz) | resolution, range x azimuth (m) | looks | noise, sigma naught (dB) | incidence |
|---|---|---|---|---|
| {ghz:g} | {res} | {enl:g} | {nesz:g} | {inc}° |
"""


def _radar_part(model: RadarModel) -> str:
    """Return the section of one radar."""
    said = RADAR.format(
        name=model.name, bands=" and ".join(model.polarisations), gsd=model.gsd, ghz=model.ghz,
        res=" x ".join(f"{r:g}" for r in model.resolution), enl=model.enl, nesz=model.nesz_db,
        inc=" to ".join(f"{a:g}" for a in model.incidence),
    )  # fmt: skip
    return f"## {model.name}\n\n{said}"


def _row(optics: Optics) -> str:
    return f"{optics.gsd:g} | {optics.mtf:.2f} | {optics.snr:g} | {optics.at:.3g}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
