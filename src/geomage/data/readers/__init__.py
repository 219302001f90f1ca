"""Readers of public datasets, each of the folder as its authors give it away, and of one's own.

Nothing is fetched. A reader is `name(folder, split, product) -> FileChips`; splits are train, val,
test and all, and what a dataset has beside. Names, events and splits are known without reading a
pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from geomage.data.readers.bright import bright
from geomage.data.readers.burnscars import burnscars
from geomage.data.readers.chips import chips
from geomage.data.readers.files import ChipFiles, FileChips
from geomage.data.readers.levir import levir
from geomage.data.readers.mados import mados
from geomage.data.readers.openearthmap import openearthmap
from geomage.data.readers.sen1floods11 import sen1floods11
from geomage.data.readers.spacenet import spacenet
from geomage.data.readers.xbd import xbd
from geomage.errors import InputError, near_names

__all__ = ["READERS", "ChipFiles", "FileChips", "Reader", "find_reader"]

Reader = Callable[[Path, str, str], FileChips]

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "bright": bright,
        "burnscars": burnscars,
        "chips": chips,
        "levir": levir,
        "mados": mados,
        "openearthmap": openearthmap,
        "sen1floods11": sen1floods11,
        "spacenet": spacenet,
        "xbd": xbd,
    }
)
"""Reader by name of its dataset; (folder, split, product), product empty for the usual one."""


def find_reader(name: str) -> Reader:
    """A reader by name.

    Raises:
        InputError: there is none; near names come first.
    """
    if name not in READERS:
        raise InputError(
            f"no reader {name!r}{near_names(name, READERS)}: there are {', '.join(READERS)}"
        )
    return READERS[name]
