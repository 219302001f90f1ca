"""Is an image within what a model has learnt? A detector without torch: ONNX, and JSON beside it.

A detector gives each cell of an image a score, higher where it is more foreign to the images that
it was fitted to: its training domain. Its card keeps the scores of images of that domain that were
held out, so that a score becomes the share of the domain that is less foreign.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from jaxtyping import Bool, Float, Float32, UInt8

from geomage.errors import InputError, ModelError, near_names
from geomage.model.run_onnxruntime import open_session

__all__ = [
    "UNSEEN",
    "Calibration",
    "Detector",
    "DetectorCard",
    "detector_of",
    "load_detector",
    "shipped_detectors",
    "write_detector",
]

UNSEEN = -1.0
"""Score, and share, of a cell of which too little is seen."""
_DIGITS = 4  # of a score
_RANKS = 1001  # quantiles a calibration keeps
_FORMAT = "geomage-plausibility-1"
_LARGEST = 16 * 2**20  # bytes of either file
_INPUTS, _OUTPUT = {"counts": "tensor(uint8)", "valid": "tensor(uint8)"}, "score"
_SHIPPED = Path(__file__).parent / "weights"
_PREFIX = "plausibility-"


@dataclass(frozen=True)
class Calibration:
    """How the scores of a training domain spread, measured on what was held out of it."""

    scores: tuple[float, ...]
    """Quantiles of the scores at even shares from 0 to 1, ascending."""
    cells: int
    """How many scores they were taken of."""

    def __post_init__(self) -> None:
        scores = np.asarray(self.scores, np.float64)
        if scores.size < 2 or not np.isfinite(scores).all() or (np.diff(scores) < 0).any():
            raise InputError("calibration: scores must be finite, ascending, two or more")

    @classmethod
    def measure(cls, scores: Float[np.ndarray, " cell"]) -> Calibration:
        """Take the quantiles of some scores.

        Raises:
            InputError: there are fewer than two, or one is not finite.
        """
        if scores.size < 2 or not np.isfinite(scores).all():
            raise InputError(f"calibration: {scores.size} scores, two finite ones are needed")
        shares = np.linspace(0, 1, _RANKS)
        quantiles = np.quantile(scores.astype(np.float64), shares)
        return cls(tuple(float(q) for q in np.round(quantiles, 6)), int(scores.size))

    def threshold(self, quantile: float = 0.99) -> float:
        """Score that this share of the training domain stays under.

        Raises:
            InputError: the quantile is outside 0..1.
        """
        if not 0 <= quantile <= 1:
            raise InputError(f"quantile {quantile:g} is outside 0..1")
        return float(np.interp(quantile, np.linspace(0, 1, len(self.scores)), self.scores))

    def share(self, scores: Float[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
        """Share of the training domain that is less foreign, 0..1."""
        known = np.asarray(self.scores)
        below = np.interp(scores, known, np.linspace(0, 1, known.size))
        return np.asarray(np.where(scores >= known[-1], 1.0, below), np.float32)


@dataclass(frozen=True)
class DetectorCard:
    """What a detector is."""

    name: str
    scorer: str
    """How it scores, in words."""
    domain: str
    """What it was fitted to, in words."""
    gsd_min: float
    """Finest GSD it looks at, metres; finer images are averaged."""
    gsd_max: float
    """Coarsest, metres."""
    gsd: float
    """What square pixels outside the range are brought to, metres."""
    calibration: Calibration
    model: str = ""
    """SHA-256 of the model whose training domain it knows; empty where it is of none."""
    cell_px: int = 64
    """Side of a cell, pixels."""
    halo_px: int = 64
    """How far beyond a cell its score looks, pixels; whole cells."""
    quantile: float = 0.99
    """Share of the training domain that a score is compared with."""
    margin: float = 1.0
    """How many times the score of that quantile is called too foreign."""
    seed: int = 0
    geomage_version: str = ""

    def __post_init__(self) -> None:
        _refuse(self)

    @property
    def limit(self) -> float:
        """Score from which a cell is too foreign."""
        return self.margin * self.calibration.threshold(self.quantile)


def _refuse(card: DetectorCard) -> None:
    """Raise ModelError at the first value that is wrong."""
    ranges = {
        "gsd_min": (0.01, 1000), "gsd_max": (0.01, 1000), "gsd": (0.01, 1000),
        "cell_px": (8, 1024), "halo_px": (0, 1024), "quantile": (0, 1), "margin": (0.01, 1000),
        "seed": (0, 2**64 - 1),
    }  # fmt: skip
    for name, (least, most) in ranges.items():
        value = getattr(card, name)
        if not (math.isfinite(value) and least <= value <= most):
            raise ModelError(f"detector: {name} = {value} is outside {least:g}..{most:g}")
    if card.halo_px % card.cell_px:
        raise ModelError(f"detector: halo_px = {card.halo_px} is no multiple of {card.cell_px}")
    if not card.gsd_min <= card.gsd <= card.gsd_max:
        raise ModelError(
            f"detector: gsd = {card.gsd:g} is outside {card.gsd_min:g}..{card.gsd_max:g}"
        )


class Detector:
    """A loaded detector. Made by `load_detector`."""

    def __init__(self, path: Path, card: DetectorCard, session: ort.InferenceSession) -> None:
        self.path = path
        self.card = card
        self._session = session

    @property
    def sha256(self) -> str:
        """Of its JSON file, which holds that of the graph."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def score(
        self, counts: UInt8[np.ndarray, "3 y x"], valid: Bool[np.ndarray, "y x"]
    ) -> Float32[np.ndarray, "rows cols"]:
        """Score the cells of a window; what lies beyond it is not seen.

        Args:
            counts: of `geomage.geo.Stretch`, y and x multiples of `card.cell_px`.
            valid: where they hold data.

        Returns:
            A score a cell, `UNSEEN` where too little of it and its surroundings is seen.

        Raises:
            ModelError: sides are no multiples of the cell.
        """
        cell = self.card.cell_px
        if any(side % cell or not side for side in valid.shape):
            raise ModelError(f"sides {valid.shape} must be positive multiples of {cell} px")
        fed = {"counts": counts[None], "valid": valid.astype(np.uint8)[None, None]}
        said = self._session.run([_OUTPUT], fed)[0]
        wanted = (1, 1, valid.shape[0] // cell, valid.shape[1] // cell)
        if said.shape != wanted:
            raise ModelError(f"{self.path}: scores are {said.shape}, not {wanted}")
        # Sums of windows of other sizes differ by some 1e-7.
        return np.asarray(np.round(said[0, 0], _DIGITS), np.float32)


def shipped_detectors() -> dict[str, Path]:
    """Name -> JSON file of each detector of the package."""
    found = sorted(_SHIPPED.glob(f"{_PREFIX}*.json"))
    return {path.stem.removeprefix(_PREFIX): path for path in found}


def detector_of(model: Path) -> str | None:
    """Name of the shipped detector that knows the training domain of a model; None without one.

    Raises:
        ModelError: a shipped detector is damaged.
    """
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    for name, path in shipped_detectors().items():
        if _read_card(path, _read_table(path)).model == digest:
            return name
    return None


def load_detector(path_or_name: Path | str) -> Detector:
    """Open a detector: the name of a shipped one, or its JSON file, with the ONNX file beside it.

    Raises:
        ModelError: there is none, a file is damaged, or the two do not belong together.
    """
    shipped = shipped_detectors()
    path = shipped.get(str(path_or_name), Path(path_or_name))
    if not path.is_file():
        raise ModelError(
            f"no detector {str(path_or_name)!r}{near_names(str(path_or_name), shipped)}: give the "
            f"JSON file of one, or {', '.join(shipped) or 'none is shipped'}"
        )
    table = _read_table(path)
    card, content = _read_card(path, table), _read_graph(path.with_suffix(".onnx"))
    if hashlib.sha256(content).hexdigest() != table.get("onnx_sha256"):
        raise ModelError(f"{path.with_suffix('.onnx')} is not the file that {path.name} describes")
    return Detector(path, card, _open(path.with_suffix(".onnx"), content))


def write_detector(path: Path, card: DetectorCard, content: bytes) -> Path:
    """Write a detector: `path`, a JSON file, and the ONNX file beside it.

    Args:
        path: the JSON file; its name ends in .json.
        card: what it is.
        content: the graph, uint8 counts (1, 3, y, x) and valid (1, 1, y, x) -> score.
    """
    table = {"format": _FORMAT, **asdict(card)}
    table["onnx_sha256"] = hashlib.sha256(content).hexdigest()
    text = json.dumps(table, indent=1, sort_keys=True, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    for target, data in ((path.with_suffix(".onnx"), content), (path, text.encode())):
        part = target.with_name(f".{target.name}.part")
        part.write_bytes(data)
        part.replace(target)
    return path


def _read_graph(path: Path) -> bytes:
    if not path.is_file():
        raise ModelError(f"{path}: the graph of the detector is missing; it lies beside its JSON")
    if path.stat().st_size > _LARGEST:
        raise ModelError(f"{path} is too large for a detector")
    return path.read_bytes()


def _read_table(path: Path) -> dict[str, Any]:
    """The JSON object of a detector."""
    if path.stat().st_size > _LARGEST:
        raise ModelError(f"{path} is too large for a detector")
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not the JSON of a detector: {str(error)[:200]}") from error
    if not isinstance(table, dict) or table.get("format") != _FORMAT:
        raise ModelError(f"{path}: not a detector of geomage ({_FORMAT})")
    return table


def _read_card(path: Path, table: Mapping[str, Any]) -> DetectorCard:
    """The card of that object; values of a wrong kind are a ModelError."""
    known = {f.name: f.type for f in fields(DetectorCard)}
    kinds: dict[str, Any] = {"str": str, "float": float, "int": int}
    try:
        said = {k: table[k] for k in known if k in table}
        told = said.pop("calibration")
        plain = {k: _plain(k, v, kinds[str(known[k])]) for k, v in said.items()}
        scores = tuple(_plain("calibration", q, float) for q in told["scores"])
        cells = _plain("calibration", told["cells"], int)
        return DetectorCard(calibration=Calibration(scores, cells), **plain)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except (InputError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: its card is damaged ({str(error)[:200]})") from error


def _plain(name: str, value: object, kind: type) -> Any:
    """A JSON value of the kind that a field has; whole numbers pass for floats."""
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ModelError(f"detector: {name} is no {kind.__name__}")
    return value


def _open(path: Path, content: bytes) -> ort.InferenceSession:
    """One thread, so that sums are added up in one order."""
    try:
        session = open_session(content, 1)
    except Exception as error:  # ONNX Runtime's have no common base
        raise ModelError(f"{path}: cannot be opened as ONNX: {str(error)[:200]}") from error
    inputs = {one.name: one.type for one in session.get_inputs()}
    outputs = [one.name for one in session.get_outputs()]
    if inputs != _INPUTS or outputs != [_OUTPUT]:
        raise ModelError(f"{path}: takes {inputs} and gives {outputs}, not what a detector does")
    return session
