"""The work of tests/bench/ml/monte-carlo.ts in numpy: profits of holdings by full Cholesky, antithetic, Student t, and their VaR.

    monte_carlo.py FOLDER POSITIONS PATHS FREEDOM ROUNDS

Reads covariance.bin and exposures.bin as little-endian doubles; prints JSON: of each round the seconds, and the processor's; VaR at 99 %.
"""
import json
import sys
import time

import numpy as np

folder, positions, paths, freedom, rounds = sys.argv[1], *map(int, sys.argv[2:])
read = lambda name: np.fromfile(f"{folder}/{name}.bin", dtype="<f8")
covariance = read("covariance").reshape(positions, positions)
exposures = read("exposures")

times = []
for seed in range(rounds):
    start, busy = time.perf_counter(), time.process_time()
    lower = np.linalg.cholesky(covariance)
    random = np.random.default_rng(seed)
    mixing = np.sqrt((freedom - 2) / random.chisquare(freedom, paths // 2))
    draws = (random.standard_normal((paths // 2, positions)) @ lower.T) @ exposures * mixing
    profits = np.concatenate([draws, -draws])
    times.append({"seconds": time.perf_counter() - start, "cpuSeconds": time.process_time() - busy})
print(json.dumps({"rounds": times, "valueAtRisk": float(-np.quantile(profits, 0.01))}))
