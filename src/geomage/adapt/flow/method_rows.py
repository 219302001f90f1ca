"""The flows among the methods: what needs torch is imported when one learns."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from geomage.adapt.flow.params import FlowParams, LatentFlowParams
from geomage.adapt.flow.translator import FlowNumbers, build_flow
from geomage.adapt.method import Fitting, Method, Parts

__all__ = ["FLOWS"]


def _fit_flow(params: FlowParams, fitting: Fitting) -> Parts:
    from geomage.adapt.flow.fit import fit_flow  # noqa: PLC0415 -- needs the extra

    return fit_flow(params, fitting)


def _fit_latent_flow(params: LatentFlowParams, fitting: Fitting) -> Parts:
    from geomage.adapt.flow.fit import fit_latent_flow  # noqa: PLC0415 -- needs the extra

    return fit_latent_flow(params, fitting)


FLOWS: Mapping[str, Method] = MappingProxyType(
    {
        "flow": Method(
            FlowParams,
            _fit_flow,
            build_flow,
            lambda p, paired: p.pairs.by_cover(paired=paired),
            FlowNumbers,
        ),
        "latent-flow": Method(
            LatentFlowParams,
            _fit_latent_flow,
            build_flow,
            lambda p, paired: p.latent.least_iou > 0 or p.flow.pairs.by_cover(paired=paired),
            FlowNumbers,
        ),
    }
)
"""Rows of `geomage.adapt.METHODS`."""
