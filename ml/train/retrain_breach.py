"""Trains one model of breach prediction on a whole set, as of the set's last day: what a drift, a schedule or a person asks for.

    tidemark features --out SET/recorded.parquet [--as-of TIME]
    python ml/train/retrain_breach.py --set SET --out model.onnx

What it says of itself out of sample is of a model with the same settings whose labels end after four fifths of the days, on the days after
that: the model itself has none.
"""
import argparse

import breach
import breach_split

MEASURED_FROM = 0.8
# Below it neither the trees nor the reference of drift have enough to go by.
LEAST_DAYS = 300


def main():
    options = argparse.ArgumentParser(description="Trains a model of breach prediction on all of a set")
    options.add_argument("--set", required=True)
    options.add_argument("--out", required=True)
    options.add_argument("--threads", type=int, default=1)
    arguments = options.parse_args()
    rows, columns, names, dates, sha, parameters = breach.prepare(arguments.set, arguments.threads)
    if len(dates) < LEAST_DAYS:
        raise SystemExit(f"The set has {len(dates)} trading days: at least {LEAST_DAYS} are needed")
    for horizon, label in zip(breach.breach_data.HORIZONS, breach.breach_data.LABELS):
        breaches = int((rows[label] == 1).sum())
        if breaches < breach.LEAST_BREACHES:
            raise SystemExit(f"The set has {breaches} rows with a breach within {horizon} days: at least {breach.LEAST_BREACHES} are needed")
    measured, whole = breach_split.folds(dates, [dates[int(len(dates) * MEASURED_FROM)], dates[-1]])
    _, own = breach.predict(rows, columns, names, measured, breach.train(rows, columns, names, measured, parameters))
    trained = breach.train(rows, columns, names, whole, parameters)
    entry = breach.save(arguments.out, trained, rows, columns, names, dates, whole, sha, own)
    print(f"{entry['file']}: {entry['training']['rows']} rows, labels until {dates[whole['labels_until']]}, out of sample {', '.join(f'{name} {value:.4g}' for name, value in own['metrics'].items())}")


if __name__ == "__main__":
    main()
