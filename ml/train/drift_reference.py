"""How a model's features and scores were distributed when it was trained: what drift is measured against (ml/drift/reference.ts reads it)."""
import numpy as np

DAY_MICROS = 86_400_000_000
QUANTILES = np.arange(51) / 50
DIGITS = 9
MAX_AUTOCORRELATION = 0.99
MAX_LAG = 60
CLUSTER = 63
LEAST_BLOCKS = 60


def describe(times, columns, block_micros=DAY_MICROS):
    """The reference of a training set, in sample for features and out of sample for scores if there are such.

    times    event time of each row, microseconds UTC, in any order
    columns  name -> values, one a row; NaN: missing
    """
    blocks = np.asarray(times, dtype=np.int64) // block_micros
    return {"blockMicros": int(block_micros), "columns": [_column(name, blocks, np.asarray(values, float)) for name, values in columns.items()]}


def block_means(blocks, values):
    """Means of the finite values of each block, by time: rows of one moment depend on each other and count as one."""
    known = np.isfinite(values)
    _, at = np.unique(blocks[known], return_inverse=True)
    return np.bincount(at, values[known]) / np.bincount(at)


def _column(name, blocks, values):
    means = block_means(blocks, values)
    if len(means) < LEAST_BLOCKS:
        raise ValueError(f"{name} has values in {len(means)} blocks: at least {LEAST_BLOCKS} are needed")
    mean, deviation = float(means.mean()), float(means.std())
    if deviation <= 1e-12 * max(1.0, abs(mean)):
        deviation = 0.0
    levels = (means - mean) / deviation if deviation > 0 else means * 0
    autocorrelation = 0.0
    if deviation > 0:
        autocorrelation = float(np.clip((levels[1:] * levels[:-1]).mean(), -MAX_AUTOCORRELATION, MAX_AUTOCORRELATION))
        if abs(autocorrelation) < 2 / np.sqrt(len(levels)):
            # What noise could be would only smear the values of a column that has few.
            autocorrelation = 0.0
    innovations = levels.copy()
    innovations[1:] = (levels[1:] - autocorrelation * levels[:-1]) / np.sqrt(1 - autocorrelation**2)
    # Where each stands among them, 0 to 1: heavy tails would hide what depends on what.
    ordered = np.sort(innovations)
    places = (np.searchsorted(ordered, innovations, "left") + np.searchsorted(ordered, innovations, "right")) / (2 * len(ordered))
    sizes = np.abs(2 * places - 1)
    return {
        "name": name, "blocks": len(means), "mean": mean, "deviation": deviation, "autocorrelation": autocorrelation,
        "quantiles": [float(f"{value:.{DIGITS}g}") for value in np.quantile(innovations, QUANTILES)], "levelPersistence": _persistence(places), "sizePersistence": max(_persistence(sizes), _clusters(sizes)),
    }


def _persistence(values):
    """How many blocks one independent value is worth: 1 + 2 x the sum of autocorrelations up to the first that noise
    could be (Geyer's initial positive sequence, cut where a correlation is below its error)."""
    values = values - values.mean()
    variance = (values**2).mean()
    if variance <= 0:
        return 1.0
    total = 1.0
    for lag in range(1, min(MAX_LAG, len(values) // 4) + 1):
        correlation = (values[lag:] * values[:-lag]).mean() / variance
        if correlation < 1.64 / np.sqrt(len(values)):
            break
        total += 2 * correlation
    return float(total)


def _clusters(values):
    """The variance of means of a quarter over what it would be of independent values: clusters of volatility last longer than single
    autocorrelations stand out of their noise."""
    whole = len(values) // CLUSTER * CLUSTER
    recent = values[len(values) - whole:]
    if whole < 4 * CLUSTER or recent.var() <= 0:
        return 1.0
    means = recent.reshape(-1, CLUSTER).mean(axis=1)
    ratio = float(CLUSTER * means.var() / recent.var())
    # What so few means say by chance would only make the detectors slow.
    return 1.0 if ratio < 1 + 2 * np.sqrt(2 / (len(means) - 1)) else ratio
