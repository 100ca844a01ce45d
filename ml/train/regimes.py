"""Trains the classifier of regimes walk-forward, and writes a model a training end into a folder, with what is known of them in index.json.

    node ml/train/regimes/main.ts --out regimes.parquet
    python regimes.py --set regimes.parquet --models ../models/regimes [--golden ../../tests/golden/regime_model.json]

A model's outputs: six probabilities (the regime that the day will turn out to have been in), and the variance of the next day's return over the
usual one. Labels look LABEL_DAYS ahead, so a row teaches only where these days are over before the training end.
"""
import argparse
import json
import os
import time

import lightgbm
import numpy as np
import onnxruntime
import pandas

import drift_reference
import metadata
import onnx_export

REGIMES = ["BULL_CALM", "BULL_VOLATILE", "BEAR_CALM", "BEAR_VOLATILE", "CRISIS", "SIDEWAYS"]
OUTPUTS = REGIMES + ["variance"]
LABEL_DAYS = 31
ENDS = [f"{year}-12-31" for year in range(1994, 2023, 2)]
LABEL = "The regime of the day as quant/regimes/labels.ts says 31 trading days later, and the square of the next day's return over the usual variance."
PACKAGES = ["lightgbm", "numpy", "onnx", "pandas"]
SEED = 20061
CLASSES = {"objective": "multiclass", "num_class": 6, "num_leaves": 7, "learning_rate": 0.05, "min_data_in_leaf": 400, "lambda_l2": 20.0,
           "feature_fraction": 0.5, "bagging_fraction": 0.5, "bagging_freq": 1, "deterministic": True, "force_row_wise": True, "verbose": -1}
CLASS_TREES = 80
VARIANCE = {"objective": "gamma", "num_leaves": 6, "learning_rate": 0.05, "min_data_in_leaf": 600, "lambda_l2": 20.0,
            "feature_fraction": 0.5, "bagging_fraction": 0.5, "bagging_freq": 1, "deterministic": True, "force_row_wise": True, "verbose": -1}
VARIANCE_TREES = 120
# One day must not decide a tree.
MOST_SQUARES = 60.0
LEAST_SQUARE = 1e-4
TOLERANCE = 1e-9


def main():
    options = argparse.ArgumentParser(description="Trains the classifier of regimes")
    options.add_argument("--set", required=True)
    options.add_argument("--models", required=True)
    options.add_argument("--golden", help="where to write rows and scores that the TypeScript tests are held to")
    options.add_argument("--threads", type=int, default=2)
    arguments = options.parse_args()
    rows = pandas.read_parquet(arguments.set).sort_values(["at", "instrument"], kind="stable").reset_index(drop=True)
    known = {"instrument", "date", "at", "eventTime", "label", "nextSquare"}
    names = [name for name in rows.columns if name not in known]
    dates = days_of(rows)
    sha = metadata.data_hash(rows[names].to_numpy(), rows[["label", "nextSquare"]].to_numpy())
    index, golden = [], []
    for number, end in enumerate(ENDS):
        began = time.time()
        boosters, fold = train(rows, names, dates, end, arguments.threads)
        following = ENDS[number + 1] if number + 1 < len(ENDS) else None
        index.append(save(arguments.models, rows, names, dates, boosters, fold, following, sha))
        golden.append(boosters)
        print(f"{index[-1]['file']}: {fold['rows']} rows, {time.time() - began:.0f} s, {index[-1]['metrics']}", flush=True)
    write_index(arguments.models, index, names, sha)
    if arguments.golden:
        write_golden(arguments.golden, rows, names, golden, index)


def days_of(rows):
    """Dates by position of the trading day."""
    first = rows.groupby("at")["date"].first()
    return {int(at): date for at, date in first.items()}


def train(rows, names, dates, end, threads):
    until = max(at for at, date in dates.items() if date <= end)
    at, label, square = rows["at"].to_numpy(), rows["label"].to_numpy(), rows["nextSquare"].to_numpy()
    columns = rows[names].to_numpy()
    labelled = (label >= 0) & (at + LABEL_DAYS <= until)
    squared = np.isfinite(square) & (at + 1 <= until)
    common = {"seed": SEED, "num_threads": threads}
    classes = lightgbm.train({**CLASSES, **common}, lightgbm.Dataset(columns[labelled], label[labelled], feature_name=names), CLASS_TREES)
    targets = np.clip(square[squared], LEAST_SQUARE, MOST_SQUARES)
    variance = lightgbm.train({**VARIANCE, **common}, lightgbm.Dataset(columns[squared], targets, feature_name=names), VARIANCE_TREES)
    return [classes, variance], {"until": until, "labelled": labelled, "squared": squared, "rows": int(labelled.sum())}


