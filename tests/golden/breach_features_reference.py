"""Features of breach prediction by pandas and scipy, over whole columns at once: nothing of how ml/features computes them day by day.

    python breach_features_reference.py     # writes breach_features.json
"""
import json
import pathlib

import numpy as np
import pandas as pd
from scipy.stats import norm

from reference import write

DAYS = 330
TYPES = ["value-at-risk", "daily-loss", "drawdown", "volatility", "leverage"]
TABLE = pathlib.Path(__file__).parent.parent.parent / "ml" / "features" / "breach-table.json"
NAMES = [feature["name"] for feature in json.loads(TABLE.read_text(encoding="utf-8"))["features"]]


def mean(values, decay):
    """Weights decay^0, decay^1 ... from the newest; 0 before the first value."""
    return values.ewm(alpha=1 - decay, adjust=True).mean().fillna(0.0)


def scaled(amount, deviation):
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.clip(amount / deviation, -50, 50)
    return np.where(deviation > 0, ratio, np.where(amount >= 0, 50.0, -50.0))


def passage(barrier, drift, volatility, days):
    """Harrison's formula; norm.logcdf keeps the second term where its factors leave the range of doubles."""
    spread = volatility * np.sqrt(days)
    with np.errstate(all="ignore"):
        touched = norm.cdf((drift * days - barrier) / spread) + np.exp(
            2 * drift * barrier / volatility**2 + norm.logcdf((-barrier - drift * days) / spread))
    still = (drift * days >= barrier).astype(float)
    return np.where(barrier <= 0, 1.0, np.where(spread > 0, np.minimum(1.0, touched), still))


def portfolio(rng):
    """Equity, day P&L, drawdown and gross exposure of each day, with a crash in it and a deposit."""
    moves = rng.standard_t(4, DAYS) * 0.008
    moves[200:215] = rng.normal(-0.03, 0.04, 15)
    equity = 1e6 * np.cumprod(1 + moves)
    before = np.r_[1e6, equity[:-1]]
    deposits = np.zeros(DAYS)
    deposits[120] = 2.5e5
    equity = equity + np.cumsum(deposits)
    day_pnl = equity - np.r_[before[0], equity[:-1]] - deposits
    drawdown = 1 - equity / np.maximum.accumulate(equity)
    return pd.DataFrame({"equity": equity, "dayPnl": day_pnl, "drawdown": drawdown, "gross": equity * rng.uniform(0.5, 1.5, DAYS)})


def limit(kind, book, rng):
    """value and threshold of a limit on each day; NaN where there is no figure."""
    returns = book["dayPnl"] / (book["equity"] - book["dayPnl"])
    usual = returns.ewm(span=60, min_periods=1).std().fillna(0.01)
    equity = book["equity"]
    value, threshold = {
        "value-at-risk": (2.3 * usual * equity, 0.04 * equity),
        "daily-loss": (np.maximum(0, -book["dayPnl"]), 0.03 * equity),
        "drawdown": (book["drawdown"], pd.Series(0.2, book.index)),
        "volatility": (usual * np.sqrt(252), pd.Series(0.3, book.index)),
        "leverage": (book["gross"] / equity, pd.Series(1.4, book.index)),
    }[kind]
    value = value * np.exp(rng.normal(0, 0.02, DAYS))
    value[rng.random(DAYS) < 0.02] = np.nan
    return pd.DataFrame({"value": value, "threshold": threshold})


