"""Reflectance of matter from 400 to 2500 nm: end members, each a small table of knots.

`read` were read off a published measurement at the knots; `modelled` come from a published model of
canopies or water, run with the parameters named; `ours` were drawn by us with the features, and
about at the level, that the source reports for that kind of matter. Between knots reflectance is
linear. What no source fixes is the brightness of one roof or field: that comes from the painted
colour (see `spectra`).

Sources:
    JHU: Johns Hopkins samples of the ASTER and ECOSTRESS libraries (Baldridge et al. 2009,
        doi:10.1016/j.rse.2008.11.007; Meerdink et al. 2019, doi:10.1016/j.rse.2019.05.015).
    PROSAIL: PROSPECT-D (Féret et al. 2017, doi:10.1016/j.rse.2017.03.004) and 4SAIL (Verhoef et al.
        2007, doi:10.1109/TGRS.2007.895844) at sun zenith 35, view 8, azimuth between 90 degrees.
    Herold 2004: urban library of Santa Barbara (doi:10.1016/j.rse.2004.02.013) and its roads.
    LUMA: Kotthaus et al. 2014, impervious urban materials (doi:10.1016/j.isprsjprs.2014.05.005).
    FSEC: Parker et al. 2000, roofing materials (FSEC-CR-670-00).
    LBNL: Levinson, Berdahl, Akbari 2005, pigments (Solar Energy Materials 89, 351).
    USGS: spectral library 7 (Kokaly et al. 2017, doi:10.3133/ds1035).
    Char: Smith et al. 2010 (doi:10.1071/WF09057), Roy et al. 2010 (doi:10.1071/WF09133).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

__all__ = ["END_MEMBERS", "NM", "EndMember", "water_absorption", "water_reflectance"]

NM = np.arange(400.0, 2501.0)
"""Wavelengths (n,) on which spectra are integrated, nm."""


@dataclass(frozen=True)
class EndMember:
    """One pure matter.

    kind: read, modelled or ours; source: who measured it, or how it was made; knots: nm and
    reflectance.
    """

    kind: str
    source: str
    knots: tuple[tuple[float, float], ...]

    def at(self, nm: np.ndarray) -> np.ndarray:
        """Reflectance at wavelengths (n,), nm; held beyond the knots."""
        x, y = np.array(self.knots).T
        return np.asarray(np.interp(nm, x, y))


def water_absorption(nm: np.ndarray) -> np.ndarray:
    """Absorption of pure water (n,), 1/m.

    To 700 nm Pope and Fry 1997 (doi:10.1364/AO.36.008710), beyond Hale and Querry 1973
    (doi:10.1364/AO.12.000555), in the logarithm between knots.
    """
    x, y = np.array(_WATER).T
    return np.asarray(np.exp(np.interp(nm, x, np.log(y))))


def water_reflectance(
    nm: np.ndarray,
    matter: float,
    *,
    algae: float = 0.0,
    dissolved: float = 0.1,
    bottom: float = 0.0,
    depth: float = 99.0,
) -> np.ndarray:
    """Reflectance of water (n,): body of scattering matter, bottom, and a little sky.

    r = (0.089 + 0.125 u) u below the surface, u = b / (a + b), through it 0.52 r / (1 - 1.7 r),
    times pi (Lee et al. 2002, doi:10.1364/AO.41.005755).

        a = water + dissolved exp(-0.015 (nm - 443)) + algae
            + matter (0.041 exp(-0.0123 (nm - 443)) + 0.006)
        b = 0.0107 matter (nm / 555)^-0.6 + 0.002

    after Babin et al. 2003 (doi:10.1029/2001JC000882; doi:10.4319/lo.2003.48.2.0843): minerals
    scatter 0.51 m2/g, 2.1 % of it back. That they absorb beyond 700 nm, too, is of Röttgers et al.
    2014 (doi:10.4319/lo.2014.59.5.1449), who found 0.005 to 0.02 m2/g; without it muddy water is
    redder than any river.

    Args:
        nm: wavelengths.
        matter: suspended, g/m3.
        algae: chlorophyll, mg/m3; absorbs 0.04 m2/mg at 440 and 0.02 at 675 nm (ours, rounded).
        dissolved: absorption of dissolved matter at 443 nm, 1/m.
        bottom: reflectance of the bottom.
        depth: of the water, m.
    """
    a = water_absorption(nm) + dissolved * np.exp(-0.015 * (nm - 443))
    a += matter * (0.041 * np.exp(-0.0123 * (nm - 443)) + 0.006)
    a += algae * (0.04 * _bell(nm, 440, 40) + 0.02 * _bell(nm, 675, 12))
    b = 0.0107 * matter * (nm / 555) ** -0.6 + 0.002
    u = b / (a + b)
    deep = (0.089 + 0.125 * u) * u
    through = np.exp(-2.1 * (a + b) * depth)
    r = deep * (1 - through) + bottom / np.pi * through
    return np.asarray(np.minimum(np.pi * 0.52 * r / (1 - 1.7 * r), 0.9) + _SKY)


def _bell(nm: np.ndarray, centre: float, sigma: float) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * ((nm - centre) / sigma) ** 2))


_SKY = 0.007  # sky mirrored by the surface, left after correction of the atmosphere (ours)
_WATER = (
    (400, 0.0066), (425, 0.0048), (450, 0.0092), (475, 0.0114), (500, 0.0204), (525, 0.0417),
    (550, 0.0565), (575, 0.0772), (600, 0.2224), (625, 0.283), (650, 0.34), (675, 0.448),
    (700, 0.624), (725, 1.59), (750, 2.6), (775, 2.4), (800, 2.0), (825, 2.8), (850, 4.3),
    (875, 5.6), (900, 6.8), (925, 14.4), (950, 39), (975, 45), (1000, 36), (1040, 16), (1060, 12),
    (1100, 17), (1140, 66), (1180, 104), (1240, 88), (1300, 111), (1340, 183), (1380, 610),
    (1400, 1239), (1440, 2880), (1480, 2123), (1520, 1405), (1560, 967), (1600, 672), (1640, 498),
    (1700, 444), (1760, 714), (1800, 803), (1860, 1419), (1900, 6614), (1940, 11983), (2000, 6912),
    (2060, 3904), (2140, 2055), (2220, 1613), (2280, 1984), (2340, 3195), (2400, 5006),
    (2460, 7662), (2500, 9048),
)  # fmt: skip

_FULL = (
    400, 450, 475, 500, 525, 555, 600, 650, 675, 690, 705, 720, 740, 760, 800, 850, 900, 950, 1000,
    1100, 1200, 1300, 1400, 1450, 1500, 1600, 1650, 1700, 1800, 1900, 1950, 2000, 2100, 2200, 2300,
    2400, 2500,
)  # fmt: skip
_LIBRARY = (
    400, 450, 500, 555, 600, 650, 700, 720, 740, 760, 800, 850, 900, 950, 1000, 1100, 1200, 1300,
    1400, 1450, 1500, 1600, 1650, 1700, 1800, 1900, 1950, 2000, 2100, 2200, 2300, 2400, 2500,
)  # fmt: skip
_COARSE = (400, 450, 500, 555, 600, 650, 700, 800, 900, 1000, 1200, 1400, 1500, 1650, 1800, 1950,
           2100, 2200, 2300, 2400, 2500)  # fmt: skip


def _table(kind: str, source: str, nm: tuple[int, ...], thousandths: str) -> EndMember:
    values = [float(word) / 1000 for word in thousandths.split()]
    return EndMember(kind, source, tuple(zip(map(float, nm), values, strict=True)))


def _read(source: str, thousandths: str) -> EndMember:
    return _table("read", source, _LIBRARY, thousandths)


def _sail(parameters: str, thousandths: str) -> EndMember:
    return _table("modelled", f"PROSAIL: {parameters}", _FULL, thousandths)


def _ours(source: str, thousandths: str) -> EndMember:
    return _table("ours", source, _COARSE, thousandths)


def _water(said: str, matter: float, **more: float) -> EndMember:
    values = water_reflectance(NM[::10], matter, **more)
    knots = tuple(zip(NM[::10].tolist(), values.tolist(), strict=True))
    return EndMember("modelled", f"`water_reflectance`, {said}", knots)


END_MEMBERS: Mapping[str, EndMember] = MappingProxyType(
    {
        # what grows: N structure, chlorophyll (ug/cm2), brown pigment, water (cm), leaf area
        "grass": _sail(
            "N 1.9, Cab 28, Cbrown .03, Cw .012, LAI 2.6, erect; 7 % brown soil (ours)",
            "32 32 33 37 67 87 64 49 44 57 131 224 324 358 371 377 381 375"
            " 375 388 352 346 156 112 142 222 240 230 202 63 55 70 105 125 100 74 51",
        ),
        "leaf": _sail(
            "N 1.5, Cab 50, Cbrown 0, Cw .013, LAI 4.5, spherical; a fifth litter (ours)",
            "19 22 22 22 36 44 32 29 31 34 78 165 308 378 401 405 408 398"
            " 395 414 362 351 145 103 129 208 227 216 188 59 51 60 86 105 76 57 36",
        ),
        "yellow leaf": _sail(
            "N 1.9, Cab 4, Cbrown .8, Cw .005, LAI 3",
            "20 25 27 31 54 106 116 115 101 138 205 239 271 295 339 383 412 424 436 456 434 425 249"
            " 177 217 306 323 303 283 76 61 96 142 168 123 94 52",
        ),
        "dead leaf": _sail(
            "N 2, Cab 0, Cbrown 1.6, Cw .001, LAI 2.5",
            "25 41 45 49 57 72 91 119 134 148 162 177 198 219 265 318 356 379 401 426 425 415 358"
            " 293 306 341 351 320 324 213 181 216 188 198 144 142 101",
        ),
        "dry grass": _read(
            "JHU dry grass, halved: blades shade each other and the soil (ours)",
            "78 103 126 155 176 201 230 243 251 257 268 282 297 310 316 327 328 336 300 276 283 298"
            " 300 290 294 235 232 249 223 228 201 200 163",
        ),
        "twig": _ours(
            "bark and twigs over litter, between USGS chapter V bark and leafless stands",
            "50 58 66 78 90 103 118 142 162 180 215 215 225 250 245 195 200 195 175 165 140",
        ),
        "litter": _ours(
            "USGS chapter V litter, shaded",
            "28 35 43 54 66 80 96 130 165 195 240 235 235 260 255 195 195 200 170 165 130",
        ),
        "thatch": _ours(
            "weathered straw: JHU dry grass at .6, lignin bands kept, browner",
            "80 105 135 165 190 215 240 275 305 325 345 320 305 325 315 255 250 255 225 220 180",
        ),
        "wood": _ours(
            "USGS chapter A and V lumber, weathered",
            "95 130 165 205 250 290 325 385 420 450 470 370 330 390 350 235 240 240 205 190 150",
        ),
        # ground
        "pale soil": _read(
            "JHU light yellowish brown clay, at .7: its powder is brighter than fields (ours)",
            "101 162 202 270 309 322 342 351 356 358 361 354 346 348 354 360 372 393 361 382 408"
            " 428 430 430 424 258 304 346 361 349 317 288 224",
        ),
        "brown soil": _table(
            "read",
            "the dry soil that PROSAIL carries, at .8 (ours)",
            _FULL,
            "190 177 180 186 197 209 226 246 258 266 270 278 286 296 309 326 340 354 366 378 389"
            " 399 394 400 403 407 408 408 407 406 392 398 404 386 389 378 357",
        ),
        "loam": _read(
            "JHU black loam",
            "10 22 36 48 67 82 103 114 122 132 151 169 183 202 219 249 278 298 299 305 318 336 338"
            " 347 348 284 293 321 326 315 305 290 252",
        ),
        "red soil": _ours(
            "iron oxides: edge at 550 to 600, band at 870 nm (USGS chapter M hematite mixtures)",
            "45 55 68 105 185 235 265 300 295 330 385 385 405 425 425 350 400 370 385 360 310",
        ),
        "sand": _ours(
            "quartz and shell sand, dry: USGS chapter S, LUMA",
            "185 240 295 350 390 420 440 465 475 490 515 505 520 540 540 490 535 520 510 500 460",
        ),
        "mud": _ours(
            "fresh silt, moist: wet clay of Lobell and Asner 2002 (doi:10.2136/sssaj2002.7220)",
            "70 85 105 135 160 182 200 225 238 245 230 160 145 180 165 75 105 120 100 80 55",
        ),
        "gravel": _ours(
            "grey gravel: Herold 2004, LUMA",
            "190 215 240 265 285 300 308 318 322 328 338 335 338 345 343 322 340 335 325 318 300",
        ),
        "basalt": _ours(
            "crushed basalt and fresh lava: JHU basalt, USGS chapter R",
            "32 36 40 44 47 49 51 54 55 55 60 64 67 70 72 70 76 77 76 76 74",
        ),
        "dark ash": _ours(
            "volcanic ash, basaltic, dry: USGS chapter S, coarse",
            "75 85 95 107 117 125 130 138 138 142 158 160 168 175 176 165 178 177 174 170 160",
        ),
        "pale ash": _ours(
            "volcanic ash, rhyolitic pumice, dry",
            "185 210 232 255 272 285 295 310 318 325 340 318 330 350 345 265 325 312 305 295 260",
        ),
        # built
        "fresh asphalt": _read(
            "JHU construction asphalt",
            "41 54 62 73 81 88 95 97 99 102 106 110 114 117 121 127 135 140 146 149 149 151 151 151"
            " 152 156 156 154 155 152 140 141 136",
        ),
        "aged asphalt": _ours(
            "Herold 2004: ten years and more, minerals laid bare, hydrocarbon bands gone",
            "105 122 140 157 168 177 184 196 203 209 224 232 238 246 249 246 252 251 243 238 225",
        ),
        "concrete": _read(
            "JHU construction concrete",
            "251 263 296 334 352 360 366 368 369 369 368 364 359 355 350 345 343 340 334 330 333"
            " 334 333 332 327 297 289 301 312 307 296 290 265",
        ),
        "weathered concrete": _ours(
            "Herold 2004, LUMA: concrete roads and slabs, lichen and dirt, rising to 1650 nm",
            "150 185 210 238 255 268 275 285 292 298 314 312 320 330 325 305 325 318 305 296 268",
        ),
        "plaster": _ours(
            "pale plaster and mortar: LUMA cement and lime",
            "330 390 430 465 485 500 512 530 538 542 545 510 515 520 495 395 450 440 415 395 340",
        ),
        "clay tile": _ours(
            "red tile: Herold 2004, LUMA; iron edge at 550 to 600, dip at 870 nm",
            "65 75 88 125 215 275 305 335 338 365 420 430 445 465 462 435 470 455 455 440 405",
        ),
        "concrete tile": _ours(
            "grey and brown concrete tile: FSEC, LUMA",
            "110 122 136 155 178 196 206 214 216 219 226 226 231 237 236 221 235 231 226 220 206",
        ),
        "shingle": _ours(
            "asphalt shingle with mineral granules: FSEC, Herold 2004",
            "92 100 110 122 132 139 146 160 170 180 198 206 212 221 224 219 228 223 206 206 195",
        ),
        "bitumen": _ours(
            "bitumen sheet and tar, dull: LUMA",
            "42 45 48 51 54 56 59 63 66 70 77 81 85 90 91 92 95 94 82 86 84",
        ),
        "white sheet": _ours(
            "white PVC or TPO membrane, a few years old: FSEC, LUMA; hydrocarbon bands",
            "430 640 700 715 720 722 722 715 700 695 620 560 575 545 470 430 410 365 275 260 220",
        ),
        "grey sheet": _ours(
            "grey membrane, dirty: FSEC, LUMA",
            "235 290 310 325 333 338 340 345 345 345 330 315 320 315 290 270 270 255 215 205 185",
        ),
        "bare metal": _ours(
            "galvanised and aluminium sheet, dull, diffuse part: LUMA, Herold 2004",
            "330 365 390 405 412 412 410 395 400 440 480 488 492 496 498 496 498 496 490 485 475",
        ),
        "rust": _ours(
            "rusted steel: USGS chapter M goethite, LUMA",
            "35 42 52 80 130 170 195 215 210 245 330 380 400 425 430 400 430 420 415 400 370",
        ),
        "white paint": _ours(
            "rutile in polymer: LBNL, FSEC; dark below 410 nm",
            "300 690 740 755 760 760 760 750 735 720 670 640 640 600 565 555 530 500 430 420 380",
        ),
        "red paint": _ours(
            "iron oxide red in polymer: LBNL",
            "40 44 48 70 200 300 335 370 365 420 480 480 485 480 465 450 445 430 370 370 340",
        ),
        "blue paint": _ours(
            "phthalocyanine and cobalt blues on white base: LBNL; red to 720 nm dark, NIR bright",
            "200 350 330 190 100 85 120 370 450 470 440 440 450 430 405 395 380 360 310 305 280",
        ),
        "green paint": _ours(
            "chrome and phthalocyanine greens: LBNL",
            "70 90 160 195 130 95 110 330 370 390 400 390 395 380 360 350 340 325 285 280 260",
        ),
        "black paint": _ours(
            "carbon black in polymer: LBNL",
            "43 43 43 43 43 43 43 44 44 45 46 46 46 46 46 46 47 47 45 46 46",
        ),
        "blue tarp": _ours(
            "blue polyethylene sheet: phthalocyanine; hydrocarbon bands at 1210, 1730, 2310 nm",
            "270 440 390 210 85 60 90 420 500 510 440 420 430 390 330 320 300 280 170 180 170",
        ),
        "glass": _ours(
            "panes over a dim room, sky mirrored: LUMA",
            "350 365 378 385 388 385 378 355 330 320 335 355 360 360 350 335 330 310 285 285 280",
        ),
        # burnt
        "char": _ours(
            "Smith et al. 2010, Roy et al. 2010, USGS burn areas: black, rising to the SWIR",
            "33 35 37 40 42 45 48 57 67 78 100 112 122 137 145 138 155 162 162 158 150",
        ),
        "white ash": _ours(
            "Roy et al. 2010, USGS burn areas: mineral ash, bright and grey",
            "180 205 222 238 250 258 264 278 290 300 322 330 338 352 355 335 358 355 325 330 315",
        ),
        # water: suspended matter in g/m3
        "clear water": _water("0.5 g/m3, dissolved .06/m", 0.5, dissolved=0.06),
        "green water": _water("4 g/m3, chlorophyll 15 mg/m3", 4.0, algae=15.0, dissolved=0.4),
        "silty water": _water("60 g/m3, dissolved .5/m", 60.0, dissolved=0.5),
        "muddy water": _water("800 g/m3, dissolved .5/m", 800.0, dissolved=0.5),
        "pool": _water("1.5 m over a pale bottom", 0.2, dissolved=0.02, bottom=0.6, depth=1.5),
        "foam": _ours(
            "Whitlock et al. 1982 (doi:10.1029/GL009i006p00719): dark where water absorbs",
            "560 560 555 550 540 530 515 480 440 400 310 90 110 180 150 35 80 95 70 45 30",
        ),
    }
)
