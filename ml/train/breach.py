"""Trains the models of breach prediction, walk-forward: one for each training end, so that a replay scores every day by a model that could have
known no later one.

    node ml/train/breach/main.ts --recorded RECORDED --out SET        # the training set, by the code that serves
    python ml/train/breach.py --set SET --models ml/models/breach --predictions predictions.parquet
    python ml/train/evaluate_breach.py --predictions predictions.parquet --json ml/models/breach/evaluation.json

Of each fold (breach_split.py): trees (LightGBM, one ensemble a horizon, held to the monotone directions of the feature table) on the rows whose
labels end before the validation tail; Platt's calibration on that tail alone; baselines on both; then the test rows are predicted. Rows of
one limit repeat themselves from day to day, so trees see every second of its days.
"""
import argparse
import datetime
import hashlib
import json
import os
import time

import lightgbm
import numpy as np
import onnxruntime
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import breach_baselines
import breach_data
import breach_graph
import breach_split
import drift_reference
import metadata

SEED = 7
ENDS = [f"{year}-12-31" for year in range(1994, 2023, 2)]
TREES = 64
EVERY_DAYS = 2
# Between the best two of seven on the validation tail of the fold that ends in 2006 (its days from 2002 on).
PARAMETERS = {
    "objective": "binary", "learning_rate": 0.08, "num_leaves": 15, "min_data_in_leaf": 200, "lambda_l2": 20.0, "feature_fraction": 0.8,
    "monotone_constraints_method": "basic", "use_missing": False, "deterministic": True, "force_col_wise": True, "verbose": -1,
}
PACKAGES = ["lightgbm", "numpy", "onnx", "pandas", "pyarrow", "scikit-learn"]
LEAST_BREACHES = 20
LABEL = ("1 if the limit engine told of a breach of the limit (risk.breaches, level BREACH) on one of the next h trading days of its portfolio, "
         "else 0; rows of limits that are broken or have no figure at the day's end are left out")
# A score of LightGBM and one of the graph may differ by the order of a sum of 64 doubles.
TOLERANCE = 1e-9


def main():
    options = argparse.ArgumentParser(description="Trains the models of breach prediction")
    options.add_argument("--set", required=True)
    options.add_argument("--models", required=True)
    options.add_argument("--predictions", required=True)
    options.add_argument("--golden", help="where to write rows and scores that the TypeScript tests are held to")
    options.add_argument("--threads", type=int, default=2)
    arguments = options.parse_args()
    rows, columns, names, dates, sha, parameters = prepare(arguments.set, arguments.threads)
    found, index, golden = [], [], []
    for fold in breach_split.folds(dates, ENDS):
        began = time.time()
        trained = train(rows, columns, names, fold, parameters)
        scored, own = predict(rows, columns, names, fold, trained)
        found.append(scored)
        path = os.path.join(arguments.models, f"{dates[fold['labels_until']]}.onnx")
        entry = save(path, trained, rows, columns, names, dates, fold, sha, own)
        index.append(entry)
        golden.append(trained)
        print(f"{entry['file']}: {entry['training']['rows']} rows, {len(scored)} tested, {time.time() - began:.0f} s", flush=True)
    write_index(arguments.models, index)
    predictions = rows.loc[np.concatenate([scored.index for scored in found]), breach_data.KEYS + breach_data.LABELS].copy()
    for name in found[0].columns:
        predictions[name] = np.concatenate([scored[name].to_numpy() for scored in found])
    predictions.to_parquet(arguments.predictions)
    if arguments.golden:
        write_golden(arguments.golden, columns, rows, golden, index)


def prepare(folder, threads):
    """The rows of a set, their features as columns with names, the calendar, the hash of the set, and the settings of the trees."""
    rows, dates, sha = breach_data.load(folder)
    features = breach_data.table()["features"]
    names = [feature["name"] for feature in features]
    rows["limit"] = rows.groupby(["portfolio", "limitId"], observed=True).ngroup()
    parameters = {**PARAMETERS, "seed": SEED, "num_threads": threads, "monotone_constraints": [feature["monotone"] for feature in features]}
    return rows, rows[names].to_numpy(), names, dates, sha, parameters


