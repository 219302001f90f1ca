"""Record what openquake.engine says of shaking, for our tests to compare with.

    pip install openquake.engine && python -m benchmarks.oracle_openquake

Writes `tests/data/oracles/openquake.json`: intensity and its deviation (AllenEtAl2012Rhypo), the
correlation of residuals (JB2009CorrelationModel) and the site term (BooreEtAl2014, PGV) on grids
of their inputs. openquake (AGPL) is run here as an oracle, in an environment of its own; nothing
of it is in geomage. Needs nothing of geomage.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from openquake.hazardlib.correlation import jbcorrelation
from openquake.hazardlib.gsim import boore_2014
from openquake.hazardlib.gsim.allen_2012_ipe import AllenEtAl2012Rhypo
from openquake.hazardlib.imt import MMI, PGA, PGV, SA

OUT = Path(__file__).resolve().parents[1] / "tests/data/oracles/openquake.json"
MAGNITUDES = [4.0, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0]
HYPOCENTRAL_KM = [5.0, 10.0, 20.0, 40.0, 49.9, 50.1, 80.0, 150.0, 300.0]
LAGS_KM = [0.0, 0.1, 0.5, 1.0, 3.0, 8.5, 20.0, 60.0]
PERIODS_S = [0.0, 0.2, 0.5, 1.0, 3.0]
VS30 = [180.0, 250.0, 360.0, 490.0, 760.0, 900.0]
PGA_G = [0.01, 0.1, 0.3, 0.8]


def intensities() -> dict[str, Any]:
    m, r = (v.ravel() for v in np.meshgrid(MAGNITUDES, HYPOCENTRAL_KM, indexing="ij"))
    at = np.rec.fromarrays([m, r], names="mag,rhypo")
    mean, sigma, tau, phi = (np.zeros((1, len(m))) for _ in range(4))
    AllenEtAl2012Rhypo().compute(at, [MMI()], mean, sigma, tau, phi)
    shape = (len(MAGNITUDES), len(HYPOCENTRAL_KM))
    return {"mean": mean.reshape(shape).tolist(), "sigma": sigma.reshape(shape)[0].tolist()}


def correlations() -> list[dict[str, Any]]:
    return [
        {
            "period_s": period,
            "clustered": clustered,
            "rho": jbcorrelation(
                np.array([LAGS_KM]), SA(period) if period else PGA(), clustered
            ).ravel().tolist(),
        }
        for period in PERIODS_S
        for clustered in (False, True)
    ]  # fmt: skip


def site_terms() -> list[list[float]]:
    c = boore_2014.BooreEtAl2014.COEFFS[PGV()]
    v, pga = (a.ravel() for a in np.meshgrid(VS30, PGA_G, indexing="ij"))
    total = boore_2014._get_linear_site_term(c, v) + boore_2014._get_nonlinear_site_term(c, v, pga)  # noqa: SLF001
    return np.asarray(total).reshape(len(VS30), len(PGA_G)).tolist()


def main() -> None:
    facts = {
        "openquake.engine": version("openquake.engine"),
        "magnitude": MAGNITUDES,
        "hypocentral_km": HYPOCENTRAL_KM,
        "intensity": intensities(),
        "lag_km": LAGS_KM,
        "correlation": correlations(),
        "vs30": VS30,
        "pga_g": PGA_G,
        "ln_site_pgv": site_terms(),
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
