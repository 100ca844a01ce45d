"""Reference values of quant/forecast-comparison.ts: Newey and West's variance of the mean loss difference from statsmodels' regression on a constant, with
Harvey, Leybourne and Newbold's correction and Student's t from scipy. Losses: squared errors of two exponentially weighted variances of shipped
returns. Writes forecast_comparison.json."""
import numpy as np
import statsmodels.api as sm
from scipy import stats

from reference import closes, simple_returns, write

_, columns = closes()
squares = np.array(simple_returns(columns["SP500"])) ** 2 * 1e4


def losses(decay, horizon, count):
    """Squared errors of the EWMA's forecast of the mean of the next `horizon` squares, of the last `count` days."""
    level, forecasts = squares[0], []
    for value in squares:
        level = decay * level + (1 - decay) * value
        forecasts.append(level)
    ahead = np.convolve(squares, np.ones(horizon) / horizon, "valid")[1:]
    return ((ahead - np.array(forecasts[: len(ahead)])) ** 2)[-count:]


def case(first, second, horizon, count, lag):
    a, b = losses(first, horizon, count), losses(second, horizon, count)
    fit = sm.OLS(a - b, np.ones(count)).fit(cov_type="HAC", cov_kwds={"maxlags": lag, "use_correction": False})
    h = lag + 1
    statistic = float(fit.tvalues[0] * np.sqrt((count + 1 - 2 * h + h * (h - 1) / count) / count))
    return {"decays": [first, second], "horizon": horizon, "count": count, "lag": lag, "meanDifference": float(fit.params[0]),
            "statistic": statistic, "p": float(stats.t.sf(statistic, count - 1))}


write("forecast_comparison", ["statsmodels", "scipy", "numpy"], {"cases": [
    case(first, second, horizon, count, lag)
    for first, second in ((0.5, 0.94), (0.94, 0.5), (0.94, 0.97), (0.99, 0.94))
    for horizon, count, lag in ((1, 60, 0), (1, 60, 3), (5, 252, 4), (20, 1000, 19), (20, 8000, 25))
]})
