"""How good the predictions of breaches were, strictly out of sample: Markdown on standard output, JSON where asked.

    python ml/train/evaluate_breach.py --predictions predictions.parquet --json ml/models/breach/evaluation.json --docs docs/predictions.md
"""
import argparse
import json

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

import breach_baselines
import breach_data

NAMES = ("model",) + breach_baselines.NAMES
# Lags of the Newey-West variance: label windows of a horizon overlap for so many days, and calm and storm last longer.
LEAST_LAGS = 60
BINS = [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0000001]
PERIODS = {"1995-1999": ("1995", "1999"), "2000-2002": ("2000", "2002"), "2003-2007": ("2003", "2007"), "2008": ("2008", "2008"),
           "2009-2019": ("2009", "2019"), "2020": ("2020", "2020"), "2021-2022": ("2021", "2022")}
TINY = 1e-9
MARKS = ("<!-- evaluation -->", "<!-- end of evaluation -->")


def metrics(y, p):
    """Scores of probabilities; None where they are not defined."""
    p = np.clip(p, 0, 1)
    brier, climate = np.mean((p - y) ** 2), y.mean() * (1 - y.mean())
    q = np.clip(p, TINY, 1 - TINY)
    return {
        "auc": roc_auc_score(y, p) if 0 < y.mean() < 1 else None,
        "brier": brier, "skill": 1 - brier / climate if climate > 0 else None,
        "logLoss": -np.mean(y * np.log(q) + (1 - y) * np.log(1 - q)), "calibrationError": calibration_error(y, p),
    }


def calibration_error(y, p):
    """Mean distance of forecast and frequency over the bins, weighted by rows."""
    return sum(row["rows"] * abs(row["forecast"] - row["observed"]) for row in reliability(y, p)) / len(y)


def reliability(y, p):
    at = np.digitize(p, BINS) - 1
    return [{"from": BINS[bin_], "to": min(1, BINS[bin_ + 1]), "rows": int((at == bin_).sum()), "forecast": p[at == bin_].mean(),
             "observed": y[at == bin_].mean()} for bin_ in range(len(BINS) - 1) if (at == bin_).any()]


