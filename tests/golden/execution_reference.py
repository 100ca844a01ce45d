"""Reference values of quant/execution.ts and of the topology execution, as tests/golden/execution.test.ts holds them to.

No package of ours computes these figures, so this is a calculation of its own from the definitions with numpy: Perold's paper portfolio less
the real one, averages by masks and weights over whole arrays. The market is the shipped closes; sizes are made up (the data has none), some
are missing; orders arrive in the night after a close or with it, and are filled at closes or between. Writes execution.json."""
import numpy as np

from reference import closes, write

DAY = 86_400 * 1_000_000
dates, columns = closes()
rng = np.random.default_rng(1988)


def market(stock, first, days):
    rows = [index for index, price in enumerate(columns[stock]) if np.isfinite(price)][first:first + days]
    times = np.array([np.datetime64(dates[row], "us").astype("int64") + 21 * DAY // 24 for row in rows])
    prices = np.array([columns[stock][row] for row in rows])
    sizes = rng.integers(100, 100_000, days).astype(float)
    sizes[rng.random(days) < 0.2] = np.nan
    return times, prices, sizes


def figures(side, ordered, decision, arrival, fills, times, prices, sizes, horizon):
    sign = 1.0 if side == "BUY" else -1.0
    at = lambda time: prices[times <= time][-1] if (times <= time).any() else np.nan
    when, units, paid, fees = (np.array([fill[key] for fill in fills], float) for key in ("time", "quantity", "price", "commission"))
    done, arrived = units.sum(), at(arrival)
    filled = done >= ordered
    end = np.nan if filled else at(arrival + horizon)
    average = np.average(paid, weights=units) if done else np.nan
    last = when.max() if done else np.nan
    inside = (times > arrival) & (times <= last) & np.isfinite(sizes)
    vwap = np.average(prices[inside], weights=sizes[inside]) if inside.any() else np.nan
    # The last price at every corner of the interval, weighted by the time to the next corner.
    corners = np.concatenate([[arrival], times[(times > arrival) & (times < last)], [last]])
    twap = np.average([at(time) for time in corners[:-1]], weights=np.diff(corners)) if done else np.nan
    # Paper trades all at the decision price; both portfolios are valued at one price in the end, which drops out of what was executed.
    valued = 0.0 if filled else end
    paper = sign * max(ordered, done) * (valued - decision)
    real = sign * (done * valued - (units * paid).sum()) - fees.sum()
    parts = {
        "delayCost": sign * done * (arrived - decision) if done else 0.0,
        "tradingCost": sign * ((units * paid).sum() - done * arrived) if done else 0.0,
        "opportunityCost": 0.0 if filled else sign * (ordered - done) * (end - decision),
        "shortfall": paper - real,
    }
    bps = {name.replace("Cost", "") + "Bps": amount / (ordered * decision) * 1e4 for name, amount in parts.items()}
    against = lambda benchmark: sign * (average / benchmark - 1) * 1e4
    values = {
        **parts, **bps, "fees": fees.sum(), "feesBps": fees.sum() / (ordered * decision) * 1e4,
        "fillRatio": done / ordered, "averagePrice": average, "arrivalPrice": arrived, "vwap": vwap, "twap": twap, "endPrice": end,
        "slippageArrivalBps": against(arrived), "slippageVwapBps": against(vwap), "slippageTwapBps": against(twap),
        "timeToFirstFillMicros": when.min() - arrival if done else np.nan,
        "timeToFullFillMicros": last - arrival if filled else np.nan,
    }
    return {name: float(value) if np.isfinite(value) else None for name, value in values.items()}


cases = []
for stock, first in (("AAPL", 0), ("AAPL", 7000), ("KO", 3000), ("GE", 4700), ("JPM", 5500)):
    times, prices, sizes = market(stock, first, 60)
    market_trades = [[int(t), float(p), None if np.isnan(s) else float(s)] for t, p, s in zip(times, prices, sizes)]
    orders = []
    for number in range(12):
        index = int(rng.integers(1, 40))
        arrival = int(times[index]) + (0 if number % 3 == 0 else int(rng.integers(1, DAY // 3)))
        ordered, side = int(rng.integers(100, 5_000)), "BUY" if number % 2 == 0 else "SELL"
        decision = float(prices[index - number % 2])
        fills, left = [], ordered if number % 4 else ordered * 2 // 3
        while left > 0 and number != 7:
            quantity = min(left, int(rng.integers(50, 2_000)))
            later = int(times[index + int(rng.integers(1, 12))]) + (0 if rng.random() < 0.5 else int(rng.integers(-DAY // 4, DAY // 4)))
            price = round(float(prices[index]) * (1 + float(rng.normal(0, 0.01))), 6)
            fills.append({"time": later, "quantity": quantity, "price": price, "commission": round(0.005 * quantity, 3), "venue": "XY"[len(fills) % 2]})
            left -= quantity
        horizon = 30 * DAY
        orders.append({
            "side": side, "quantity": ordered, "decisionPrice": decision, "arrivalTime": arrival, "fills": fills,
            "expected": figures(side, ordered, decision, arrival, fills, times, prices, sizes, horizon),
        })
    cases.append({"instrument": stock, "trades": market_trades, "orders": orders})
write("execution", ["numpy"], {"horizonMicros": 30 * DAY, "cases": cases})
