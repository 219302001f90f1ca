"""ONNX Runtime on the CPU: the default, and the one that opens every file first."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from geomage.model.backends import Runner
from geomage.model.card import INPUTS, OUTPUTS

__all__ = ["open_runner", "open_session", "run_session"]


def open_session(content: bytes, threads: int) -> ort.InferenceSession:
    """Build a session from bytes, so that no weight can come from another file."""
    options = ort.SessionOptions()
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_mem_pattern = False  # it plans a second arena beside that of the first run
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run_session(session: ort.InferenceSession) -> Runner:
    """Run an open session."""

    def run(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        images = (ort.OrtValue.ortvalue_from_numpy(one) for one in (before, after))
        seen = dict(zip(INPUTS, images, strict=True))
        said = session.run_with_ort_values(list(OUTPUTS), seen)
        return (_array(said[0]), _array(said[1]), _array(said[2]))

    return run


class _Held:
    """The memory of an answer, which lives as long as an array over it does."""

    def __init__(self, value: ort.OrtValue) -> None:
        self._value = value
        self.__array_interface__ = {
            "version": 3,
            "shape": tuple(value.shape()),
            "typestr": np.dtype("float32").str,
            "data": (value.data_ptr(), False),
        }


def _array(value: ort.OrtValue) -> np.ndarray:
    """A float32 answer as an array, without a copy."""
    return np.asarray(_Held(value))


def open_runner(content: bytes, threads: int, precision: str) -> Runner:
    """Make a model ready; its file decides the precision."""
    assert precision in {"fp32", "int8"}
    return run_session(open_session(content, threads))
