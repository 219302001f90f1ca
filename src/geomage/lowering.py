"""From an fp32 model to one that may run in lower precision: made, measured, and only then kept."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from geomage.errors import InputError, ModelError
from geomage.evaluation import How, measure_gate
from geomage.learn import quantise_model, require_training
from geomage.model import BACKENDS, Gate, gate_name, load_model
from geomage.model.backends import find_precision

__all__ = ["lower_model"]


def lower_model(
    model: Path | str,
    data: tuple[Path, ...],
    out: Path,
    how: How,
    *,
    gsd: float | None = None,
    jobs: int | None = None,
) -> Gate:
    """Write a model that runs as `how` says, with what it costs on real pairs in its card.

    Args:
        model: an fp32 model file, or "default".
        data: folders of real labelled pairs.
        out: model file to write.
        how: backend and the lower precision.
        gsd: metres a pixel, for images without CRS.
        jobs: processes.

    Raises:
        InputError: no such backend or precision, or fp32, which needs no gate.
        ModelError: the loss is half a point of building F1 or more; nothing is written.
        MissingExtraError: the backend, or the extra [train], is not installed.
    """
    if how.precision is None or find_precision(how.backend, how.precision) == "fp32":
        raise InputError(f"--precision {how.precision} is no lower precision: choose int8 or bf16")
    BACKENDS[how.backend].require()
    require_training()
    from geomage.model.quantise import keep_gates  # noqa: PLC0415 -- the extra

    with TemporaryDirectory(prefix="geomage-") as place:
        draft = load_model(model, 1, accept_loss=True).path
        if how.precision == "int8":
            draft = quantise_model(model, Path(place) / "draft.onnx")
        gate = measure_gate((model, draft), data, how, gsd=gsd, jobs=jobs)
        name = gate_name(how.backend, how.precision)
        if not gate.passed:
            raise ModelError(
                f"{name} costs {100 * gate.loss:.2f} points of building F1 ({gate.f1:.4f} against "
                f"{gate.f1_fp32:.4f} over {gate.pairs} pairs): nothing is written; use fp32"
            )
        keep_gates(draft, out, {name: gate})
    return gate