def train(rows, columns, names, fold, parameters):
    """The boosters and calibrations of a fold, its baselines, medians and what it was trained on."""
    at, limit = rows["at"].to_numpy(), rows["limit"].to_numpy()
    chosen = (at + limit) % EVERY_DAYS == 0
    types = rows["type"].astype(str).to_numpy()
    boosters, calibrations, baselines, in_sample = [], [], [], {}
    for horizon, label in zip(breach_data.HORIZONS, breach_data.LABELS):
        y = rows[label].to_numpy(dtype=float)
        known = np.isfinite(y)
        core = known & chosen & breach_split.in_train(at, horizon, fold)
        tail = known & breach_split.in_calibration(at, horizon, fold)
        booster = lightgbm.train(parameters, lightgbm.Dataset(columns[core], y[core], feature_name=names), TREES)
        platt = LogisticRegression(C=1e6).fit(booster.predict(columns[tail], raw_score=True)[:, None], y[tail])
        slope, intercept = float(platt.coef_[0, 0]), float(platt.intercept_[0])
        if slope <= 0:
            raise SystemExit(f"The validation tail says the opposite of the training rows ({horizon} days): there is no model")
        boosters.append(booster)
        calibrations.append((slope, intercept))
        p = sigmoid(slope * booster.predict(columns[core], raw_score=True) + intercept)
        in_sample.update({f"brier{horizon}": np.mean((p - y[core]) ** 2), f"auc{horizon}": roc_auc_score(y[core], p)})
        both = chosen & known & (at + horizon <= fold["labels_until"])
        passage = columns[:, names.index(f"passage{horizon}")]
        baselines.append(breach_baselines.fit(columns[both, 0], types[both], passage[both], y[both]))
    until = at <= fold["trained_until"]
    # The last label is of 20 days: types without breaches cannot be learned.
    counts = rows.loc[core].groupby("type", observed=True)["breach20"].sum()
    return {
        "boosters": boosters, "calibrations": calibrations, "baselines": baselines, "in_sample": in_sample,
        "medians": np.median(columns[until & chosen], axis=0), "types": sorted(counts[counts >= LEAST_BREACHES].index.astype(str)),
        "rows": int(core.sum()), "calibration_rows": int(tail.sum()),
        "from": int(rows.loc[core, "eventTime"].min()), "to": int(rows.loc[core, "eventTime"].max()),
    }


def scores(trained, columns):
    """Calibrated probabilities of all horizons, none below a shorter one's, as the graph makes them."""
    alone = [sigmoid(slope * booster.predict(columns, raw_score=True) + intercept)
             for booster, (slope, intercept) in zip(trained["boosters"], trained["calibrations"])]
    return np.maximum.accumulate(np.stack(alone, axis=1), axis=1)


def predict(rows, columns, names, fold, trained):
    """The test rows of a fold with every forecast, `model:1`, `logistic:1` ..., and the model's own metrics and calibration error on them."""
    test = np.flatnonzero(breach_split.in_test(rows["at"].to_numpy(), fold))
    found = {}
    p = scores(trained, columns[test])
    types = rows["type"].astype(str).to_numpy()[test]
    own, errors = {}, []
    for index, horizon in enumerate(breach_data.HORIZONS):
        found[f"model:{horizon}"] = p[:, index]
        passage = columns[test, names.index(f"passage{horizon}")]
        for name, values in trained["baselines"][index](columns[test, 0], types, passage).items():
            found[f"{name}:{horizon}"] = values
        y = rows[f"breach{horizon}"].to_numpy(dtype=float)[test]
        known = np.isfinite(y)
        if known.any():
            own[f"brier{horizon}"] = np.mean((p[known, index] - y[known]) ** 2)
            errors.append(calibration_error(p[known, index], y[known]))
            if 0 < y[known].mean() < 1:
                own[f"auc{horizon}"] = roc_auc_score(y[known], p[known, index])
    return rows.iloc[test][[]].assign(**found), {"metrics": own, "error": float(np.mean(errors)) if errors else None}


def calibration_error(p, y):
    """Expected calibration error, ten bins with as many rows each."""
    return sum(len(part) / len(p) * abs(p[part].mean() - y[part].mean()) for part in np.array_split(np.argsort(p, kind="stable"), 10) if len(part))


