"""PANGAEA's protocol: a frozen encoder, a decoder learnt on it, one test for all.

Marsocci et al. 2024 (arXiv 2412.04204) and its public settings: UPerNet on a frozen encoder, AdamW
at 1e-4 with weight decay 0.05, ten times slower from 60 % and again from 90 % of the steps, 80
epochs, batch 8, random crops, cross-entropy, the weights of best validation mIoU, a test by sliding
windows whose logits are averaged.

What differs is told in every result: pixels are as `Chip` has them, not standardised by dataset;
the encoder stays as it was (there, norms of a frozen network go on moving); the last layer is a
pixel shuffle, without dropout; pixels without data are not judged; xView2 is not oversampled;
fractions of labels are exact. Precision and recall are not swapped.

`evaluate_pangaea` needs the extra [train].
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from geomage.learn import require_training
from geomage.learn.protocol.params import PangaeaParams
from geomage.learn.protocol.parts import Parts, load_parts

__all__ = ["PangaeaParams", "Parts", "evaluate_pangaea", "load_parts"]


def evaluate_pangaea(
    model: str,
    data: Path,
    params: PangaeaParams,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Learn a decoder on a frozen encoder and test it; return a JSON-able record.

    Args:
        model: name of an encoder (untrained, drawn from the seed), a run folder, or a file of
            weights (safetensors).
        data: folder of the dataset.
        params: which dataset, and how.
        say: is told what a person should know.
    """
    require_training()
    from geomage.learn.protocol.pangaea import run_pangaea  # noqa: PLC0415 -- the extra

    return run_pangaea(model, data, params, say)
