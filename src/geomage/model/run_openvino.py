"""OpenVINO on the CPU: compiled from bytes, one stream, as many threads as it is told.

bf16 is native where the CPU has avx512_bf16 or AMX; elsewhere OpenVINO refuses it and so do we.
"""

from __future__ import annotations

import threading

import numpy as np
import openvino

from geomage.errors import ModelError
from geomage.model.backends import Runner
from geomage.model.card import INPUTS, OUTPUTS

__all__ = ["open_runner"]

_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}  # what is not int8 in the file


def open_runner(content: bytes, threads: int, precision: str) -> Runner:
    """Compile a model for the CPU.

    Raises:
        ModelError: this CPU has no bf16.
        RuntimeError: OpenVINO cannot compile the model.
    """
    core = openvino.Core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise ModelError("this CPU computes no bf16 (it has neither avx512_bf16 nor AMX): use fp32")
    settings = {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
    }
    request = core.compile_model(core.read_model(content), "CPU", settings).create_infer_request()
    alone = threading.Lock()  # a request holds one answer

    def run(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with alone:
            request.infer(dict(zip(INPUTS, (before, after), strict=True)), share_inputs=True)
            said = [np.array(request.get_tensor(name).data) for name in OUTPUTS]
        return (said[0], said[1], said[2])

    return run
