"""Reference values of quant/backtest.ts: Kupiec by vartests, zones by scipy's binomial, and Christoffersen's and Acerbi and Szekely's tests
from their definitions with numpy and scipy (no package has them). Writes backtest.json.

Forecasts are historical VaR and ES of the S&P 500 over the 250 days before each day of the shipped history.
"""
import numpy as np
import vartests
from scipy import stats
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
zones = []
for n, p in ((250, 0.01), (250, 0.05), (250, 0.025), (500, 0.01)):
    for x in range(0, 40):
        upTo = stats.binom.cdf(x, n, p)
        zones.append([n, p, x, "RED" if upTo >= 0.9999 else "YELLOW" if upTo >= 0.95 else "GREEN"])
write("backtest", ["numpy", "scipy", "vartests"], {"window": WINDOW, "cases": cases, "zones": zones})
