"""Reference values of quant/regression.ts: statsmodels' OLS, with classical and with HAC errors, of shipped stocks on the shipped factors.
Writes regression.json."""
import math

import numpy as np
import statsmodels.api as sm

from reference import closes, simple_returns, write

FACTORS = ["MTUM", "QUAL", "SIZE", "USMV", "VLUE"]
_, columns = closes()
start = next(day for day, price in enumerate(columns["MTUM"]) if not math.isnan(price))
returns = {name: np.array(simple_returns(prices[start:])) for name, prices in columns.items()}


def figures(stock, factors, count, lag):
    x = sm.add_constant(np.column_stack([returns[name][-count:] for name in factors]))
    model = sm.OLS(returns[stock][-count:], x)
    options = {} if lag is None else {"cov_type": "HAC", "cov_kwds": {"maxlags": lag, "use_correction": True}}
    fit = model.fit(use_t=True, **options)
    return {
        "stock": stock, "factors": factors, "count": count, "lag": lag,
        "estimates": fit.params.tolist(), "standardErrors": fit.bse.tolist(), "t": fit.tvalues.tolist(),
        "p": fit.pvalues.tolist(), "rSquared": float(fit.rsquared), "adjustedRSquared": float(fit.rsquared_adj),
        "degreesOfFreedom": int(fit.df_resid),
    }


whole = len(returns["MTUM"])
write("regression", ["statsmodels", "numpy"], {"cases": [
    figures(stock, factors, count, lag)
    for stock in ("AAPL", "KO", "XOM")
    for factors in (FACTORS, ["SP500"], ["MTUM", "VLUE"])
    for count, lags in ((whole, (None, 0, 8)), (252, (None, 4)), (30, (None, 3)))
    for lag in lags
]})
