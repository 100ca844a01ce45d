"""Reference values of ml/drift/: alarms of river's ADWIN and PageHinkley, and population stability as numpy counts it. The series are made of a
linear congruential generator that TypeScript has too, and of shipped returns. Writes detectors.json."""
import sys

import numpy as np
from river.drift import ADWIN, PageHinkley

from reference import HERE, closes, simple_returns, write

sys.path.insert(0, str(HERE.parent.parent / "ml" / "train"))
import drift_reference  # noqa: E402

COUNT = 4_000


def uniforms(seed, count):
    """Numerical Recipes' generator: exact in doubles."""
    state, values = seed, []
    for _ in range(count):
        state = (1_664_525 * state + 1_013_904_223) % 2**32
        values.append(state / 2**32)
    return values


def series(kind, seed):
    noise = uniforms(seed, COUNT)
    if kind == "uniform":
        return noise
    if kind == "jump":
        return [value + (0.3 if index >= COUNT // 2 else 0) for index, value in enumerate(noise)]
    if kind == "fall":
        return [value - (0.2 if index >= 1_000 else 0) + (0.2 if index >= 3_000 else 0) for index, value in enumerate(noise)]
    if kind == "trend":
        return [value + index / COUNT for index, value in enumerate(noise)]
    if kind == "binary":
        return [1.0 if value < (0.1 if index < 1_500 else 0.25) else 0.0 for index, value in enumerate(noise)]
    if kind == "constant":
        return [0.5] * COUNT
    _, columns = closes()
    return [abs(value) * 10 for value in simple_returns(columns["SP500"])[:COUNT]]


KINDS = ["uniform", "jump", "fall", "trend", "binary", "constant", "returns"]
ADWINS = [{"delta": 0.002}, {"delta": 0.05}, {"delta": 1e-5}, {"delta": 0.3}]
HINKLEYS = [{"threshold": 50.0, "delta": 0.005}, {"threshold": 5.0, "delta": 0.02}, {"threshold": 2.0, "delta": 0.1}]


def alarms(detector, values):
    found = []
    for index, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            found.append(index)
    return found


def adwin(kind, seed, parameters):
    detector = ADWIN(**parameters)
    found = alarms(detector, series(kind, seed))
    return {"kind": kind, "seed": seed, **parameters, "alarms": found, "width": detector.width, "total": detector.total,
            "variance": detector.variance}


def hinkley(kind, seed, parameters):
    return {"kind": kind, "seed": seed, **parameters, "alarms": alarms(PageHinkley(**parameters, min_instances=30), series(kind, seed))}


def psi(seed, count, shift):
    """Bins by deciles of a reference; half a row is added to each bin, or an empty one would be infinite."""
    reference = np.array(uniforms(seed, 2_000))
    edges = np.quantile(reference, np.arange(1, 10) / 10)
    actual = np.array(uniforms(seed + 1, count)) + shift
    count_bins = lambda values: np.bincount(np.searchsorted(edges, values, side="left"), minlength=10)
    expected = np.full(10, 0.1)
    counts = count_bins(actual)
    shares = (counts + 0.5) / (counts.sum() + 5)
    return {"seed": seed, "count": count, "shift": shift, "counts": counts.tolist(),
            "psi": float(np.sum((shares - expected) * np.log(shares / expected)))}


def reference(kind, seed):
    """What training says of a column whose value of each day is spread over two rows around it."""
    values = np.array(series(kind, seed))
    days = np.repeat(np.arange(len(values)), 2) * drift_reference.DAY_MICROS + np.tile([0, 1000], len(values))
    rows = np.repeat(values, 2) + np.tile([0.25, -0.25], len(values))
    described = drift_reference.describe(days, {kind: rows})
    return {"seed": seed, **described["columns"][0]}


write("detectors", ["river", "numpy"], {
    "adwin": [adwin(kind, 7 + at, parameters) for at, kind in enumerate(KINDS) for parameters in ADWINS],
    "pageHinkley": [hinkley(kind, 7 + at, parameters) for at, kind in enumerate(KINDS) for parameters in HINKLEYS],
    "references": [reference(kind, 7 + at) for at, kind in enumerate(KINDS)],
    "psi": [psi(seed, count, shift) for seed in (1, 2) for count in (20, 250, 2_000) for shift in (0, 0.1, 2)],
})
