"""The text of a GDAL virtual raster over tiles of our own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.geo.grid import overlap, window_box

_BLOCKS = 'blockXSize="512" blockYSize="512"'
_TYPES = {
    "uint8": "Byte",
    "uint16": "UInt16",
    "int16": "Int16",
    "int32": "Int32",
    "float32": "Float32",
}


@dataclass(frozen=True)
class Source:
    """A file, where its pixels lie in the mosaic, and the side of its blocks."""

    path: Path
    place: Window
    block: int


@dataclass(frozen=True)
class Dress:
    """What a raster of one band says of itself beside its values."""

    name: str
    """Of the band."""
    nodata: float | None = None
    colours: Mapping[int, tuple[int, ...]] | None = None
    """{value: (red, green, blue[, alpha])} of uint8 classes."""
    tags: Mapping[str, str] = field(default_factory=dict)
    mask: int | None = None
    """Number of the band that says where there is a value, not 0; None where `nodata` does."""
    shown_as: str = ""
    """Red, Green or Blue, where it is shown as such."""
    line: tuple[float, float] = (1.0, 0.0)
    """Scale and offset: what a stored value stands for."""


def mosaic_xml(
    sources: Iterable[Source],
    grid: GeoBox,
    part: Window,
    dtype: str,
    dresses: Mapping[int, Dress],
) -> str:
    """Bands of all sources in a part of a grid, by their numbers from 1.

    Tags and mask are those of the first. Where no source lies the value is that of no data, or 0
    where there is none.
    """
    sources, box = list(sources), window_box(grid, part)
    first = next(iter(dresses.values()))
    crs = "" if box.crs is None else f"<SRS>{escape(box.crs.to_wkt())}</SRS>"
    a = box.affine
    transform = ", ".join(repr(float(value)) for value in (a.c, a.a, a.b, a.f, a.d, a.e))
    bands = "".join(
        f'<VRTRasterBand dataType="{_TYPES[dtype]}" band="{place}" {_BLOCKS}>'
        f"{_looks(dress)}{_sources(sources, part, band, dtype)}</VRTRasterBand>"
        for place, (band, dress) in enumerate(dresses.items(), start=1)
    )
    return (
        f'<VRTDataset rasterXSize="{int(box.shape[1])}" rasterYSize="{int(box.shape[0])}">{crs}'
        f"<GeoTransform>{transform}</GeoTransform>{_tags(first.tags)}{bands}"
        f"{_mask(sources, part, dtype, first)}</VRTDataset>"
    )


def _tags(tags: Mapping[str, str]) -> str:
    items = (f"<MDI key={quoteattr(key)}>{escape(text)}</MDI>" for key, text in tags.items())
    return f"<Metadata>{''.join(items)}</Metadata>"


def _looks(dress: Dress) -> str:
    text = f"<Description>{escape(dress.name)}</Description>"
    if dress.nodata is not None:
        text += f"<NoDataValue>{float(dress.nodata)!r}</NoDataValue>"
    if dress.line != (1.0, 0.0):
        scale, offset = dress.line
        text += f"<Offset>{offset!r}</Offset><Scale>{scale!r}</Scale>"
    if dress.shown_as:
        text += f"<ColorInterp>{dress.shown_as}</ColorInterp>"
    if dress.colours is not None:
        rows = (_colour(dress.colours.get(value, (0, 0, 0, 0))) for value in range(256))
        text += "<ColorInterp>Palette</ColorInterp>"
        text += f"<ColorTable>{''.join(rows)}</ColorTable>"
    return text


def _colour(colour: tuple[int, ...]) -> str:
    red, green, blue, alpha = (*colour, 255)[:4]
    return f'<Entry c1="{red}" c2="{green}" c3="{blue}" c4="{alpha}"/>'


def _mask(sources: Iterable[Source], part: Window, dtype: str, dress: Dress) -> str:
    if dress.mask is None:
        return ""
    band = f'<VRTRasterBand dataType="Byte" {_BLOCKS}>'
    return (
        f"<MaskBand>{band}{_sources(sources, part, dress.mask, dtype)}</VRTRasterBand></MaskBand>"
    )


def _sources(sources: Iterable[Source], part: Window, band: int, dtype: str) -> str:
    return "".join(_source(source, part, band, dtype) for source in sources)


def _source(source: Source, part: Window, band: int, dtype: str) -> str:
    w = source.place
    here, there = overlap(w, part), overlap(part, w)
    size = f'xSize="{here.width}" ySize="{here.height}"'
    # Size, type and blocks are stated, so that no tile is opened before its pixels are wanted.
    return (
        f'<SimpleSource><SourceFilename relativeToVRT="0">{escape(str(source.path))}'
        f"</SourceFilename><SourceBand>{band}</SourceBand>"
        f'<SourceProperties RasterXSize="{w.width}" RasterYSize="{w.height}"'
        f' DataType={quoteattr(_TYPES[dtype])} BlockXSize="{source.block}"'
        f' BlockYSize="{source.block}"/>'
        f'<SrcRect xOff="{here.col_off}" yOff="{here.row_off}" {size}/>'
        f'<DstRect xOff="{there.col_off}" yOff="{there.row_off}" {size}/></SimpleSource>'
    )
