"""Reference values of ml/model/scorer.ts: small models of LightGBM and scikit-learn on the shipped history, as onnx/<name>.onnx with metadata, and
what the trainers themselves say to rows, those on the thresholds of the trees among them. Writes onnx.json."""
import sys

import lightgbm
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from reference import HERE, closes, write

sys.path.insert(0, str(HERE.parent.parent / "ml" / "train"))
import drift_reference  # noqa: E402
import metadata  # noqa: E402
import onnx_export  # noqa: E402

SEED = 6
HORIZON = 5
dates, columns = closes()
price = pd.DataFrame(columns, index=pd.to_datetime(dates))[["SP500", "AAPL", "KO", "XOM"]].loc["1995":"2012"]
returns = price.pct_change()
vol = returns.ewm(alpha=0.06).std()
frame = pd.DataFrame({
    "return1": returns["SP500"], "return5": price["SP500"].pct_change(5), "return21": price["SP500"].pct_change(21),
    "volatility": vol["SP500"], "volatilityRatio": vol["SP500"] / vol["SP500"].rolling(252).mean(),
    "spread": returns["AAPL"] - returns["KO"], "energy": returns["XOM"].rolling(10).sum(), "weekday": price.index.day_of_week.astype(float),
})
ahead = price["SP500"].shift(-HORIZON) / price["SP500"] - 1
rows = frame.iloc[260:-HORIZON]
state = np.digitize(ahead.loc[rows.index], [-0.02, 0.02])
falls = (state == 0).astype(int)
x = rows.to_numpy()
gaps = x.copy()
gaps[np.random.default_rng(SEED).random(x.shape) < 0.05] = np.nan
times = rows.index.to_numpy().astype("datetime64[us]").astype(np.int64)
split = len(x) * 3 // 4


def brier(probability, outcome):
    return float(((probability - outcome) ** 2).mean())


def save(name, model, outputs, predict, data, missing, packages, metrics):
    scores = predict(data).reshape(len(data), -1)
    described = drift_reference.describe(
        times[:split], {**dict(zip(rows.columns, data[:split].T)), **dict(zip(outputs, scores[:split].T))}
    )
    meta = metadata.describe(
        model, name=name, features=list(rows.columns), outputs=outputs, missing=missing,
        training={"from": times[0], "to": times[split - 1], "labelsUntil": times[split - 1 + HORIZON], "rows": split},
        data_sha256=metadata.data_hash(data[:split], state[:split]), label="SP500 falls by more than 2 % within five trading days",
        in_sample=metrics(slice(0, split)),
        out_of_sample=metrics(slice(split + HORIZON, None)),
        calibration={"method": "none", "rows": 0, "error": None}, packages=packages, seed=SEED, reference=described,
        made_at=1_700_000_000_000_000,
    )
    version = metadata.save(model, str(HERE / "onnx" / f"{name}.onnx"))
    return {"name": name, "version": version, "metadata": meta}


def said(predict, data):
    return predict(data).reshape(len(data), -1).tolist()


def thresholds(booster):
    """A row on every threshold of the trees, and one a hair beside it on both sides."""
    found = []

    def walk(node):
        if "split_feature" in node:
            found.append((node["split_feature"], node["threshold"]))
            walk(node["left_child"])
            walk(node["right_child"])

    for tree in booster.dump_model()["tree_info"]:
        walk(tree["tree_structure"])
    made = []
    # LightGBM takes values within 1e-35 of zero for zero: no row of real data is there.
    for feature, threshold in [pair for pair in dict.fromkeys(found) if abs(pair[1]) > 1e-30][:60]:
        for value in (np.nextafter(threshold, -np.inf), threshold, np.nextafter(threshold, np.inf)):
            row = x[split].copy()
            row[feature] = value
            made.append(row)
    return np.array(made)


booster = lightgbm.train(
    {"objective": "binary", "num_leaves": 15, "verbose": -1, "seed": SEED, "deterministic": True, "num_threads": 1, "min_data_in_leaf": 20},
    lightgbm.Dataset(x[:split], falls[:split]), 60,
)
hist = HistGradientBoostingClassifier(max_iter=15, max_leaf_nodes=15, random_state=SEED).fit(gaps[:split], state[:split])
scaler = StandardScaler().fit(x[:split])
logistic = LogisticRegression().fit(scaler.transform(x[:split]), falls[:split])
trees = lambda data: booster.predict(data, num_threads=1)
hist_says = lambda data: hist.predict_proba(data)
logistic_says = lambda data: logistic.predict_proba(scaler.transform(data))[:, 1]

binary = lambda predict: lambda part: {"brier": brier(predict(x[part]), falls[part])}
models = [
    save("falls-lightgbm", onnx_export.lightgbm_model(booster), ["fall"], trees, x, "refused", ["lightgbm", "numpy", "onnx"], binary(trees)),
    save("states-hist", onnx_export.hist_gradient_boosting_model(hist), ["down", "flat", "up"], hist_says, gaps, "learned",
         ["scikit-learn", "numpy", "onnx"], lambda part: {"logLoss": float(-np.log(hist_says(gaps[part])[np.arange(len(state[part])), state[part]]).mean())}),
    save("falls-logistic", onnx_export.logistic_model(scaler, logistic), ["fall"], logistic_says, x, "refused",
         ["scikit-learn", "numpy", "onnx"], binary(logistic_says)),
]
sample = np.concatenate([x[::25], thresholds(booster)])
gappy = gaps[::25]
shown = lambda data: [[None if np.isnan(value) else float(value) for value in row] for row in data]
write("onnx", ["lightgbm", "scikit-learn", "onnx", "numpy"], {
    "models": models,
    "rows": shown(sample),
    "rowsWithGaps": shown(gappy),
    "scores": {"falls-lightgbm": said(trees, sample), "falls-logistic": said(logistic_says, sample), "states-hist": said(hist_says, gappy)},
})
