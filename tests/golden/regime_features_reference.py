"""Features and labels of regimes by pandas, over whole columns at once: nothing of how ml/features and quant/regimes compute them from a window.

    python regime_features_reference.py     # writes regime_features.json
"""
import numpy as np
import pandas as pd

from reference import closes, simple_returns, write

INSTRUMENTS = ["SP500", "AMD"]
EVERY = 61
USUAL = 1260
YEAR = 250
# Levels as near as that are one.
SAME = 1e-12


def rms(returns, days):
    return np.sqrt((returns ** 2).rolling(days).mean()).clip(lower=1e-6)


def usual(returns):
    return (np.sqrt(np.pi / 2) * returns.abs().rolling(USUAL, min_periods=1).mean()).clip(lower=1e-6)


def decayed(returns, decay):
    weights = decay ** np.arange(YEAR)[::-1]
    return np.sqrt((returns ** 2).rolling(YEAR).apply(lambda squares: np.average(squares, weights=weights), raw=True)).clip(lower=1e-6)


def clip(values):
    return values.clip(-10, 10)


def table(returns):
    """A row a day; columns as ml/features/regime.ts names them."""
    level = returns.cumsum()
    base = usual(returns)
    levels = level.rolling(YEAR + 1, min_periods=1)
    # Before the first return the level is 0.
    high, low = levels.max().clip(lower=0).where(level.index < YEAR, levels.max()), levels.min().clip(upper=0).where(level.index < YEAR, levels.min())
    path = pd.concat([pd.Series([0.0]), level], ignore_index=True)
    since = path.rolling(YEAR + 1).apply(lambda window: float(np.argmax(window[::-1] >= window.max() - SAME)), raw=True).iloc[1:].reset_index(drop=True)
    columns = {f"volatility{days}": np.log(rms(returns, days) / base) for days in (2, 5, 21, 63, 126, 250)}
    columns["decayed94"] = np.log(decayed(returns, 0.94) / base)
    columns["decayed97"] = np.log(decayed(returns, 0.97) / base)
    columns["surprise"] = clip(returns / decayed(returns, 0.94))
    for days in (5, 21, 63, 126, 250):
        columns[f"trend{days}"] = clip(returns.rolling(days).sum() / (base * np.sqrt(days)))
    for days in (21, 63):
        columns[f"ownTrend{days}"] = clip(returns.rolling(days).sum() / (rms(returns, days) * np.sqrt(days)))
    columns["below"] = clip((high - level) / (base * np.sqrt(21)))
    columns["above"] = clip((level - low) / (base * np.sqrt(21)))
    columns["sinceHigh"] = since
    falls = (returns.where(returns < 0, 0.0) ** 2).rolling(21).sum()
    columns["fallShare"] = falls / (returns ** 2).rolling(21).sum()
    columns["largest21"] = clip(returns.abs().rolling(21).max() / base)
    columns["efficiency63"] = returns.rolling(63).sum().abs() / returns.abs().rolling(63).sum()
    columns["usual"] = base * np.sqrt(252)
    return pd.DataFrame(columns)


def label(returns, day):
    """The regime of a day by docs/regimes.md, all of the series at hand."""
    around = returns[day - 31:day + 32]
    before = returns[max(0, day - 31 - USUAL):day - 31]
    if day < 31 + 189 or day + 31 >= len(returns):
        return None
    base = np.sqrt(np.pi / 2) * np.mean(np.abs(before))
    level = np.concatenate([[0.0], np.cumsum(returns)])
    near = range(day - 10, day + 11)
    if np.sqrt(np.mean(returns[day - 10:day + 11] ** 2)) >= 2 * base:
        falls = [level[max(0, at + 1 - YEAR):at + 2].max() - level[at + 1] for at in near]
        if max(falls) >= 2.5 * base * np.sqrt(21):
            return "CRISIS"
    spread = np.sqrt(np.mean(around ** 2))
    trend = around.sum() / (spread * np.sqrt(63))
    if spread >= 1.2 * base:
        return "BULL_VOLATILE" if trend >= 0 else "BEAR_VOLATILE"
    return "SIDEWAYS" if abs(trend) < 0.35 else "BULL_CALM" if trend > 0 else "BEAR_CALM"


def main():
    found = []
    for instrument in INSTRUMENTS:
        returns = np.log1p(simple_returns(closes()[1][instrument]))
        features = table(pd.Series(np.asarray(returns)))
        days = list(range(YEAR - 1, len(returns), EVERY))
        found.append({
            "instrument": instrument,
            "names": list(features.columns),
            "returns": [float(value) for value in returns],
            "rows": [{"day": day, "values": [float(value) for value in features.iloc[day]]} for day in days],
            "labels": [{"day": day, "label": label(np.asarray(returns), day)} for day in range(0, len(returns), 7)],
        })
    write("regime_features", ["numpy", "pandas"], {"series": found})


if __name__ == "__main__":
    main()
