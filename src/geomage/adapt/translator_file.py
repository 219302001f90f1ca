"""The file form of a translator: `translator.json`, and beside it `translator.NAME.onnx`.

The JSON file holds the card, numbers and tables with all their digits, and the sha256 of each
network: its own sha256 is that of all that a translation hangs on. Networks are written first and
the JSON file last, each under a hidden name and moved, so that a translator is whole or is refused.
Nothing in it can be run but ONNX graphs that take no weights from elsewhere. What a person
changed in it is held to the limits of a recipe: numbers that no run writes are refused.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from geomage.adapt import methods
from geomage.adapt.method import Parts
from geomage.data.limits import refuse_text
from geomage.data.tables import build
from geomage.data.translation import OpenedTranslator, Translator, TranslatorCard
from geomage.errors import GeomageError, InputError, ModelError, OutputError, near_names
from geomage.geo import true_path
from geomage.geo.space import why_unwritten

__all__ = [
    "TRANSLATOR",
    "open_translator",
    "open_translator_file",
    "read_parts",
    "refuse_translator",
    "translator_path",
    "write_parts",
]

TRANSLATOR = "translator.json"
_FORMAT = "geomage-translator"
_VERSION = 1
_LARGEST_JSON = 32 * 2**20  # bytes
_LARGEST_NETWORK = 512 * 2**20  # bytes
_MOST_NETWORKS = 16
_MOST_VALUES = 10**6  # of all tables together
_DTYPES = ("float64", "float32", "int64", "int32", "uint8", "bool")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_KEYS = ("format", "version", "card", "numbers", "tables", "networks")


# ------------------------------------------------------------------------------ writing


def write_parts(folder: Path, parts: Parts) -> Path:
    """Write a translator into a folder that exists; return its JSON file.

    Raises:
        InputError: parts that no file can hold: names, types, sizes, numbers that are not finite.
        OutputError: it cannot be written.
    """
    for name, content in parts.networks.items():
        _refuse_name(name)
        _refuse_size(name, len(content))
    facts = {
        "format": _FORMAT,
        "version": _VERSION,
        "card": asdict(parts.card),
        "numbers": dict(parts.numbers),
        "tables": {name: _table_facts(name, one) for name, one in parts.tables.items()},
        "networks": {name: _network_facts(one) for name, one in parts.networks.items()},
    }
    try:
        text = json.dumps(facts, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"translator {parts.card.name}: cannot be kept as JSON: {error}"
        ) from error
    for name, content in parts.networks.items():
        _put(_network_path(folder, name), content)
    _put(folder / TRANSLATOR, text.encode())
    return folder / TRANSLATOR


def _table_facts(name: str, table: np.ndarray) -> dict[str, Any]:
    _refuse_name(name)
    if table.dtype.name not in _DTYPES:
        raise InputError(f"table {name!r} is of {table.dtype}: give one of {', '.join(_DTYPES)}")
    values = table.ravel().tolist()  # a float32 is a float64, so that no digit is lost
    return {"dtype": table.dtype.name, "shape": list(table.shape), "values": values}


def _network_facts(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _network_path(folder: Path, name: str) -> Path:
    return folder / f"translator.{name}.onnx"


def _put(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {why_unwritten(error, path.parent)}") from error


# ------------------------------------------------------------------------------ opening


def open_translator(path: Path | str) -> Translator:
    """Open the translator of a run folder, or of a `translator.json`; needs no torch.

    Raises:
        ModelError: there is none, it is damaged, or geomage knows no such method or version.
    """
    return open_translator_file(path).translator


def open_translator_file(path: Path | str) -> OpenedTranslator:
    """The same, with the sha256 of all that its answers hang on.

    Raises:
        ModelError: see `open_translator`.
    """
    file = translator_path(path)
    parts, found = read_parts(file)
    method = methods.METHODS[parts.card.method]
    with _blamed(file, f"its parts make no {parts.card.method} translator"):
        build(method.kept, dict(parts.numbers), "numbers")
        return OpenedTranslator(method.build(parts), found)


def translator_path(path: Path | str) -> Path:
    """The JSON file of a run folder, or the file itself.

    Raises:
        ModelError: there is none.
    """
    given = Path(path)
    file = given / TRANSLATOR if given.is_dir() else given
    if not file.is_file():
        unfinished = given.is_dir() and (given / "recipe.json").exists()
        more = ", its run is not finished: run geomage adapt again" if unfinished else ""
        if not given.exists():
            raise ModelError(f"{path} is not there; give a run folder of geomage adapt")
        raise ModelError(
            f"{path}: no translator there ({TRANSLATOR}){more or '; give a run of geomage adapt'}"
        )
    return file


def refuse_translator(out: Path, file: Path) -> None:
    """Raise OutputError where an output would replace a part of the translator that makes it."""
    written, read = true_path(out), true_path(file)
    part = written.parent == read.parent and fnmatch(written.name, _network_path(read, "*").name)
    if written == read or part:
        raise OutputError(f"the output {out} is a part of the translator; choose another output")


def read_parts(file: Path) -> tuple[Parts, str]:
    """Read a JSON file and its networks; return the parts and the sha256 of the file.

    Raises:
        ModelError: it is no translator, is damaged or incomplete, or of an unknown method.
    """
    content = _content(file, _LARGEST_JSON)
    facts = _facts(file, content)
    with _blamed(file, "is damaged"):
        card = _card(facts["card"])
        _refuse_method(card.method)
        tables = _tables(_dict(facts, "tables"))
        networks = _networks(file.parent, _dict(facts, "networks"))
        parts = Parts(card, tables, networks, _dict(facts, "numbers"))
    return parts, hashlib.sha256(content).hexdigest()


def _content(file: Path, most: int) -> bytes:
    try:
        if file.stat().st_size > most:
            raise ModelError(f"{file}: {file.stat().st_size} bytes are no part of a translator")
        return file.read_bytes()
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror}") from error


def _facts(file: Path, content: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file}: no translator, or one that was cut off: no JSON") from error
    if not isinstance(facts, dict) or facts.get("format") != _FORMAT:
        raise ModelError(f"{file}: JSON, but no translator; give a run of geomage adapt")
    if facts.get("version") != _VERSION:
        raise ModelError(
            f"{file}: of version {facts.get('version')!r}, this geomage reads {_VERSION}: make it "
            "again with geomage adapt"
        )
    if sorted(facts) != sorted(_KEYS):
        raise ModelError(f"{file}: is damaged: it must hold {', '.join(_KEYS)}")
    return facts


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _dict(facts: Mapping[str, Any], key: str) -> dict[str, Any]:
    if not isinstance(facts[key], dict):
        raise ModelError(f"{key} is no table")
    return dict(facts[key])


def _card(table: Any) -> TranslatorCard:
    if not isinstance(table, dict):
        raise ModelError("card is no table")
    card: TranslatorCard = build(TranslatorCard, table, "card")
    refuse_text("card: name", card.name)
    for channel in (*card.channels, *card.made):
        refuse_text("card: a band's name", channel.name)
    least, most = card.gsd_m
    if not (0 < least <= most < math.inf):
        raise ModelError(f"card: gsd_m = {least:g} to {most:g} m is no range")
    if not (0 <= card.halo_px <= 4096 and 1 <= card.stride_px <= 4096):
        raise ModelError(f"card: halo {card.halo_px} px, stride {card.stride_px} px cannot be")
    if not card.channels or not card.made:
        raise ModelError("card: takes or makes no band")
    return card


def _refuse_method(method: str) -> None:
    known = methods.METHODS
    if method not in known:
        raise ModelError(
            f"no method {method!r}{near_names(method, known)}: this geomage knows "
            f"{', '.join(known)}"
        )


def _tables(facts: Mapping[str, Any]) -> dict[str, np.ndarray]:
    tables = {name: _table(name, one) for name, one in facts.items()}
    if sum(table.size for table in tables.values()) > _MOST_VALUES:
        raise ModelError(f"tables hold more than {_MOST_VALUES:,} values")
    return tables


def _table(name: str, facts: Any) -> np.ndarray:
    _refuse_name(name)
    dtype, shape, values = facts["dtype"], facts["shape"], facts["values"]
    if dtype not in _DTYPES:
        raise ModelError(f"table {name!r} is of {dtype!r}, none of {', '.join(_DTYPES)}")
    if not all(type(side) is int and side >= 0 for side in shape):
        raise ModelError(f"table {name!r}: shape {shape} cannot be")
    if not isinstance(values, list) or math.prod(shape) != len(values):
        raise ModelError(f"table {name!r}: its values do not fill {shape}")
    if not all(isinstance(value, int | float) for value in values):
        raise ModelError(f"table {name!r} holds what is no number")
    array = np.array(values, dtype).reshape(shape)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ModelError(f"table {name!r} holds a number that is not finite")
    return array


def _networks(folder: Path, facts: Mapping[str, Any]) -> dict[str, bytes]:
    if len(facts) > _MOST_NETWORKS:
        raise ModelError(f"{len(facts)} networks, more than {_MOST_NETWORKS}")
    networks = {}
    for name, said in facts.items():
        _refuse_name(name)
        path = _network_path(folder, name)
        content = _content(path, _LARGEST_NETWORK)
        if hashlib.sha256(content).hexdigest() != said["sha256"]:
            raise ModelError(
                f"{path.name} is not the network it was written with: fetch both again"
            )
        networks[name] = content
    return networks


def _refuse_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ModelError(f"{name[:60]!r} is no name of a part: letters a to z, digits and _")


def _refuse_size(name: str, size: int) -> None:
    if not 0 < size <= _LARGEST_NETWORK:
        raise ModelError(f"network {name!r}: {size} bytes, 1 to {_LARGEST_NETWORK} are kept")


@contextmanager
def _blamed(file: Path, what: str) -> Iterator[None]:
    """Turn what wrong parts raise, in libraries too, into a ModelError of one line."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{file}: {error}") from error
    except Exception as error:
        if isinstance(error, GeomageError) and not isinstance(error, InputError):
            raise  # an extra that is not installed
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ModelError(f"{file}: {what}: {reason}") from error
