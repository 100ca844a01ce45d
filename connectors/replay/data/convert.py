#!/usr/bin/env python3
"""Makes the replay's history files from two PyPI packages, once. Python 3 standard library only.

    python3 convert.py                    downloads the two wheels with `pip download`
    python3 convert.py WHEEL WHEEL        takes them from disk

skfolio 1.12.2 (BSD-3-Clause): daily closes of 20 US stocks and of the S&P 500, 1990-2022; five factor funds, 2014-2022.
arch 8.0.0 (NCSA): NASDAQ Composite, open, high, low, close and volume, 1999-2018.

Writes next to this script:
    closes.csv.gz   one row a date, one column an instrument; empty where a series has no figure
    nasdaq.csv.gz   date,open,high,low,close,volume

Every figure keeps the digits it was printed with. What is left out: NASDAQ's "Adj Close", which equals "Close" on every
row (checked below). What is changed: NASDAQ's dates, from M/D/YYYY to YYYY-MM-DD. See ATTRIBUTION.md.
"""

import csv
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKFOLIO = "skfolio-1.12.2-py3-none-any.whl"
ARCH = "arch-8.0.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl"
SHA256 = {
    SKFOLIO: "2d324c62a4188dc0b62a713f8d5cea177e208a5b45987e3d3f204dd56d3a669b",
    ARCH: "975ec3bdf7926335742ac362251fafe32b448b8f194dead062f22a00beef772d",
}


def download(folder):
    """Fetches the two wheels; the platform is named so that the same files come on every machine."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--python-version", "3.11"]
    command += ["--platform", "manylinux2014_x86_64", "--dest", str(folder), "skfolio==1.12.2", "arch==8.0.0"]
    subprocess.run(command, check=True)
    return [folder / name for name in SHA256]


def read_wheels(paths):
    """Bytes by file name; stops unless both wheels are there with the digests they had when this was written."""
    wheels = {Path(path).name: Path(path).read_bytes() for path in paths}
    for name, digest in SHA256.items():
        if name not in wheels:
            sys.exit(f"{name} is missing; run without arguments to download it")
        found = hashlib.sha256(wheels[name]).hexdigest()
        if found != digest:
            sys.exit(f"{name} has sha256 {found}, expected {digest}")
    return wheels


def table(wheel, member):
    """Header and rows of a gzipped CSV inside a wheel, as the strings they were written with."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        text = gzip.decompress(archive.read(member)).decode("ascii")
    header, *rows = csv.reader(io.StringIO(text))
    assert all(len(row) == len(header) for row in rows), member
    assert all(float(cell) >= 0 for row in rows for cell in row[1:]), member
    return header, rows


def write(name, header, rows):
    """A gzipped CSV with LF line ends and no time stamp, so that running again gives the same content."""
    dates = [row[0] for row in rows]
    assert dates == sorted(set(dates)), name
    text = "\n".join(",".join(row) for row in [header, *rows]) + "\n"
    path = HERE / name
    path.write_bytes(gzip.compress(text.encode("ascii"), compresslevel=9, mtime=0))
    print(f"{name}: {len(rows)} days, {dates[0]} to {dates[-1]}, {path.stat().st_size} bytes")


def main():
    with tempfile.TemporaryDirectory() as folder:
        wheels = read_wheels(sys.argv[1:] or download(Path(folder)))
    data = "skfolio/datasets/data/"
    stocks_header, stocks = table(wheels[SKFOLIO], data + "sp500_dataset.csv.gz")
    index_header, index = table(wheels[SKFOLIO], data + "sp500_index.csv.gz")
    factors_header, factors = table(wheels[SKFOLIO], data + "factors_dataset.csv.gz")
    _, nasdaq = table(wheels[ARCH], "arch/data/nasdaq/nasdaq.csv.gz")

    assert [row[0] for row in stocks] == [row[0] for row in index]
    factor_of = {row[0]: row[1:] for row in factors}
    assert set(factor_of) <= {row[0] for row in stocks}
    no_factor = [""] * (len(factors_header) - 1)
    closes = [
        [*stock, *level[1:], *factor_of.get(stock[0], no_factor)] for stock, level in zip(stocks, index, strict=True)
    ]
    write("closes.csv.gz", ["date", *stocks_header[1:], *index_header[1:], *factors_header[1:]], closes)

    assert all(close == adjusted for _, _, _, _, close, adjusted, _ in nasdaq)
    days = [
        [datetime.strptime(date, "%m/%d/%Y").date().isoformat(), *ohlc, volume] for date, *ohlc, _, volume in nasdaq
    ]
    write("nasdaq.csv.gz", ["date", "open", "high", "low", "close", "volume"], days)


if __name__ == "__main__":
    main()
