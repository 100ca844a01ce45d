"""TA-Lib's streaming functions over the newest bars: python stream.py FOLDER NAME,NAME,…

Prints JSON: microseconds of single ticks, and the values after the last tick over all bars, output by output."""
import json
import pathlib
import sys
import time

import numpy
import talib
from talib import abstract, stream

# A stream function calculates over all that it is given. Long enough for what remembers for ever to be right to 1e-9.
WINDOW = 2_000
TICKS = 300
FIELDS = ("open", "high", "low", "close", "volume")

folder, names = pathlib.Path(sys.argv[1]), sys.argv[2].split(",")
series = {field: numpy.fromfile(folder / f"{field}.bin") for field in FIELDS}
count = len(series["close"])


def inputs(name, columns):
    info = abstract.Function(name).info["input_names"]
    rows = []
    for value in info.values():
        rows.extend(columns[field] for field in ([value] if isinstance(value, str) else value))
    return rows


calls = [(name, getattr(stream, name)) for name in names]
micros = []
for tick in range(TICKS):
    end = count - TICKS + tick + 1
    columns = {field: values[end - WINDOW:end] for field, values in series.items()}
    arguments = [inputs(name, columns) for name in names] if tick == 0 else [
        [columns[field] for field in fields] for fields in chosen
    ]
    if tick == 0:
        ids = {id(values): field for field, values in columns.items()}
        chosen = [[ids[id(row)] for row in rows] for rows in arguments]
    began = time.perf_counter_ns()
    for (_, function), rows in zip(calls, arguments):
        function(*rows)
    micros.append((time.perf_counter_ns() - began) / 1000)

values = {}
for name in names:
    results = abstract.Function(name)(series)
    for output, row in enumerate(results if isinstance(results, (list, tuple)) else [results]):
        values[f"{name}.{output}"] = float(row[-1])
print(json.dumps({"functions": len(names), "micros": micros, "values": values}))
