"""What can be measured on a crop of an image without knowing what it shows.

Every figure is of counts (band, y, x) uint8 after `stretch_counts`, as a model sees them.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

LUMA = np.array([0.299, 0.587, 0.114])
OCTAVES = ((2, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 90), (90, 128))
"""Bands of radial frequency, cycles over a crop of 256 px; 128 is Nyquist."""
HUES = 8


def measure_looks(counts: np.ndarray) -> dict[str, float]:
    """All figures of one crop, by name; the first word says what kind they are."""
    image = counts.astype(np.float64)
    luma = np.tensordot(LUMA, image, 1)
    return _spectrum(image, luma) | _colour(image, luma) | _gradients(luma) | _texture(luma)


def radial_power(layer: np.ndarray) -> np.ndarray:
    """Mean power (n,) at each whole radial frequency 0..n, with a Hann window; (y, x) square."""
    n = layer.shape[0]
    window = np.hanning(n)
    power = np.abs(np.fft.fft2((layer - layer.mean()) * window[:, None] * window)) ** 2
    f = np.fft.fftfreq(n) * n
    ring = np.rint(np.hypot(f[:, None], f)).astype(int).ravel()
    total = np.bincount(ring, power.ravel())
    return np.asarray((total / np.bincount(ring))[: n // 2 + 1])


def _spectrum(image: np.ndarray, luma: np.ndarray) -> dict[str, float]:
    """Slope of log power, power by octave against the whole, and of colour against luma."""
    power = radial_power(luma)
    scale = luma.shape[0] / 256
    bands = [slice(int(a * scale), int(b * scale)) for a, b in OCTAVES]
    level = np.array([np.log10(power[b].mean() + 1e-3) for b in bands])
    middle = np.log10([np.sqrt(a * b) for a, b in OCTAVES])
    found = {"spectrum slope": float(np.polyfit(middle[1:5], level[1:5], 1)[0])}
    names = [f"{a}-{b}" for a, b in OCTAVES]
    found |= {f"spectrum {n}": float(v - level.mean()) for n, v in zip(names, level, strict=True)}
    tints = [radial_power(image[0] - image[1]), radial_power(image[2] - image[1])]
    tinted = np.array([np.log10(np.mean([t[b].mean() for t in tints]) + 1e-3) for b in bands])
    coarse = tinted[:3].mean() - level[:3].mean()
    found["spectrum colour, coarse"] = float(coarse)
    for k in (3, 4, 5, 6):
        found[f"spectrum colour {names[k]}"] = float(tinted[k] - level[k] - coarse)
    return found


def _colour(image: np.ndarray, luma: np.ndarray) -> dict[str, float]:
    flat = image.reshape(3, -1)
    found = {}
    for name, band in zip(("red", "green", "blue"), flat, strict=True):
        found[f"colour {name}, mean"] = float(band.mean())
        found[f"colour {name}, spread"] = float(band.std())
    for q in (5, 25, 50, 75, 95):
        found[f"colour luma, {q} %"] = float(np.percentile(luma, q))
    top, low = flat.max(0), flat.min(0)
    chroma = top - low
    saturation = chroma / np.maximum(top, 1)
    found["colour saturation, mean"] = float(saturation.mean())
    found["colour saturation, 95 %"] = float(np.percentile(saturation, 95))
    found["colour saturation, spread"] = float(saturation.std())
    found["colour strong (share)"] = float((chroma > 60).mean())
    histogram = hue_histogram(flat)
    found |= {f"colour hue {k * 360 // HUES}": float(h) for k, h in enumerate(histogram)}
    found["colour hue, entropy"] = _entropy(histogram)
    r, g, b = flat
    found["colour red-green correlation"] = float(np.corrcoef(r, g)[0, 1])
    found["colour green-blue correlation"] = float(np.corrcoef(g, b)[0, 1])
    found["colour green (share)"] = float(((g > r + 4) & (g > b + 4)).mean())
    found["colour brown (share)"] = float(((r > g + 6) & (g > b)).mean())
    found["colour dark minus bright tint"] = _tint_by_tone(flat, luma.ravel())
    return found


def hue_histogram(flat: np.ndarray) -> np.ndarray:
    """Shares (8,) of hues of (3, n) counts, weighted by chroma."""
    r, g, b = flat
    angle = np.arctan2(np.sqrt(3) * (g - b), 2 * r - g - b) % (2 * np.pi)
    chroma = flat.max(0) - flat.min(0)
    k = np.minimum((angle / (2 * np.pi) * HUES).astype(int), HUES - 1)
    total = np.bincount(k, chroma, HUES)
    return np.asarray(total / max(total.sum(), 1e-9))


def _tint_by_tone(flat: np.ndarray, luma: np.ndarray) -> float:
    """Blue minus red of the darkest fifth against that of the brightest."""
    low, high = np.percentile(luma, (20, 80))
    tint = flat[2] - flat[0]
    return float(tint[luma <= low].mean() - tint[luma >= high].mean())


def _gradients(luma: np.ndarray) -> dict[str, float]:
    gy, gx = np.gradient(luma)
    size = np.hypot(gx, gy)
    spread = max(luma.std(), 1e-6)
    found = {
        "gradient mean": float(size.mean() / spread),
        "gradient median over mean": float(np.median(size) / max(size.mean(), 1e-6)),
        "gradient 99 % over mean": float(np.percentile(size, 99) / max(size.mean(), 1e-6)),
        "gradient kurtosis": float(np.log(_kurtosis(gx) + _kurtosis(gy))),
        "gradient laplacian kurtosis": float(np.log(_kurtosis(ndimage.laplace(luma)))),
    }
    edges = np.histogram(size / spread, [0, 0.03, 0.08, 0.2, 0.5, 1.0, 9.0])[0] / size.size
    found |= {f"gradient bin {k}": float(e) for k, e in enumerate(edges)}
    turned = np.histogram(np.arctan2(gy, gx) % np.pi, 36, (0, np.pi), weights=size)[0]
    turned = turned / max(turned.sum(), 1e-9)
    found["gradient orientation entropy"] = _entropy(turned)
    square = turned[:18] + turned[18:]
    found["gradient grid of streets"] = float(square.max() / square.mean())
    return found


def _texture(luma: np.ndarray) -> dict[str, float]:
    found: dict[str, float] = {}
    spread = max(luma.std(), 1e-6)
    for size in (3, 9):
        mean = ndimage.uniform_filter(luma, size)
        local = np.sqrt(np.maximum(ndimage.uniform_filter(luma**2, size) - mean**2, 0))
        low, mid, high = np.percentile(local / spread, (10, 50, 90))
        found[f"texture {size} px, 10 %"] = float(low)
        found[f"texture {size} px, median"] = float(mid)
        found[f"texture {size} px, 90 %"] = float(high)
        order = np.argsort(mean.ravel())
        fifth = len(order) // 5
        found[f"texture {size} px, dark over bright"] = float(
            np.log(
                (local.ravel()[order[:fifth]].mean() + 0.5)
                / (local.ravel()[order[-fifth:]].mean() + 0.5)
            )
        )
    normal = (luma - luma.mean()) / spread
    found["texture skewness"] = float((normal**3).mean())
    found["texture kurtosis"] = _kurtosis(luma)
    for lag in (1, 2, 4, 8, 16, 32):
        right = (normal[:, lag:] * normal[:, :-lag]).mean()
        down = (normal[lag:] * normal[:-lag]).mean()
        found[f"texture correlation at {lag} px"] = float((right + down) / 2)
    return found | _wavelets(luma)


def _wavelets(luma: np.ndarray) -> dict[str, float]:
    """Kurtosis of Haar details by level, and how far one level's details say where the next lie."""
    found: dict[str, float] = {}
    finer: np.ndarray | None = None
    layer = luma
    for level in (1, 2, 3):
        a, b = layer[::2, ::2], layer[::2, 1::2]
        c, d = layer[1::2, ::2], layer[1::2, 1::2]
        details = (a + b - c - d, a - b + c - d, a - b - c + d)
        found[f"wavelet {level}, kurtosis"] = float(
            np.log(np.mean([_kurtosis(x) for x in details]))
        )
        size = np.sqrt(sum(x**2 for x in details))
        if finer is not None:
            pooled = finer.reshape(size.shape[0], 2, size.shape[1], 2).mean((1, 3))
            pair = np.log(pooled + 0.5).ravel(), np.log(size + 0.5).ravel()
            found[f"wavelet {level - 1} to {level}"] = float(np.corrcoef(*pair)[0, 1])
        finer, layer = size, (a + b + c + d) / 4
    return found


def _kurtosis(x: np.ndarray) -> float:
    x = x - x.mean()
    return float(max((x**4).mean(), 1e-12) / max((x**2).mean() ** 2, 1e-12))


def _entropy(shares: np.ndarray) -> float:
    p = shares[shares > 0]
    return float(-(p * np.log(p)).sum() / np.log(len(shares)))
