"""The picture: a struck city as a sensor sees it before and after, with exact truth."""

from __future__ import annotations

from geomage.render.canvas import Noise, stage_box, stage_noise
from geomage.render.engine import Picture, light_and_view, sky_view
from geomage.render.matter import Appearance, sample_appearance
from geomage.render.scene import (
    MARGIN_M,
    RenderParams,
    Scene,
    finer_than_detail,
    render_event,
    write_scene,
)
from geomage.render.spectra import widen
from geomage.render.stage import Stage, paint

__all__ = [
    "MARGIN_M",
    "Appearance",
    "Noise",
    "Picture",
    "RenderParams",
    "Scene",
    "Stage",
    "finer_than_detail",
    "light_and_view",
    "paint",
    "render_event",
    "sample_appearance",
    "sky_view",
    "stage_box",
    "stage_noise",
    "widen",
    "write_scene",
]
