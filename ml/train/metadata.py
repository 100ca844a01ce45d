"""What every model says of itself, written into its ONNX file under one key as JSON. The one place that writes it; ml/model/metadata.ts reads
it, and trusts nothing that is not there.

    model = onnx_export.lightgbm_model(booster, ...)
    metadata.describe(model, name="breach", features=[...], ...)
    metadata.save(model, "model.onnx")

The version of a model is not in it: it is the first 12 hexadecimal digits of the file's SHA-256, so no two files have one version.
"""
import hashlib
import importlib.metadata
import json
import math
import os
import re
import time

import numpy as np
import onnx

KEY = "tidemark"
FORMAT = 1
MICROS = 1_000_000
MISSING = ("refused", "learned")


def describe(model, *, name, features, outputs, training, data_sha256, label, in_sample, out_of_sample, calibration, packages, seed,
             reference, missing="refused", made_at=None, details=None):
    """Writes the metadata into an ONNX model and returns them.

    name           lower-case words joined by "-", e.g. "breach"
    features       names of the columns of the input, in their order
    outputs        names of the columns of the output, in their order
    training       {"from", "to", "labelsUntil": microseconds UTC, "rows": int}. from and to: event time of the first and the last row;
                   labelsUntil: the last event time that any label looked at, so what comes later is out of sample
    data_sha256    of the training data: data_hash(...)
    label          what the model was taught, in a sentence
    in_sample      metric -> value on what it was trained on
    out_of_sample  metric -> value on what it was not (walk-forward); never mixed with the other
    calibration    {"method": "none" or what was done, "rows": rows it was fitted on, "error": expected calibration error out of sample or None}
    packages       names of the packages whose versions matter; read from what is installed
    reference      drift_reference.describe(...): how features and outputs were distributed, for drift detection
    details        what only the code of this model reads, as JSON, e.g. {"types": [...]}
    missing        "refused": a row with NaN has no score; "learned": the model was trained with NaN and knows what to do
    """
    meta = {
        "format": FORMAT,
        "name": name,
        "features": list(features),
        "outputs": list(outputs),
        "missing": missing,
        "training": {key: int(training[key]) for key in ("from", "to", "labelsUntil", "rows")},
        "dataSha256": data_sha256,
        "label": label,
        "metrics": {"inSample": _numbers(in_sample), "outOfSample": _numbers(out_of_sample)},
        "calibration": calibration,
        "packages": {package: importlib.metadata.version(package) for package in packages},
        "seed": int(seed),
        "madeAt": int(time.time() * MICROS) if made_at is None else int(made_at),
        "details": details or {},
        "reference": reference,
    }
    _check(meta)
    kept = [entry for entry in model.metadata_props if entry.key != KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    model.metadata_props.append(onnx.StringStringEntryProto(key=KEY, value=json.dumps(meta, allow_nan=False)))
    return meta


def save(model, path):
    """Checks the model and writes it in one step. Returns its version."""
    onnx.checker.check_model(model)
    content = model.SerializeToString(deterministic=True)
    partial = f"{path}.partial"
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    return hashlib.sha256(content).hexdigest()[:12]


def data_hash(*arrays):
    """SHA-256 over arrays of numbers as little-endian doubles, each with its shape before it: the same data, the same hash."""
    digest = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array, dtype="<f8")
        digest.update(json.dumps(array.shape).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _numbers(metrics):
    return {name: float(value) for name, value in metrics.items()}


def _check(meta):
    """What the reader would refuse is not written."""
    def need(holds, what):
        if not holds:
            raise ValueError(f"model metadata: {what}")

    need(re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", meta["name"]), f"name {meta['name']!r} is not lower-case words joined by -")
    for field in ("features", "outputs"):
        names = meta[field]
        need(names and len(set(names)) == len(names) and all(names), f"{field} are empty or named twice: {names}")
    need(not set(meta["features"]) & set(meta["outputs"]), "a feature and an output have one name")
    need(meta["missing"] in MISSING, f"missing must be one of {MISSING}")
    training = meta["training"]
    need(training["from"] <= training["to"] <= training["labelsUntil"] and training["rows"] > 0, f"training range {training}")
    need(re.fullmatch(r"[0-9a-f]{64}", meta["dataSha256"]), "dataSha256 is no SHA-256 in hexadecimal")
    need(meta["label"], "label is empty")
    for values in meta["metrics"].values():
        need(all(math.isfinite(value) for value in values.values()), "a metric is not finite")
    need(set(meta["calibration"]) == {"method", "rows", "error"}, f"calibration has {sorted(meta['calibration'])}")
    columns = {column["name"] for column in meta["reference"]["columns"]}
    need(columns == set(meta["features"]) | set(meta["outputs"]), "the reference is not of the features and outputs")