def diebold_mariano(y, p, other, days, horizon):
    """Diebold and Mariano (1995) on the difference of Brier losses, other less model. Rows of one day are one observation, as they share the
    day's market: the day's sum of differences, so that the mean is that of the rows; Newey-West variance over at least 60 days.
    Above 0: the model is better. p: that of no difference, two-sided."""
    difference = pd.Series((other - y) ** 2 - (p - y) ** 2).groupby(np.asarray(days)).sum().to_numpy()
    n, lags = len(difference), min(max(LEAST_LAGS, 2 * horizon), len(difference) // 4)
    centred = difference - difference.mean()
    variance = centred @ centred / n
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * (centred[lag:] @ centred[:-lag]) / n
    statistic = difference.mean() / np.sqrt(variance / n)
    return {"statistic": statistic, "p": 2 * norm.sf(abs(statistic)), "days": n, "lags": lags}


def compared(rows, horizon):
    """All forecasts of some rows, the best baseline by Brier score, and the test against it."""
    y = rows[f"breach{horizon}"].to_numpy(dtype=float)
    forecasts = {name: rows[f"{name}:{horizon}"].to_numpy() for name in NAMES}
    scores = {name: metrics(y, p) for name, p in forecasts.items()}
    best = min(breach_baselines.NAMES, key=lambda name: scores[name]["brier"])
    test = diebold_mariano(y, forecasts["model"], forecasts[best], rows["day"].to_numpy(), horizon)
    return {"rows": len(y), "breaches": int(y.sum()), "share": y.mean(), "scores": scores, "bestBaseline": best, "dieboldMariano": test}


def evaluate(predictions):
    years = predictions["day"].to_numpy().astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
    demo_limit = (predictions["source"] == "demo") & ~predictions["limitId"].str.startswith("made:")
    result = {}
    for horizon in breach_data.HORIZONS:
        known = predictions[f"breach{horizon}"].notna().to_numpy()
        def part(mask):
            return compared(predictions[known & mask], horizon) if (known & mask).any() else None
        everything = np.ones(len(predictions), bool)
        all_rows = predictions[known]
        own = {"demo limits": demo_limit.to_numpy(), "made limits of demo portfolios": ((predictions["source"] == "demo") & ~demo_limit).to_numpy(),
               "made portfolios": (predictions["source"] == "made").to_numpy()}
        # A day's loss says nothing of tomorrow's: baselines of utilisation have no chance there, and winning is easy.
        other = (predictions["type"] != "daily-loss").to_numpy()
        own.update({"all but day losses": other, "demo limits but day losses": own["demo limits"] & other})
        result[str(horizon)] = {
            "all": part(everything),
            "reliability": reliability(all_rows[f"breach{horizon}"].to_numpy(dtype=float), all_rows[f"model:{horizon}"].to_numpy()),
            "demoReliability": reliability(*(predictions.loc[known & own["demo limits"], name].to_numpy(dtype=float)
                                             for name in (f"breach{horizon}", f"model:{horizon}"))),
            "origin": {name: part(mask) for name, mask in own.items()},
            "type": {name: part((predictions["type"] == name).to_numpy()) for name in sorted(predictions["type"].astype(str).unique())},
            "portfolio": {name: part((predictions["portfolio"] == name).to_numpy())
                          for name in sorted(predictions.loc[predictions["source"] == "demo", "portfolio"].astype(str).unique())},
            "period": {name: part((years >= int(first)) & (years <= int(last))) for name, (first, last) in PERIODS.items()},
        }
    return result


def markdown(result):
    lines = []
    for horizon, found in result.items():
        whole = found["all"]
        lines += [f"### Within {horizon} trading day{'s' if horizon != '1' else ''}", "",
                  f"{whole['rows']:,} rows, {whole['breaches']:,} with a breach ({whole['share']:.2%}).", "",
                  "| forecast | AUC | Brier | Brier skill | log loss | calibration error |", "|---|---|---|---|---|---|"]
        for name, score in whole["scores"].items():
            lines.append(f"| {name} | {figure(score['auc'])} | {score['brier']:.5f} | {percent(score['skill'])} | {score['logLoss']:.4f} "
                         f"| {score['calibrationError']:.4f} |")
        lines += ["", "| forecast | rows | said | happened |", "|---|---|---|---|"]
        lines += [f"| {row['from']:.2f} to {row['to']:.2f} | {row['rows']:,} | {row['forecast']:.4f} | {row['observed']:.4f} |"
                  for row in found["reliability"]]
        lines += ["", "| of | breaches | AUC | Brier | Brier skill | best baseline | its Brier | its AUC | DM | p |", "|---|---|---|---|---|---|---|---|---|---|"]
        groups = {"all": whole, **found["origin"], **found["portfolio"], **found["period"], **found["type"]}
        lines += [row(name, part) for name, part in groups.items() if part]
        lines.append("")
    return "\n".join(lines)


def row(name, part):
    model, best = part["scores"]["model"], part["scores"][part["bestBaseline"]]
    test = part["dieboldMariano"]
    return (f"| {name} | {part['share']:.2%} | {figure(model['auc'])} | {model['brier']:.5f} | {percent(model['skill'])} | {part['bestBaseline']} "
            f"| {best['brier']:.5f} | {figure(best['auc'])} | {test['statistic']:.2f} | {test['p']:.1g} |")


def figure(value):
    return "–" if value is None else f"{value:.3f}"


def percent(value):
    return "–" if value is None else f"{100 * value:.1f} %"


def plain(value):
    """For JSON: no NumPy numbers, six significant digits, no NaN."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def main():
    options = argparse.ArgumentParser(description="Evaluates predictions of breaches")
    options.add_argument("--predictions", required=True)
    options.add_argument("--json")
    options.add_argument("--docs", help="a Markdown file whose part between the marks is replaced")
    arguments = options.parse_args()
    result = evaluate(pd.read_parquet(arguments.predictions))
    text = markdown(result)
    print(text)
    if arguments.docs:
        with open(arguments.docs, encoding="utf-8") as file:
            before, rest = file.read().split(MARKS[0])
        with open(arguments.docs, "w", encoding="utf-8") as file:
            file.write(f"{before}{MARKS[0]}\n\n{text}\n{MARKS[1]}{rest.split(MARKS[1])[1]}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(plain(result), file, indent=1, allow_nan=False)
            file.write("\n")


if __name__ == "__main__":
    main()
