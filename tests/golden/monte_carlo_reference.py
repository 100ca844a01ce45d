"""Reference values of Monte Carlo over twenty US stocks of the shipped history (the book of risk_reference.py). Writes monte-carlo.json.

What simulated figures tend to is known: holdings are linear in the returns, so their profit is normal or Student t with the variance e' C e
(scikit-learn's Ledoit-Wolf shrinkage, x horizon). VaR is scipy's quantile, ES the mean below it by numerical integration of scipy's density. How far
simulated ones may be off, as standard deviations for one draw (x 1/sqrt(draws)), also from scipy alone: VaR by the asymptotic variance of a
quantile, sqrt(q (1 - q)) / f; ES by that of a mean over the tail, sqrt((var(X | tail) + (1 - q) (ES - VaR)^2) / q). Draws are antithetic, so for
n pairs that of the n absolute values at twice the tail's probability is meant: q = 2 p, f = 2 pdf.
"""
import numpy as np
from scipy import integrate, stats
from sklearn.covariance import ledoit_wolf

from reference import closes, simple_returns, write

STOCKS = "AAPL AMD BAC BBY CVX GE HD JNJ JPM KO LLY MRK MSFT PEP PFE PG RRC UNH WMT XOM".split()
DAYS = 500
LEVELS = [0.95, 0.975, 0.99]
FREEDOMS = [None, 5, 8]
HORIZONS = [1, 10]

_, columns = closes()
returns = np.array([simple_returns(columns[stock])[-DAYS:] for stock in STOCKS])
exposures = np.array([(1 if index % 3 else -0.5) * 1000.0 * (index + 1) for index in range(len(STOCKS))])
covariance, _ = ledoit_wolf(returns.T)
variance = float(exposures @ covariance @ exposures)


def figures(distribution, level):
    p = round(1 - level, 12)
    edge = distribution.ppf(p)
    moment = lambda power: integrate.quad(
        lambda x: x**power * distribution.pdf(x), -np.inf, edge, epsabs=0, epsrel=1e-11, limit=500)[0] / p
    shortfall, spread = -moment(1), moment(2) - moment(1) ** 2
    q = 2 * p
    var_error = np.sqrt(q * (1 - q)) / (2 * distribution.pdf(edge))
    es_error = np.sqrt((spread + (1 - q) * (shortfall + edge) ** 2) / q)
    return {"valueAtRisk": float(-edge), "expectedShortfall": float(shortfall),
            "valueAtRiskError": float(var_error), "expectedShortfallError": float(es_error)}


cases = []
for freedom in FREEDOMS:
    for days in HORIZONS:
        deviation = np.sqrt(variance * days)
        shape = stats.norm(scale=deviation) if freedom is None else stats.t(freedom, scale=deviation * np.sqrt((freedom - 2) / freedom))
        cases.append({"freedom": freedom, "horizonDays": days, "levels": {str(level): figures(shape, level) for level in LEVELS}})

write("monte-carlo", ["numpy", "scipy", "scikit-learn"],
      {"stocks": STOCKS, "days": DAYS, "exposures": exposures.tolist(), "variance": variance, "cases": cases})
