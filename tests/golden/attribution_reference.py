"""Reference values of quant/attribution.ts: no package on PyPI links attributions in a way that we would trust, so this is an independent
calculation: numpy over matrices for Brinson and Fachler, Python's decimal with 50 digits for Carino. The periods are 24 quarters of the
shipped stocks, by sector. Writes attribution.json."""
import datetime
from decimal import Decimal, getcontext

import numpy as np

from reference import closes, write

getcontext().prec = 50
SECTORS = {
    "Technology": ["AAPL", "AMD", "MSFT"],
    "Financials": ["BAC", "JPM"],
    "Energy": ["CVX", "RRC", "XOM"],
    "Health Care": ["JNJ", "LLY", "MRK", "PFE", "UNH"],
    "Staples": ["KO", "PEP", "PG", "WMT"],
    "Others": ["BBY", "GE", "HD"],
}
dates, columns = closes()
days = [datetime.date.fromisoformat(date) for date in dates]
ends = [day for day in range(1, len(days)) if (days[day].year, (days[day].month - 1) // 3) != (days[day - 1].year, (days[day - 1].month - 1) // 3)]
ends = [day - 1 for day in ends if days[day].year >= 2006][:25]
stocks = [stock for sector in SECTORS.values() for stock in sector]
member = np.array([[stock in sector for stock in stocks] for sector in SECTORS.values()], dtype=float)
prices = np.array([[columns[stock][day] for stock in stocks] for day in ends])
returns = prices[1:] / prices[:-1] - 1
rng = np.random.default_rng(1985)
own = rng.uniform(-0.3, 1, size=returns.shape)
own[:, member[2] == 1] = 0  # the portfolio has no energy
own /= own.sum(axis=1, keepdims=True)
market = rng.uniform(0.1, 1, size=returns.shape)
market[:, member[5] == 1] = 0  # the benchmark has no others
market /= market.sum(axis=1, keepdims=True)

W, w = own @ member.T, market @ member.T
C, c = (own * returns) @ member.T, (market * returns) @ member.T
with np.errstate(invalid="ignore", divide="ignore"):
    R, r = C / W, c / w
r = np.where(w == 0, R, r)
R = np.where(W == 0, r, R)
total = c.sum(axis=1, keepdims=True)
allocation = (W - w) * (r - total)
selection = w * (R - r)
interaction = (W - w) * (R - r)
own_return, market_return = C.sum(axis=1), c.sum(axis=1)
assert np.allclose((allocation + selection + interaction).sum(axis=1), own_return - market_return, atol=1e-15)


def ratio(a, b):
    a, b = 1 + Decimal(float(a)), 1 + Decimal(float(b))
    return (a.ln() - b.ln()) / (a - b)


def growth(values):
    product = Decimal(1)
    for value in values:
        product *= 1 + Decimal(float(value))
    return product


compounded, compounded_market = growth(own_return), growth(market_return)
whole = (compounded.ln() - compounded_market.ln()) / (compounded - compounded_market)
k = [ratio(a, b) / whole for a, b in zip(own_return, market_return)]
linked = lambda effects: [float(sum(k[t] * Decimal(float(effects[t, s])) for t in range(len(k)))) for s in range(len(SECTORS))]
side = lambda weights, contributions: [
    [{"sector": name, "weight": float(x), "contribution": float(y)} for name, x, y in zip(SECTORS, row, parts) if x != 0]
    for row, parts in zip(weights, contributions)
]
write("attribution", ["numpy"], {
    "from": dates[ends[0]], "to": dates[ends[-1]],
    "portfolio": side(W, C), "benchmark": side(w, c),
    "sectors": list(SECTORS),
    "first": {"allocation": allocation[0].tolist(), "selection": selection[0].tolist(), "interaction": interaction[0].tolist()},
    "linked": {"allocation": linked(allocation), "selection": linked(selection), "interaction": linked(interaction)},
    "portfolioReturn": float(compounded - 1), "benchmarkReturn": float(compounded_market - 1),
})
