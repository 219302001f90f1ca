"""What any better translator must beat, under the same contract and given the same.

`BASELINES[name]` holds parameters, how it learns and how it works. What needs torch is
imported when it learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from geomage.adapt.baselines.colour import ColourParams, build_colour, fit_colour
from geomage.adapt.baselines.cut import CutParams, fit_cut
from geomage.adapt.baselines.cyclegan import CycleParams, fit_cycle
from geomage.adapt.baselines.fourier import FourierParams, build_fourier, fit_fourier
from geomage.adapt.baselines.generated import build_generated
from geomage.adapt.baselines.histogram import HistogramParams, build_histogram, fit_histogram
from geomage.adapt.baselines.identity import IdentityParams, build_identity, fit_identity
from geomage.adapt.baselines.sdedit import SdeditParams, build_sdedit, fit_sdedit
from geomage.adapt.baselines.spectrum import SpectrumParams, build_spectrum, fit_spectrum
from geomage.adapt.method import Method

__all__ = [
    "BASELINES",
    "ColourParams",
    "CutParams",
    "CycleParams",
    "FourierParams",
    "HistogramParams",
    "IdentityParams",
    "SdeditParams",
    "SpectrumParams",
]

BASELINES: Mapping[str, Method] = MappingProxyType(
    {
        "identity": Method(IdentityParams, fit_identity, build_identity),
        "histogram": Method(HistogramParams, fit_histogram, build_histogram),
        "colour": Method(ColourParams, fit_colour, build_colour),
        "fourier": Method(FourierParams, fit_fourier, build_fourier),
        "spectrum": Method(SpectrumParams, fit_spectrum, build_spectrum),
        "cut": Method(CutParams, fit_cut, build_generated),
        "cyclegan": Method(CycleParams, fit_cycle, build_generated),
        "sdedit": Method(SdeditParams, fit_sdedit, build_sdedit),
    }
)
"""Parameters, how it learns and how it works, by name."""
