"""The picture: a struck city as a sensor sees it before and after, with exact truth."""

from __future__ import annotations

from geomage.render.canvas import Noise, stage_box, stage_noise
from geomage.render.engine import FARTHEST, Picture, light_and_view, normals, sky_view, visible
from geomage.render.matter import Appearance, sample_appearance
from geomage.render.scene import (
    MARGIN_M,
    RenderParams,
    Scene,
    beyond_its_views,
    finer_than_detail,
    render_event,
    render_to,
    write_scene,
)
from geomage.render.spectra import widen
from geomage.render.stage import Stage, paint

__all__ = [
    "FARTHEST",
    "MARGIN_M",
    "Appearance",
    "Noise",
    "Picture",
    "RenderParams",
    "Scene",
    "Stage",
    "beyond_its_views",
    "finer_than_detail",
    "light_and_view",
    "normals",
    "paint",
    "render_event",
    "render_to",
    "sample_appearance",
    "sky_view",
    "stage_box",
    "stage_noise",
    "visible",
    "widen",
    "write_scene",
]
