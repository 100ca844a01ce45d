"""The work of tests/bench/risk.ts in numpy: full recomputation of historical VaR and ES after each tick, and Monte Carlo.

    risk.py FOLDER POSITIONS SCENARIOS TICKS PATHS FREEDOM

Reads returns.bin (positions x scenarios), exposures.bin and ticks.bin (position, exposure) as little-endian doubles; prints JSON: times in
microseconds of each tick, the figures after every hundredth, and Monte Carlo seconds.
"""
import json
import sys
import time

import numpy as np

folder, positions, scenarios, ticks, paths, freedom = sys.argv[1], *map(int, sys.argv[2:])
read = lambda name: np.fromfile(f"{folder}/{name}.bin", dtype="<f8")
# One scenario a row: the product below then runs along the memory.
returns = np.ascontiguousarray(read("returns").reshape(positions, scenarios).T)
exposures = read("exposures")
changes = read("ticks").reshape(ticks, 2)


def tails():
    profits = returns @ exposures
    depth = int((scenarios - 1) * 0.05)
    lowest = np.sort(np.partition(profits, depth + 1)[: depth + 2])
    figures = []
    for p in (0.05, 0.01):
        position = (scenarios - 1) * p
        rank = int(position)
        figures.append(-(lowest[rank] + (lowest[rank + 1] - lowest[rank]) * (position - rank)))
        figures.append(-lowest[: rank + 1].mean())
    return figures


micros, samples = [], []
for index, (position, exposure) in enumerate(changes):
    start = time.perf_counter_ns()
    exposures[int(position)] = exposure
    figures = tails()
    micros.append((time.perf_counter_ns() - start) / 1000)
    if index % 100 == 99:
        samples.append(figures)

start = time.perf_counter()
lower = np.linalg.cholesky(np.cov(returns.T))
random = np.random.default_rng(1)
mixing = np.sqrt((freedom - 2) / random.chisquare(freedom, paths // 2))
draws = (random.standard_normal((paths // 2, positions)) @ lower.T) @ exposures * mixing
profits = np.concatenate([draws, -draws])
simulated = float(-np.quantile(profits, 0.01))
seconds = time.perf_counter() - start
print(json.dumps({"micros": micros, "samples": samples, "monteCarloSeconds": seconds, "simulated": simulated}))
