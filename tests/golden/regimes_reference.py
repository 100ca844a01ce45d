"""Reference values for quant/regimes: hidden Markov models by hmmlearn; change points, which no pinned package has, from the
definition of Adams and MacKay with scipy's Student t and gamma functions, all runs kept as rows of a table.
"""
import math

import numpy
from hmmlearn.hmm import GaussianHMM
from scipy import stats

from reference import closes, simple_returns, write

STARTS = {
    "two": {
        "initial": [0.5, 0.5],
        "transitions": [[0.95, 0.05], [0.1, 0.9]],
        "means": [0.0005, -0.001],
        "variances": [5e-5, 4e-4],
    },
    "three": {
        "initial": [0.6, 0.3, 0.1],
        "transitions": [[0.97, 0.02, 0.01], [0.05, 0.9, 0.05], [0.05, 0.1, 0.85]],
        "means": [0.001, 0.0, -0.002],
        "variances": [3e-5, 1.5e-4, 1e-3],
    },
}
STEPS = 20


def hidden_markov(series, start):
    """Without priors, hmmlearn's steps are plain expectation and maximisation."""
    states = len(start["means"])
    rows = numpy.array(series).reshape(-1, 1)

    def model(**options):
        made = GaussianHMM(states, covariance_type="diag", init_params="", min_covar=0, covars_prior=0, tol=-math.inf, **options)
        made.startprob_ = numpy.array(start["initial"])
        made.transmat_ = numpy.array(start["transitions"])
        made.means_ = numpy.array(start["means"]).reshape(-1, 1)
        made.covars_ = numpy.array(start["variances"]).reshape(-1, 1)
        return made

    fitted = model(n_iter=STEPS)
    fitted.fit(rows)
    # What is known at a day from those before alone: the smoothed probabilities of the last of the series that ends there.
    at = [0, 1, 2, 50, 400, len(series) - 1]
    return {
        "start": start,
        "startLogLikelihood": model().score(rows),
        "steps": STEPS,
        "logLikelihoods": list(fitted.monitor_.history)[-2:],
        "fitted": {
            "initial": fitted.startprob_.tolist(),
            "transitions": fitted.transmat_.tolist(),
            "means": fitted.means_.ravel().tolist(),
            "variances": fitted.covars_.ravel().tolist(),
        },
        "filtered": [[place, fitted.predict_proba(rows[: place + 1])[-1].tolist()] for place in at],
    }


def change_points(series, prior, expected_length):
    hazard = 1 / expected_length
    runs = numpy.array([1.0])
    mean, count = numpy.array([prior["mean"]]), numpy.array([0.0])
    scale = numpy.array([prior["scale"]])
    shown = []
    for index, value in enumerate(series):
        shape = prior["shape"] + count / 2
        weight = prior["meanWeight"] + count
        density = stats.t.pdf(value, 2 * shape, loc=mean, scale=numpy.sqrt(scale * (weight + 1) / (shape * weight)))
        joint = runs * density
        evidence = joint.sum()
        runs = numpy.concatenate([[hazard], (1 - hazard) * joint / evidence])
        scale = numpy.concatenate([[prior["scale"]], scale + weight * (value - mean) ** 2 / (2 * (weight + 1))])
        mean = numpy.concatenate([[prior["mean"]], (weight * mean + value) / (weight + 1)])
        count = numpy.concatenate([[0.0], count + 1])
        if index % 37 == 0 or index > len(series) - 3:
            shown.append([index, math.log(evidence), float(runs[:6].sum()), float((runs * count).sum()), float((runs * mean).sum())])
    return {"prior": prior, "expectedLength": expected_length, "shown": shown}


def main():
    _, columns = closes()
    returns = simple_returns(columns["SP500"])
    # 2007 to 2009: a calm year, a crisis, and what came after.
    part = returns[4280:5040]
    prior = {"mean": 0.0, "meanWeight": 0.1, "shape": 1.5, "scale": 1e-4}
    write(
        "regimes",
        ["hmmlearn", "numpy", "scipy"],
        {
            "from": 4280,
            "to": 5040,
            "hiddenMarkov": {name: hidden_markov(part, start) for name, start in STARTS.items()},
            "changePoints": [change_points(part, prior, 100), change_points(part, {**prior, "meanWeight": 2.0, "shape": 4.0}, 1000)],
        },
    )


main()
