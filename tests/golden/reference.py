"""What every script that makes reference values shares: the shipped histories, and how results are written.

    python -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python <name>_reference.py            # writes <name>.json beside itself

Figures are written with 17 significant digits, so a double comes back as it was; beside them the versions of what made them.
"""
import csv
import gzip
import importlib.metadata
import json
import math
import pathlib

HERE = pathlib.Path(__file__).parent
DATA = HERE.parent.parent / "connectors" / "replay" / "data"


def closes():
    """Dates, and by instrument its closes (NaN before the first)."""
    with gzip.open(DATA / "closes.csv.gz", "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    names = [name for name in rows[0] if name != "date"]
    columns = {name: [float(row[name]) if row[name] else math.nan for row in rows] for name in names}
    return [row["date"] for row in rows], columns


def simple_returns(prices):
    """price / previous price - 1."""
    return [after / before - 1 for before, after in zip(prices, prices[1:])]


def write(name, packages, values):
    """Writes <name>.json: the versions of the packages, then the values."""
    versions = {package: importlib.metadata.version(package) for package in packages}
    text = json.dumps({"packages": versions, **values}, indent=1, allow_nan=False)
    (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")
