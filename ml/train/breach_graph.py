"""The models of all horizons as one ONNX graph of onnx_export's convention: one output column a horizon.

Margins are calibrated as Platt does, sigmoid(slope x margin + intercept), and no horizon's probability is below that of a shorter one: what
happens within a day happens within five.
"""
import numpy as np
from onnx import helper, numpy_helper

import onnx_export


def model(boosters, calibration, features):
    """boosters: LightGBM binary boosters, one a horizon, shortest first; calibration: their (slope, intercept); features: how many."""
    trees = onnx_export.Trees()
    for target, booster in enumerate(boosters):
        trees.add_lightgbm(target, booster)
    count = len(boosters)
    parts = [f"p{index}" for index in range(count)]
    highest = [parts[0]] + [f"h{index}" for index in range(1, count)]
    nodes = [
        trees.node(count),
        helper.make_node("Mul", ["sums", "slope"], ["sloped"]),
        helper.make_node("Add", ["sloped", "intercept"], ["calibrated"]),
        helper.make_node("Sigmoid", ["calibrated"], ["alone"]),
        helper.make_node("Split", ["alone"], parts, axis=1, num_outputs=count),
        *(helper.make_node("Max", [highest[index - 1], parts[index]], [highest[index]]) for index in range(1, count)),
        helper.make_node("Concat", highest, ["scores"], axis=1),
    ]
    slopes, intercepts = zip(*calibration)
    tensor = lambda name, values: numpy_helper.from_array(np.asarray(values, dtype=np.float64), name)
    return onnx_export.graph(nodes, [tensor("slope", slopes), tensor("intercept", intercepts)], features, count)