def reference(trained, rows, columns, names, fold):
    """What drift is measured against: limits that people have set, since those made for training are in no system. Features up to the training
    end; scores on the tail, which the trees have not seen."""
    at = rows["at"].to_numpy()
    own = ((rows["source"] != "made") & ~rows["limitId"].str.startswith("made:")).to_numpy() & (at <= fold["labels_until"])
    tail = own & (at >= fold["calibrate_from"])
    times = rows["eventTime"].to_numpy()
    described = drift_reference.describe(times[own], dict(zip(names, columns[own].T)))
    said = drift_reference.describe(times[tail], dict(zip(breach_data.LABELS, scores(trained, columns[tail]).T)))
    return {**described, "columns": described["columns"] + said["columns"]}


def save(path, trained, rows, columns, names, dates, fold, sha, own):
    """Writes the model. Returns what is known of it, and its file's name, size and hash."""
    model = breach_graph.model(trained["boosters"], trained["calibrations"], len(names))
    end = dates[fold["labels_until"]]
    days = rows["at"].to_numpy() == fold["labels_until"]
    meta = metadata.describe(
        model, name="breach", features=names, outputs=breach_data.LABELS,
        training={"from": trained["from"], "to": trained["to"], "labelsUntil": rows.loc[days, "eventTime"].max(), "rows": trained["rows"]},
        data_sha256=sha, label=LABEL, in_sample=trained["in_sample"], out_of_sample=own["metrics"],
        calibration={"method": "Platt, on a purged validation tail", "rows": trained["calibration_rows"], "error": own["error"]},
        packages=PACKAGES, seed=SEED, reference=reference(trained, rows, columns, names, fold),
        details={
            # The first day that it may score: so many trading days after the last that a label looked at.
            "scoresFrom": dates[fold["test_from"]] if fold["test_from"] < len(dates) else following(end),
            "types": trained["types"], "medians": [float(value) for value in trained["medians"]],
            "slopes": [slope for slope, _ in trained["calibrations"]], "intercepts": [intercept for _, intercept in trained["calibrations"]],
        },
    )
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    metadata.save(model, path)
    check(path, trained, columns[:: max(1, len(rows) // 5000)])
    with open(path, "rb") as file:
        content = file.read()
    return {"file": os.path.basename(path), "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), **meta}


def check(path, trained, columns):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = np.abs(session.run(None, {"features": columns})[0] - scores(trained, columns)).max()
    if worst > TOLERANCE:
        raise SystemExit(f"{path}: the graph's scores differ from LightGBM's by {worst}")


def following(day):
    """28 calendar days on: 20 trading days need no more."""
    return str(datetime.date.fromisoformat(day) + datetime.timedelta(days=30))


def write_index(folder, index):
    """Models by training end: what a replay picks from. Features are said once: they are the same of all."""
    shared = {name: index[0][name] for name in ("name", "features", "outputs", "label", "dataSha256", "packages", "seed")}
    own = ("file", "sha256", "bytes", "scoresFrom", "training", "types", "medians", "metrics", "calibration")
    told = [{**entry, **entry["details"]} for entry in index]
    text = json.dumps({**shared, "models": [{name: entry[name] for name in own} for entry in told]}, indent=1, allow_nan=False)
    with open(os.path.join(folder, "index.json"), "w", encoding="utf-8") as file:
        file.write(text + "\n")


def write_golden(path, columns, rows, trained, index):
    """Rows of all kinds of limits, and LightGBM's scores of them by a few of the models."""
    random = np.random.default_rng(SEED)
    near = random.choice(np.flatnonzero(rows["breach20"].to_numpy(dtype=float) == 1), 60, replace=False)
    any_ = random.choice(len(rows), 40, replace=False)
    chosen = columns[np.concatenate([near, any_])]
    models = [{"file": index[at]["file"], "scores": scores(trained[at], chosen).tolist()} for at in (0, len(index) // 2, len(index) - 1)]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"packages": index[0]["packages"], "rows": chosen.tolist(), "models": models}, file, allow_nan=False)
        file.write("\n")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


if __name__ == "__main__":
    main()