def scores(boosters, columns):
    classes, variance = boosters
    return np.column_stack([classes.predict(columns), variance.predict(columns)])


def measure(found, rows, chosen):
    """Log loss and accuracy of the regimes, and QLIKE of the variance, on chosen rows."""
    label, square = rows["label"].to_numpy()[chosen], rows["nextSquare"].to_numpy()[chosen]
    known, squared = label >= 0, np.isfinite(square)
    p = found[known, :6]
    own = label[known]
    return {
        "logLoss": float(-np.mean(np.log(p[np.arange(len(own)), own]))),
        "accuracy": float(np.mean(p.argmax(axis=1) == own)),
        "qlike": float(np.mean(np.log(found[squared, 6]) + square[squared] / found[squared, 6])),
    }


def save(folder, rows, names, dates, boosters, fold, following, sha):
    model = onnx_export.lightgbm_joint_model(boosters)
    columns, at = rows[names].to_numpy(), rows["at"].to_numpy()
    until = fold["until"]
    last = max(dates)
    test_until = last if following is None else max(day for day, date in dates.items() if date <= following)
    test = (at > until) & (at <= test_until)
    times = rows["eventTime"].to_numpy()
    used = fold["labelled"]
    in_sample = scores(boosters, columns[used])
    tested = scores(boosters, columns[test])
    out = measure(tested, rows, test) if test.sum() > 1000 else {}
    columns_of = {name: columns[used, place] for place, name in enumerate(names)}
    columns_of.update({name: in_sample[:, place] for place, name in enumerate(OUTPUTS)})
    labels_until = int(times[at == until].max())
    meta = metadata.describe(
        model, name="regimes", features=names, outputs=OUTPUTS,
        training={"from": int(times[used].min()), "to": int(times[used].max()), "labelsUntil": labels_until, "rows": fold["rows"]},
        data_sha256=sha, label=LABEL, in_sample=measure(in_sample, rows, used), out_of_sample=out,
        calibration={"method": "none: the ensemble calibrates", "rows": 0, "error": None},
        packages=PACKAGES, seed=SEED, reference=drift_reference.describe(times[used], columns_of))
    os.makedirs(folder, exist_ok=True)
    name = f"{dates[until]}.onnx"
    path = os.path.join(folder, name)
    version = metadata.save(model, path)
    check(path, boosters, columns[:: max(1, len(columns) // 5000)])
    return {"file": name, "version": version, "scoresFrom": labels_until, "metrics": meta["metrics"], "training": meta["training"]}


def check(path, boosters, columns):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = np.abs(session.run(None, {"features": columns})[0] - scores(boosters, columns)).max()
    if worst > TOLERANCE:
        raise SystemExit(f"{path}: the graph's scores differ from LightGBM's by {worst}")


def write_index(folder, index, names, sha):
    text = json.dumps({"name": "regimes", "features": names, "outputs": OUTPUTS, "dataSha256": sha, "models": index}, indent=1, allow_nan=False)
    with open(os.path.join(folder, "index.json"), "w", encoding="utf-8") as file:
        file.write(text + "\n")


def write_golden(path, rows, names, boosters, index):
    """Rows of all regimes, and LightGBM's scores of them by a few of the models."""
    random = np.random.default_rng(SEED)
    label = rows["label"].to_numpy()
    chosen = np.concatenate([random.choice(np.flatnonzero(label == regime), 15, replace=False) for regime in range(6)])
    columns = rows[names].to_numpy()[chosen]
    models = [{"file": index[at]["file"], "scores": scores(boosters[at], columns).tolist()} for at in (0, len(index) // 2, len(index) - 1)]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"rows": columns.tolist(), "models": models}, file, allow_nan=False)
        file.write("\n")


if __name__ == "__main__":
    main()