def features(kind, figures, book, market):
    """All features of the days with a figure."""
    known = figures["value"].notna()
    u = (figures["value"] / figures["threshold"])[known].clip(upper=1000)
    x = np.log(u.clip(lower=0.01))
    change, log = u.diff(), x.diff()
    broken = (u > 1).astype(float)
    fast, slow = np.sqrt(mean(change**2, 0.94)), np.sqrt(mean(change**2, 0.99))
    log_fast, log_slow = np.sqrt(mean(log**2, 0.94)), np.sqrt(mean(log**2, 0.99))
    drift = mean(log, 0.94)
    out = pd.DataFrame(index=u.index)
    out["utilisation"] = u
    for days in (20, 60, 250):
        out[f"high{days}"] = u.rolling(days, min_periods=1).max()
    out["distanceFast"], out["distanceSlow"] = scaled(1 - u, fast), scaled(1 - u, slow)
    out["logDistanceFast"], out["logDistanceSlow"] = scaled(-x, log_fast), scaled(-x, log_slow)
    for days in (1, 5, 20):
        out[f"passage{days}"] = passage(-x, drift, log_fast, days)
        out[f"change{days}"] = u - u.shift(days).fillna(u.iloc[0])
    out["drift"] = drift
    for share in (80, 90):
        out[f"share{share}"] = (u >= share / 100).astype(float).rolling(250, min_periods=1).mean()
    order = pd.Series(np.arange(len(u)), u.index)
    out["daysSinceBreach"] = (order - order.where(broken > 0).ffill()).fillna(1250).clip(upper=1250)
    out["breachShare"] = broken.rolling(250, min_periods=1).mean()
    out["historyDays"] = np.minimum(order + 1, 250)
    returns = book["dayPnl"] / (book["equity"] - book["dayPnl"])
    deviation, usual = np.sqrt(mean(returns**2, 0.94)), np.sqrt(mean(returns**2, 0.99))
    out["drawdown"] = book["drawdown"]
    for days in (1, 5, 20):
        out[f"return{days}"] = pd.Series(scaled(returns.rolling(days, min_periods=1).sum(), usual * np.sqrt(days)), book.index)
    out["leverage"] = np.minimum(20, book["gross"] / book["equity"])
    out["equityVolatility"] = deviation * np.sqrt(252)
    out["equityVolatilityRatio"] = np.minimum(20, deviation / usual)
    value, threshold, equity = figures["value"], figures["threshold"], book["equity"]
    room = {
        "value-at-risk": (threshold / equity, (threshold - value) / equity),
        "daily-loss": (threshold / equity, threshold / equity),
        "drawdown": (threshold, 1 - (1 - threshold) / (1 - value)),
        "volatility": (threshold / np.sqrt(252), (threshold - value) / np.sqrt(252)),
    }.get(kind)
    out["thresholdToVolatility"] = pd.Series(scaled(room[0], deviation), book.index) if room else 50.0
    out["roomToVolatility"] = pd.Series(scaled(room[1], deviation), book.index) if room else 50.0
    # The market of the day before: today's return is not over.
    level = pd.Series(np.r_[0, np.log1p(market).cumsum()[:-1]], book.index)
    past = pd.Series(np.log1p(market), book.index) ** 2
    m_fast, m_slow = (np.sqrt(mean(past, decay)).shift(1).fillna(0.0) for decay in (0.94, 0.99))
    out["marketVolatility"] = m_fast * np.sqrt(252)
    out["marketVolatilityRatio"] = np.minimum(20, m_fast / m_slow).fillna(1.0)
    for days in (5, 20):
        out[f"marketReturn{days}"] = level - level.shift(days).fillna(0.0)
    out["marketDrawdown"] = 1 - np.exp(level - level.rolling(250, min_periods=1).max())
    for name in NAMES:
        if name.startswith("is-"):
            out[name] = float(name == f"is-{kind}")
    return out[NAMES]


def main():
    rng = np.random.default_rng(20081015)
    book = portfolio(rng)
    market = rng.normal(0.0003, 0.01, DAYS)
    limits = []
    shown = [0, 1, 2, 5, 19, 20, 21, 59, 61, 119, 121, 205, 213, 216, 240, 260, 290, 310, 328, 329]
    for kind in TYPES:
        figures = limit(kind, book, rng)
        out = features(kind, figures, book, market)
        rows = [day for day in shown if day in out.index]
        none = lambda column: [None if np.isnan(value) else float(value) for value in figures[column]]
        limits.append({"type": kind, "value": none("value"), "threshold": none("threshold"), "days": rows,
                       "rows": out.loc[rows].to_numpy().tolist()})
    passages = [[b, m, s, days, float(passage(np.float64(b), np.float64(m), np.float64(s), days))]
                for b in (1e-6, 0.1, 0.7, 4.0) for m in (-0.3, -0.01, 0.0, 0.02, 0.4) for s in (0.004, 0.05, 0.6) for days in (1, 5, 20)]
    write("breach_features", ["numpy", "pandas", "scipy"], {
        "features": NAMES, "book": book.to_dict("list"), "market": market.tolist(), "limits": limits, "passages": passages})


if __name__ == "__main__":
    main()
