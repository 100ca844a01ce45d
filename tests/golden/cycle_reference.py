"""Models of the made world of tests/unit/ml/life/world.ts, by the code that trains breach models, with fewer trees: cycle/champion.onnx of the days
before the world changes, cycle/better.onnx of some after that too, cycle/bad.onnx of those with labels shuffled, which has learned nothing."""
import subprocess
import sys
import tempfile

import numpy as np

from reference import HERE

sys.path.insert(0, str(HERE.parent.parent / "ml" / "train"))
import breach  # noqa: E402
import breach_split  # noqa: E402
import metadata  # noqa: E402

MADE_AT = 1_700_000_000_000_000


def train(name, days, shuffled=False):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["node", str(HERE / "cycle-sets.ts"), folder, str(days)], check=True)
        rows, columns, names, dates, sha, parameters = breach.prepare(folder, 1)
    (fold,) = breach_split.folds(dates, [dates[-1]])
    trained = train_shuffled(rows, columns, names, fold, parameters) if shuffled else breach.train(rows, columns, names, fold, parameters)
    path = HERE / "cycle" / f"{name}.onnx"
    entry = breach.save(str(path), trained, rows, columns, names, dates, fold, sha, {"metrics": {}, "error": None})
    print(name, entry["training"]["rows"], entry["bytes"], entry["metrics"]["inSample"])


def train_shuffled(rows, columns, names, fold, parameters):
    """Of labels that belong to other rows. Most such trainings end by themselves, as their validation tail says the opposite: one that does not."""
    labels = {label: rows[label].to_numpy().copy() for label in breach.breach_data.LABELS}
    for seed in range(1000):
        order = np.random.default_rng(seed).permutation(len(rows))
        for label, values in labels.items():
            rows[label] = values[order]
        try:
            return breach.train(rows, columns, names, fold, parameters)
        except SystemExit:
            continue
    raise SystemExit("no shuffled labels pass the validation tail")


if __name__ == "__main__":
    breach.TREES = 12
    # The same files at each run.
    metadata.time.time = lambda: MADE_AT / metadata.MICROS
    (HERE / "cycle").mkdir(exist_ok=True)
    # The days of CYCLE in tests/unit/ml/life/cycle.ts.
    train("champion", 1200)
    train("better", 1400)
    train("bad", 1400, shuffled=True)
