"""Walk-forward splits by trading days, purged and embargoed. Standard library only, so that a test can run it anywhere.

A row of day i with horizon h has a label that looks at days i+1 .. i+h. All days here are positions in the calendar of trading days.

    train       rows whose labels end on or before `trained_until`
    calibrate   rows after it (and an embargo), whose labels end on or before `labels_until`: the validation tail
    test        rows after `labels_until` and an embargo, up to where the next fold's begin

    python3 breach_split.py 1990-01-02,1990-01-03,...      # prints the folds as JSON
"""
import bisect
import json
import sys

# Longest horizon: what every purge and embargo goes by.
EMBARGO_DAYS = 20
TAIL_SHARE = 0.25


def folds(dates, ends, embargo=EMBARGO_DAYS, tail_share=TAIL_SHARE):
    """Folds by the last days that any label may look at.

    dates  trading days, ISO 8601, rising
    ends   last day of each fold's labels, ISO 8601, rising; the last trading day on or before it counts
    Returns dicts of positions in `dates`: trained_until, calibrate_from, labels_until, test_from, test_until (excluded).
    """
    if sorted(set(dates)) != list(dates):
        raise ValueError("dates are not rising")
    untils = [bisect.bisect_right(dates, end) - 1 for end in ends]
    found = []
    for number, until in enumerate(untils):
        trained_until = until - max(embargo, round((until + 1) * tail_share))
        if trained_until < embargo:
            raise ValueError(f"there are too few days up to {ends[number]}")
        following = untils[number + 1] + 1 + embargo if number + 1 < len(untils) else len(dates)
        found.append({
            "trained_until": trained_until,
            "calibrate_from": trained_until + 1,
            "labels_until": until,
            "test_from": min(until + 1 + embargo, len(dates)),
            "test_until": min(following, len(dates)),
        })
    return found


def in_train(at, horizon, fold):
    """Whether a row of day `at` (position; also an array of them) may teach the trees."""
    return at + horizon <= fold["trained_until"]


def in_calibration(at, horizon, fold):
    return (at >= fold["calibrate_from"]) & (at + horizon <= fold["labels_until"])


def in_test(at, fold):
    return (at >= fold["test_from"]) & (at < fold["test_until"])


if __name__ == "__main__":
    days, ends = sys.argv[1].split(","), sys.argv[2].split(",")
    result = []
    for fold in folds(days, ends):
        rows = {"train": {}, "calibrate": {}}
        for horizon in (1, 5, 20):
            rows["train"][horizon] = [at for at in range(len(days)) if in_train(at, horizon, fold)]
            rows["calibrate"][horizon] = [at for at in range(len(days)) if in_calibration(at, horizon, fold)]
        rows["test"] = [at for at in range(len(days)) if in_test(at, fold)]
        result.append({**fold, **rows})
    print(json.dumps(result))
