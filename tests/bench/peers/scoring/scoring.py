"""The other side of `npm run bench -- scoring`: trains the model, and scores the same rows with Python's onnxruntime and LightGBM's own predict.

    scoring.py make FOLDER ROWS FEATURES TREES LEAVES      writes model.onnx, model.txt and rows.bin
    scoring.py run FOLDER ROWS FEATURES BATCHES     prints times of each as JSON, and the first scores
"""
import json
import pathlib
import sys
import time

import lightgbm
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[4] / "ml" / "train"))


def make(folder, rows, features, trees, leaves):
    import drift_reference
    import metadata
    import onnx_export

    random = np.random.default_rng(6)
    x = random.normal(size=(5 * rows, features))
    y = (x[:, 0] + x[:, 1] * x[:, 2] + random.normal(size=len(x)) > 0).astype(int)
    booster = lightgbm.train({"objective": "binary", "num_leaves": leaves, "verbose": -1, "seed": 6}, lightgbm.Dataset(x, y), trees)
    names = [f"feature{at}" for at in range(features)]
    model = onnx_export.lightgbm_model(booster)
    days = np.arange(len(x)) * drift_reference.DAY_MICROS
    metadata.describe(
        model, name="bench", features=names, outputs=["score"], label="made up", in_sample={}, out_of_sample={},
        training={"from": 0, "to": days[-1], "labelsUntil": days[-1], "rows": len(x)}, data_sha256=metadata.data_hash(x, y),
        calibration={"method": "none", "rows": 0, "error": None}, packages=["lightgbm"], seed=6,
        reference=drift_reference.describe(days, {**dict(zip(names, x.T)), "score": booster.predict(x)}),
    )
    metadata.save(model, folder / "model.onnx")
    booster.save_model(folder / "model.txt")
    random.normal(size=(rows, features)).astype("<f8").tofile(folder / "rows.bin")


def run(folder, rows, features, batches):
    import onnxruntime

    x = np.fromfile(folder / "rows.bin", "<f8").reshape(rows, features)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    booster = lightgbm.Booster(model_file=folder / "model.txt")
    onnx = lambda data: session.run(["scores"], {"features": data})[0]
    own = lambda data: booster.predict(data, num_threads=1)

    def times(score):
        score(x)
        taken = {"many": [], "one": []}
        for _ in range(batches):
            start = time.perf_counter()
            score(x)
            taken["many"].append((time.perf_counter() - start) * 1e3)
        for at in range(min(batches * 10, rows)):
            row = x[at:at + 1]
            start = time.perf_counter()
            score(row)
            taken["one"].append((time.perf_counter() - start) * 1e3)
        return taken

    print(json.dumps({"onnxruntime": times(onnx), "lightgbm": times(own), "scores": np.ravel(own(x)).tolist()}))


{"make": make, "run": run}[sys.argv[1]](pathlib.Path(sys.argv[2]), *map(int, sys.argv[3:]))
