"""Reference values of quant/distributions.ts from scipy. Writes distributions.json."""
from scipy import special, stats

from reference import write

PROBABILITIES = [1e-30, 1e-12, 1e-9, 1e-6, 1e-4, 0.001, 0.01, 0.025, 0.05, 0.1, 0.25, 0.4, 0.49, 0.6, 0.9, 0.95, 0.99, 0.999, 1 - 1e-6, 1 - 1e-12]
FREEDOMS = [1, 2.1, 2.5, 3, 4, 5, 8.7, 30, 100, 1000]
POINTS = [-37, -20, -8, -5, -3.3, -2, -1, -0.5, -0.01, 0, 0.3, 1, 2.5, 6]

write("distributions", ["scipy"], {
    "normalCdf": [[x, float(stats.norm.cdf(x))] for x in POINTS],
    "normalDensity": [[x, float(stats.norm.pdf(x))] for x in POINTS],
    "normalQuantile": [[p, float(stats.norm.ppf(p))] for p in PROBABILITIES],
    "studentTCdf": [[x, df, float(stats.t.cdf(x, df))] for x in POINTS for df in FREEDOMS],
    "studentTDensity": [[x, df, float(stats.t.pdf(x, df))] for x in POINTS for df in FREEDOMS],
    "studentTQuantile": [[p, df, float(stats.t.ppf(p, df))] for p in PROBABILITIES for df in FREEDOMS],
    "chiSquareSurvival": [
        [x, df, float(stats.chi2.sf(x, df))] for x in [1e-6, 0.1, 0.5, 1, 2, 3.84, 6.63, 10, 30, 100] for df in [1, 2, 3, 5, 10]
    ],
    "binomialCdf": [
        [k, n, p, float(stats.binom.cdf(k, n, p))]
        for n, p in [(250, 0.01), (250, 0.05), (500, 0.025), (10, 0.5), (8000, 0.01), (20_000, 0.001)] for k in [0, 1, 4, 5, 9, 10, 20, 60]
    ],
    "logGamma": [[x, float(special.gammaln(x))] for x in [1e-6, 0.1, 0.5, 0.9, 1.5, 2.5, 3.7, 10, 100.5, 1e5]],
})
