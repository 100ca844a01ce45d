"""Reference values of quant/: VaR and ES by every method, volatility models, covariances. Writes risk.json.

The book is twenty US stocks, long and short, over the last 500 days of the shipped history; amounts in dollars. numpy.quantile gives
quantiles, empyrical tails, arch the volatility models, scikit-learn the shrinkage, scipy distributions and their integrals. What no package
has is calculated here from the definition and says so.
"""
import empyrical
import numpy as np
from arch import arch_model
from arch.univariate import EWMAVariance, ZeroMean
from scipy import integrate, stats
from sklearn.covariance import ledoit_wolf

from reference import closes, simple_returns, write

STOCKS = "AAPL AMD BAC BBY CVX GE HD JNJ JPM KO LLY MRK MSFT PEP PFE PG RRC UNH WMT XOM".split()
DAYS = 500
LEVELS = [0.95, 0.975, 0.99]
AGE_DECAY = 0.98

_, columns = closes()
returns = np.array([simple_returns(columns[stock])[-DAYS:] for stock in STOCKS])
# Long and short, of unequal size.
exposures = np.array([(1 if index % 3 else -0.5) * 1000.0 * (index + 1) for index in range(len(STOCKS))])
profits = exposures @ returns
sp500 = np.array(simple_returns(columns["SP500"])[-DAYS:])


def tail(var, es):
    return {"valueAtRisk": float(var), "expectedShortfall": float(es)}


def historical(values, level):
    return tail(-np.quantile(values, 1 - level), -empyrical.conditional_value_at_risk(values, round(1 - level, 12)))


def age_weighted(values, level):
    weights = AGE_DECAY ** np.arange(len(values) - 1, -1, -1)
    weights /= weights.sum()
    p = round(1 - level, 12)
    edge = np.quantile(values, p, weights=weights, method="inverted_cdf")
    # The definition (Acerbi and Tasche): no package weighs a shortfall.
    below = values < edge
    shortfall = (weights[below] @ values[below] + (p - weights[below].sum()) * edge) / p
    return tail(-edge, -shortfall)


def below(distribution, level):
    """Quantile, and the mean below it by numerical integration of the density."""
    edge = distribution.ppf(1 - level)
    mass, _ = integrate.quad(lambda x: x * distribution.pdf(x), -np.inf, edge, epsabs=0, epsrel=1e-12, limit=500)
    return tail(-edge, -mass / (1 - level))


def normal(level):
    return below(stats.norm(np.mean(profits), np.std(profits, ddof=1)), level)


def student(level, mean, deviation, freedom):
    return below(stats.t(freedom, loc=mean, scale=deviation * np.sqrt((freedom - 2) / freedom)), level)


def garch(values):
    fit = arch_model(values, mean="Constant", vol="GARCH", p=1, q=1, dist="normal", rescale=False).fit(
        disp="off", options={"ftol": 1e-15, "maxiter": 5000}
    )
    mu, omega, alpha, beta = fit.params
    next_variance = fit.forecast(horizon=1, reindex=False).variance.values[-1, 0]
    ahead = mu + np.sqrt(next_variance) * fit.std_resid
    return {
        "mean": mu, "omega": omega, "alpha": alpha, "beta": beta, "logLikelihood": fit.loglikelihood,
        "nextVariance": next_variance,
        "filtered": {str(level): historical(ahead, level) for level in LEVELS},
    }


def ewma(values):
    # The decay is given, so nothing is estimated.
    fit = ZeroMean(values, volatility=EWMAVariance(0.94)).fit(disp="off")
    return float(fit.forecast(horizon=1, reindex=False).variance.values[-1, 0])


covariance = np.cov(returns)
shrunk, shrinkage = ledoit_wolf(returns.T)
scale = float(np.std(profits, ddof=1))
long = np.array(simple_returns(columns["SP500"])) * 100
write("risk", ["numpy", "scipy", "empyrical-reloaded", "arch", "scikit-learn"], {
    "stocks": STOCKS,
    "days": DAYS,
    "exposures": exposures.tolist(),
    "profits": profits.tolist(),
    "historical": {str(level): historical(profits, level) for level in LEVELS},
    "ageWeighted": {str(level): age_weighted(profits, level) for level in LEVELS},
    "normal": {str(level): normal(level) for level in LEVELS},
    "student": {
        str(freedom): {str(level): student(level, 3.0, scale, freedom) for level in LEVELS} for freedom in (2.5, 4, 30)
    },
    "ewmaVariance": ewma(profits / scale) * scale**2,
    "garch": {
        "sp500": garch(sp500 * 100),
        "sp500All": garch(long),
        "book": garch(profits / scale),
    },
    "bookScale": scale,
    "mean": float(np.mean(profits)),
    "variance": float(np.var(profits, ddof=1)),
    "covariance": covariance.ravel().tolist(),
    "correlation": np.corrcoef(returns).ravel().tolist(),
    "cholesky": np.linalg.cholesky(covariance).ravel().tolist(),
    "ledoitWolf": {"shrinkage": float(shrinkage), "covariance": shrunk.ravel().tolist()},
    "beta": float(empyrical.beta(profits / 1e5, sp500)),
})
