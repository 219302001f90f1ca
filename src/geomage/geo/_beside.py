"""Files that lie beside an image: what they would change, and the one kind that is read.

GDAL is kept from all of them: through an `.aux.xml` or an `.ovr` it opens whatever file they name.
A world file is six numbers, read here: it tells whether images without CRS lie on each other.
"""

from __future__ import annotations

import math
from pathlib import Path

from affine import Affine

from geomage.errors import InputError

_LONGEST = 4096  # bytes of a world file


def refuse_mask_beside(file: Path) -> None:
    """Raise InputError when a mask lies beside the image: left out, it would show what it hides."""
    mask = file.with_name(file.name + ".msk")
    if mask.exists():
        raise InputError(
            f"{mask} beside the image is not read; bring it into the image (gdal_translate "
            f"--config GDAL_TIFF_INTERNAL_MASK YES {file.name} with_mask.tif), or remove it"
        )


def unread_place(file: Path) -> str:
    """A hint at the side file that may hold the CRS of an image; empty when there is none."""
    side = file.with_name(file.name + ".aux.xml")
    if not side.exists():
        return ""
    return f"; what {side.name} states is not read: bring it in (gdal_translate {file.name} x.tif)"


def world_file(file: Path) -> Path | None:
    """The world file beside an image: `.pgw`, `.pngw` or `.wld` for a `.png`."""
    ending = file.suffix[1:].lower()
    short = f".{ending[:1]}{ending[-1:]}w"
    found = (file.with_suffix(suffix) for suffix in (short, f".{ending}w", ".wld", short.upper()))
    return next((path for path in found if ending and path.is_file()), None)


def read_world(path: Path) -> Affine | None:
    """The place a world file states; None when it holds no six numbers that make one."""
    try:
        with path.open("rb") as stream:
            words = stream.read(_LONGEST).decode("ascii").split()
        a, d, b, e, x, y = (float(word) for word in words[:6])
    except (OSError, ValueError):  # ValueError: also fewer than six, or no text
        return None
    affine = Affine(a, b, x - (a + b) / 2, d, e, y - (d + e) / 2)  # from the centre of a pixel
    return affine if affine.determinant and all(map(math.isfinite, affine[:6])) else None
