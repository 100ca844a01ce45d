"""Reference values of indicators by TA-Lib, one JSON file a group.

    venv/bin/python indicators_reference.py [group ...]        # writes indicators-<group>.json

Series: NASDAQ Composite 1999-2018 (open, high, low, close, volume), and a million generated bars, the same as
indicator-series.ts makes: every operation on them is exact or the same in both languages.
Of each output: where the first value is, the first ones, each 199th, the last ones; of candle patterns every one that is not zero.
Of the million bars the last values, which any drift would have reached.
"""
import csv
import gzip
import math
import sys

import numpy
from talib import abstract

from indicators_cases import CASES
from reference import DATA, write

FIELDS = ("open", "high", "low", "close", "volume")


def nasdaq():
    with gzip.open(DATA / "nasdaq.csv.gz", "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return {field: numpy.array([float(row[field]) for row in rows]) for field in FIELDS}


def generated(count=1_000_000):
    """A walk on a grid of 1/64 that a linear congruential generator drives, so that every price is exact in a double."""
    state = 12345
    close = 64 * 1000
    columns = {field: numpy.empty(count) for field in FIELDS}
    for index in range(count):
        draws = []
        for _ in range(5):
            state = (state * 1103515245 + 12345) % 2147483648
            draws.append(state >> 16)
        opened = close + draws[0] % 33 - 16
        # Drawn back to 1,000, so that it stays positive for ever.
        pull = (64 * 1000 - close) // 512
        close = opened + draws[1] % 129 - 64 + pull
        columns["open"][index] = opened / 64
        columns["close"][index] = close / 64
        columns["high"][index] = (max(opened, close) + draws[2] % 40) / 64
        columns["low"][index] = (min(opened, close) - draws[3] % 40) / 64
        columns["volume"][index] = 1000 + draws[4] % 9000
    return columns


GAPS = (0, 0, 1, -1, 4, -4, 9, -9)
BODIES = (0, 1, -1, 3, -3, 12, -12, 20, -20, 25)
SHADOWS = (0, 0, 0, 1, 6, 14)


def candles(count=200_000):
    """Candles of a few shapes at whole prices, so that every pattern occurs: they share ends, have no body, leave gaps."""
    state = 4711
    close = 1000
    columns = {field: numpy.empty(count) for field in FIELDS}
    for index in range(count):
        draws = []
        for _ in range(4):
            state = (state * 1103515245 + 12345) % 2147483648
            draws.append(state >> 16)
        opened = close + GAPS[draws[0] % 8] + (15 if close < 300 else -15 if close > 2000 else 0)
        close = opened + BODIES[draws[1] % 10]
        columns["open"][index] = opened
        columns["close"][index] = close
        columns["high"][index] = max(opened, close) + SHADOWS[draws[2] % 6]
        columns["low"][index] = min(opened, close) - SHADOWS[draws[3] % 6]
        columns["volume"][index] = 1
    return columns


def calculate(name, parameters, series):
    function = abstract.Function(name)
    names = list(function.info["parameters"])
    function.parameters = dict(zip(names, parameters))
    values = function(series)
    outputs = values if isinstance(values, (list, tuple)) else [values]
    # Whole numbers have no NaN: TA-Lib gives 0 before the first.
    lookback = function.lookback
    padding = numpy.where(numpy.arange(len(outputs[0])) < lookback, numpy.nan, 0.0)
    return [output + padding if output.dtype.kind == "i" else output for output in map(numpy.asarray, outputs)]


def sample(values):
    defined = numpy.flatnonzero(~numpy.isnan(values))
    first = int(defined[0])
    places = sorted({*range(first, min(first + 6, len(values))), *range(first, len(values), 199), *range(len(values) - 3, len(values))})
    return {"first": first, "at": places, "values": [float(values[place]) for place in places]}


def pattern(values, lookback):
    places = [int(place) for place in numpy.flatnonzero(numpy.nan_to_num(values))]
    return {"first": lookback, "nonzero": [[place, int(values[place])] for place in places]}


def main(groups):
    real, million, rough = nasdaq(), generated(), candles()
    for group in groups or CASES:
        cases = []
        for name, parameter_lists in CASES[group].items():
            function = abstract.Function(name)
            defaults = list(function.info["parameters"].values())
            for parameters in [defaults, *parameter_lists]:
                function.parameters = dict(zip(function.info["parameters"], parameters))
                lookback = function.lookback
                outputs = calculate(name, parameters, real)
                last = [[float(value) for value in output[-2:]] for output in calculate(name, parameters, million)]
                if any(math.isnan(value) for values in last for value in values):
                    raise ValueError(f"{name} {parameters}: no value after a million bars")
                kept = [pattern(output, lookback) if group == "pattern" else sample(output) for output in outputs]
                names = list(function.info["output_names"])
                if group == "pattern":
                    shown = pattern(calculate(name, parameters, rough)[0], lookback)["nonzero"]
                    if not shown and not kept[0]["nonzero"]:
                        print(f"{name} {parameters} is nowhere")
                    # Evenly chosen, and how many there are in all.
                    kept[0]["candles"] = {"count": len(shown), "sum": sum(value for _, value in shown), "sample": shown[:: max(1, len(shown) // 20)]}
                    kept[0]["nonzero"] = kept[0]["nonzero"][:: max(1, len(kept[0]["nonzero"]) // 40)]
                    kept[0]["count"] = int(numpy.count_nonzero(numpy.nan_to_num(outputs[0])))
                cases.append({"name": name, "parameters": parameters, "lookback": lookback, "outputs": names, "real": kept, "million": last})
        write(f"indicators-{group}", ["TA-Lib", "numpy"], {"cases": cases})


if __name__ == "__main__":
    main(sys.argv[1:])
