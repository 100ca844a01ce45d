"""Reference values of quant/backtest.ts: Kupiec by vartests, zones by scipy's binomial, and Christoffersen's and Acerbi and Szekely's tests
from their definitions with numpy and scipy (no package has them), p-values of the latter by a simulation of its own. Writes backtest.json.

Forecasts are historical VaR and ES of the S&P 500 over the 250 days before each day of the shipped history.
"""
import numpy as np
import vartests
from scipy import integrate, stats
from scipy.special import xlogy

from reference import closes, simple_returns, write

WINDOW = 250
returns = np.array(simple_returns(closes()[1]["SP500"]))


def forecasts(p):
    var, es = [], []
    for day in range(WINDOW, len(returns)):
        past = np.sort(returns[day - WINDOW:day])
        var.append(-np.quantile(past, p))
        es.append(-past[: int(np.floor((WINDOW - 1) * p)) + 1].mean())
    return np.array(var), np.array(es)


def likelihood(hits):
    """Of a row of zeros and ones, at its own share of ones."""
    ones, count = hits.sum(), len(hits)
    return xlogy(ones, ones / count) + xlogy(count - ones, 1 - ones / count) if count else 0.0


def tests(hits, profits, es, p):
    kupiec = vartests.kupiec_test(hits.astype(int), risk_conf_level=1 - p)
    before, after = hits[:-1], hits[1:]
    chain = likelihood(after[before]) + likelihood(after[~before])
    independence = 2 * (chain - likelihood(after))
    both = kupiec["statistic"] + independence
    ratios = (profits / es)[hits]
    return {
        "observations": len(hits),
        "exceptions": int(hits.sum()),
        "kupiec": [kupiec["statistic"], kupiec["p-value"]],
        "independence": [float(independence), float(stats.chi2.sf(independence, 1))],
        "conditionalCoverage": [float(both), float(stats.chi2.sf(both, 2))],
        "z1": float(ratios.mean() + 1) if len(ratios) else None,
        "z2": float(ratios.sum() / (len(hits) * p) + 1),
        "recent": int(hits[-250:].sum()),
    }


ROWS = 400_000
random = np.random.default_rng(20_140_101)


def simulated(observed, p, distribution):
    """p-values of Z1 and Z2: tails drawn by inversion, their number binomial; no draw of a day without an exception."""
    edge = distribution.ppf(p)
    mass, _ = integrate.quad(lambda x: x * distribution.pdf(x), -np.inf, edge, epsabs=0, epsrel=1e-10, limit=500)
    days = observed["observations"]
    counts = random.binomial(days, p, ROWS)
    ratios = distribution.ppf(random.uniform(0, p, counts.sum())) / (-mass / p)
    sums = np.bincount(np.repeat(np.arange(ROWS), counts), ratios, ROWS)
    some = counts > 0
    return [
        float(np.mean(sums[some] / counts[some] + 1 <= observed["z1"])),
        float(np.mean(sums / (days * p) + 1 <= observed["z2"])),
    ]


cases = {}
for p in (0.05, 0.025, 0.01):
    var, es = forecasts(p)
    profits = returns[WINDOW:]
    hits = -profits > var
    cases[str(p)] = {
        "all": tests(hits, profits, es, p),
        "2008": tests(hits[4250:4750], profits[4250:4750], es[4250:4750], p),
        "short": tests(hits[:40], profits[:40], es[:40], p),
    }
pValues = [
    {"p": float(p), "range": name, "freedom": freedom, "pValues": simulated(
        cases[p][name], float(p), stats.t(freedom) if freedom else stats.norm()
    )}
    for p in ("0.05", "0.025", "0.01") for name in ("2008", "short") for freedom in (None, 4, 10.5)
    if cases[p][name]["exceptions"]
]
zones = []
for n, p in ((250, 0.01), (250, 0.05), (250, 0.025), (500, 0.01)):
    for x in range(0, 40):
        upTo = stats.binom.cdf(x, n, p)
        zones.append([n, p, x, "RED" if upTo >= 0.9999 else "YELLOW" if upTo >= 0.95 else "GREEN"])
write("backtest", ["numpy", "scipy", "vartests"], {
    "window": WINDOW, "cases": cases, "zones": zones, "rows": ROWS, "pValues": pValues,
})
