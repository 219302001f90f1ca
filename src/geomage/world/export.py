"""A city as one file for other software; the suffix of the file says which kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from geomage.errors import InputError, OutputError
from geomage.world.city import City
from geomage.world.cityjson import cityjson_bytes
from geomage.world.gltf import glb_bytes

__all__ = ["EXPORTS", "export_city", "writer_for"]

Writer = Callable[[City], bytes]
EXPORTS: Mapping[str, Writer] = MappingProxyType({".glb": glb_bytes, ".city.json": cityjson_bytes})


def writer_for(file: Path) -> Writer:
    """Return what makes the bytes of a file of this name.

    Raises:
        InputError: a suffix that none of `EXPORTS` has.
    """
    for suffix, writer in EXPORTS.items():
        if file.name.lower().endswith(suffix) and len(file.name) > len(suffix):
            return writer
    raise InputError(
        f"{file} names no kind of file that a city can be exported to: "
        f"end its name in {' or '.join(EXPORTS)}"
    )


def export_city(city: City, file: Path) -> Path:
    """Write a city to one file, whole or not at all.

    Raises:
        InputError: an unknown suffix.
        OutputError: it cannot be written there.
    """
    data = writer_for(file)(city)
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_bytes(data)
        return part.replace(file)
    except OSError as error:
        raise OutputError(f"cannot write {file}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
