"""The operators of ONNX (opset 18) that our networks export to, in torch.

Each takes the attributes of its node, then its inputs; an absent optional input is None. Source:
the ONNX operator specification. What an attribute asks beyond what we export is refused, never
guessed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.errors import ModelError

__all__ = ["OPERATORS"]

Options = Mapping[str, Any]
Operator = Callable[..., Tensor | tuple[Tensor, ...]]
_TYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool, 11: torch.float64}


def _only(options: Options, name: str, *served: Any) -> None:
    """Refuse an attribute whose value is none of those we serve; absent ones are."""
    value = options.get(name, served[0])
    if value not in served:
        raise ModelError(f"the backend torch does not serve {name} = {value!r}")


def _pads(pads: list[int]) -> list[int]:
    """(top, left, bottom, right) as ONNX has them, in torch's order: last axis first."""
    half = len(pads) // 2
    return [n for k in reversed(range(half)) for n in (pads[k], pads[k + half])]


def _conv(options: Options, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    _only(options, "auto_pad", b"NOTSET")
    top, left, bottom, right = options.get("pads", [0, 0, 0, 0])
    if (top, left) != (bottom, right):
        x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
    return F.conv2d(
        x,
        weight,
        bias,
        options.get("strides", [1, 1]),
        (top, left),
        options.get("dilations", [1, 1]),
        options.get("group", 1),
    )


def _resize(
    options: Options,
    x: Tensor,
    _roi: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
) -> Tensor:
    """Bilinear between pixel centres, or the nearest pixel."""
    y, x_side = x.shape[2:]
    if scales is not None and scales.numel():
        factors = scales.tolist()
        y, x_side = (math.floor(n * f) for n, f in zip((y, x_side), factors[2:], strict=True))
    elif sizes is not None:
        y, x_side = (int(n) for n in sizes[2:])
    if options.get("mode", b"nearest") == b"nearest":
        _only(options, "coordinate_transformation_mode", b"asymmetric")
        _only(options, "nearest_mode", b"floor")
        return F.interpolate(x, (y, x_side), mode="nearest")
    _only(options, "mode", b"linear")
    _only(options, "coordinate_transformation_mode", b"half_pixel", b"pytorch_half_pixel")
    return F.interpolate(x, (y, x_side), mode="bilinear", align_corners=False)


def _depth_to_space(options: Options, x: Tensor) -> Tensor:
    _only(options, "mode", b"CRD")
    return F.pixel_shuffle(x, options["blocksize"])


def _slice(
    _options: Options,
    x: Tensor,
    starts: Tensor,
    ends: Tensor,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    places = range(len(starts)) if axes is None else axes.tolist()
    strides = [1] * len(starts) if steps is None else steps.tolist()
    cut = [slice(None)] * x.ndim
    for place, start, end, step in zip(
        places, starts.tolist(), ends.tolist(), strides, strict=True
    ):
        cut[place] = slice(start, end, step)
    return x[tuple(cut)]


def _split(options: Options, x: Tensor, sizes: Tensor | None = None) -> tuple[Tensor, ...]:
    """Parts of given sizes, or as many equal ones as asked for; the last may be smaller."""
    axis = options.get("axis", 0)
    if sizes is None:
        return torch.split(x, -(-x.shape[axis] // options["num_outputs"]), axis)
    return torch.split(x, sizes.tolist(), axis)


def _axes(options: Options, x: Tensor, axes: Tensor | None) -> list[int]:
    if axes is not None:
        return [int(k) for k in axes]
    return list(options.get("axes", range(x.ndim)))


def _reduced(how: Callable[..., Tensor]) -> Operator:
    """A reduction over axes, given as an attribute or as an input."""

    def reduce(options: Options, x: Tensor, axes: Tensor | None = None) -> Tensor:
        return how(x, _axes(options, x, axes), keepdim=bool(options.get("keepdims", 1)))

    return reduce


def _pool(options: Options, x: Tensor) -> Tensor:
    _only(options, "ceil_mode", 0)
    _only(options, "pads", [0, 0, 0, 0])
    return F.avg_pool2d(x, options["kernel_shape"], options.get("strides", [1, 1]))


def _pad(
    options: Options, x: Tensor, pads: Tensor, value: Tensor | None = None, _axes: None = None
) -> Tensor:
    mode = options.get("mode", b"constant").decode()
    fill = 0.0 if value is None else float(value)
    if mode == "constant":
        return F.pad(x, _pads(pads.tolist()), value=fill)
    return F.pad(x, _pads(pads.tolist())[:4], mode={"edge": "replicate"}.get(mode, mode))


def _quotient(_options: Options, a: Tensor, b: Tensor) -> Tensor:
    """Division; of whole numbers the whole part, towards zero."""
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def _gather(options: Options, x: Tensor, indices: Tensor) -> Tensor:
    axis = options.get("axis", 0)
    taken = x.index_select(axis, indices.reshape(-1).to(x.device))
    return taken.reshape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def _reshape(_options: Options, x: Tensor, shape: Tensor) -> Tensor:
    return x.reshape([x.shape[k] if n == 0 else n for k, n in enumerate(shape.tolist())])


def _unsqueeze(options: Options, x: Tensor, axes: Tensor | None = None) -> Tensor:
    for axis in sorted(_axes(options, x, axes)):
        x = x.unsqueeze(axis)
    return x


def _plain(how: Callable[..., Tensor]) -> Operator:
    """An operator without attributes."""
    return lambda _options, *inputs: how(*inputs)


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "Abs": _plain(torch.abs),
        "Add": _plain(torch.add),
        "AveragePool": _pool,
        "Cast": lambda options, x: x.to(_TYPES[options["to"]]),
        "Concat": lambda options, *parts: torch.cat(parts, options["axis"]),
        "Constant": _plain(torch.clone),
        "Conv": _conv,
        "DepthToSpace": _depth_to_space,
        "DequantizeLinear": lambda _options, x, scale, mean: (x.float() - mean.float()) * scale,
        "Div": _quotient,
        "Exp": _plain(torch.exp),
        "Gather": _gather,
        "Identity": _plain(torch.clone),
        "Mul": _plain(torch.mul),
        "Pad": _pad,
        "ReduceMax": _reduced(torch.amax),
        "ReduceMean": _reduced(torch.mean),
        "ReduceSum": _reduced(torch.sum),
        "Relu": _plain(torch.relu),
        "Reshape": _reshape,
        "Resize": _resize,
        "Shape": lambda _options, x: torch.tensor(x.shape),
        "Sigmoid": _plain(torch.sigmoid),
        "Slice": _slice,
        "Softmax": lambda options, x: torch.softmax(x, options.get("axis", -1)),
        "Split": _split,
        "Sub": _plain(torch.sub),
        "Transpose": lambda options, x: x.permute(options["perm"]),
        "Unsqueeze": _unsqueeze,
    }
)
