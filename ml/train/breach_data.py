"""The training set of breach prediction as ml/train/breach/main.ts (one Parquet file a portfolio) and tidemark features write it."""
import glob
import hashlib
import json
import os

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

HORIZONS = (1, 5, 20)
KEYS = ["portfolio", "source", "limitId", "type", "day", "eventTime"]
LABELS = [f"breach{horizon}" for horizon in HORIZONS]


def load(folder):
    """All rows, those of one portfolio together, each limit's by day. Adds `at`: the day's position in the calendar of all days."""
    paths = sorted(glob.glob(os.path.join(folder, "*.parquet")))
    if not paths:
        raise SystemExit(f"There is no Parquet file in {folder}: node ml/train/breach/main.ts makes them")
    rows = pd.concat([pq.read_table(path).to_pandas() for path in paths], ignore_index=True)
    for name in ("portfolio", "source", "type"):
        rows[name] = rows[name].astype("category")
    days = np.unique(rows["day"].to_numpy())
    rows["at"] = np.searchsorted(days, rows["day"].to_numpy())
    dates = [str(date) for date in days.astype("datetime64[D]")]
    return rows, dates, sha256(paths)


def sha256(paths):
    """Of the files' contents, in the order of their names."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()


def table():
    """The features as ml/features/breach-table.ts declares them; breach-table.json beside them is written from it and held to it by a test."""
    with open(os.path.join(os.path.dirname(__file__), "..", "features", "breach-table.json"), encoding="utf-8") as file:
        return json.load(file)
