"""Reference values of quant/performance.ts, drawdown.ts and money-weighted.ts: empyrical-reloaded, and QuantLib and scipy for the
money-weighted return. Writes performance.json."""
import datetime

import empyrical as e
import numpy as np
import QuantLib as ql
from scipy.optimize import brentq

from reference import closes, simple_returns, write

_, columns = closes()
market = np.array(simple_returns(columns["SP500"]))


def figures(returns, benchmark):
    alpha, beta = e.alpha_beta_aligned(returns, benchmark, risk_free=0.0001)
    return {
        "cumulativeReturn": e.cum_returns_final(returns),
        "annualReturn": e.annual_return(returns),
        "annualVolatility": e.annual_volatility(returns),
        "sharpeRatio": e.sharpe_ratio(returns, risk_free=0.0001),
        "downsideRisk": e.downside_risk(returns, required_return=0.0002),
        "sortinoRatio": e.sortino_ratio(returns, required_return=0.0002),
        "calmarRatio": e.calmar_ratio(returns),
        "omegaRatio": e.omega_ratio(returns, required_return=0.05),
        "informationRatio": e.excess_sharpe(returns, benchmark),
        "alpha": alpha,
        "beta": beta,
        "tailRatio": e.tail_ratio(returns),
        "upCapture": e.up_capture(returns, benchmark),
        "downCapture": e.down_capture(returns, benchmark),
        "maxDrawdown": -e.max_drawdown(returns),
    }


cases = {}
for stock in ("AAPL", "KO", "GE"):
    returns = np.array(simple_returns(columns[stock]))
    for name, count in (("all", len(returns)), ("last500", 500)):
        cases[f"{stock}/{name}"] = {key: float(value) for key, value in figures(returns[-count:], market[-count:]).items()}

# Day, amount: deposits negative, what came out and the final value positive.
flows = [(0, -10_000.0), (91, -2_500.0), (200, 1_200.0), (400, -300.0), (731, 13_900.0)]
xirr = brentq(lambda rate: sum(amount * (1 + rate) ** (-day / 365) for day, amount in flows), -0.9, 10, xtol=1e-15)
start = datetime.date(2020, 1, 1)
date = lambda day: ql.Date((start + datetime.timedelta(days=day)).isoformat(), "%Y-%m-%d")
leg = ql.Leg([ql.SimpleCashFlow(amount, date(day)) for day, amount in flows[1:]])
ql.Settings.instance().evaluationDate = date(0)
quantlib = ql.CashFlows.yieldRate(leg, 10_000.0, ql.Actual365Fixed(), ql.Compounded, ql.Annual, False, date(0), date(0), 1e-14, 1000)
write("performance", ["empyrical-reloaded", "numpy", "QuantLib", "scipy"], {
    "cases": cases, "flows": flows, "moneyWeighted": float(xirr), "moneyWeightedQuantLib": float(quantlib),
})
