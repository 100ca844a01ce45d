"""The models of all horizons as one ONNX graph: input `features`, double [rows, features]; output `scores`, double [rows, horizons].

Doubles from end to end, as trees split between doubles: rounded to float32 a row may go the other way. Margins are calibrated as Platt does,
sigmoid(slope x margin + intercept), and no horizon's probability is below that of a shorter one: what happens within a day happens within five.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LESS_OR_EQUAL = 0


class Trees:
    """Nodes and leaves of all trees as ai.onnx.ml 5 TreeEnsemble wants them: flat, by position."""

    def __init__(self):
        self.roots, self.features, self.splits = [], [], []
        self.true_at, self.true_leaf, self.false_at, self.false_leaf = [], [], [], []
        self.targets, self.weights = [], []

    def add(self, target, tree):
        # A tree of one leaf: both ways of a split that says nothing.
        if "split_feature" not in tree:
            tree = {"split_feature": 0, "threshold": 0.0, "decision_type": "<=", "missing_type": "None", "left_child": tree, "right_child": tree}
        self.roots.append(self._node(target, tree))

    def _node(self, target, node):
        if node["decision_type"] != "<=" or node["missing_type"] != "None":
            raise ValueError("only numeric splits without missing values have a form here")
        at = len(self.features)
        self.features.append(node["split_feature"])
        self.splits.append(node["threshold"])
        sides = ((node["left_child"], self.true_at, self.true_leaf), (node["right_child"], self.false_at, self.false_leaf))
        for _, child_at, child_leaf in sides:
            child_at.append(0)
            child_leaf.append(0)
        for child, child_at, child_leaf in sides:
            if "split_feature" in child:
                child_at[at] = self._node(target, child)
            else:
                child_leaf[at] = 1
                child_at[at] = len(self.weights)
                self.targets.append(target)
                self.weights.append(child["leaf_value"])
        return at


def model(boosters, calibration, features):
    """boosters: LightGBM binary boosters, one a horizon, shortest first; calibration: their (slope, intercept); features: how many."""
    trees = Trees()
    for target, booster in enumerate(boosters):
        for tree in booster.dump_model()["tree_info"]:
            trees.add(target, tree["tree_structure"])
    count = len(boosters)
    tensor = lambda name, values: numpy_helper.from_array(np.asarray(values, dtype=np.float64), name)
    ensemble = helper.make_node(
        "TreeEnsemble", ["features"], ["margins"], domain="ai.onnx.ml", n_targets=count, aggregate_function=1, post_transform=0,
        tree_roots=trees.roots, nodes_featureids=trees.features,
        nodes_modes=numpy_helper.from_array(np.full(len(trees.features), LESS_OR_EQUAL, dtype=np.uint8), "modes"),
        nodes_splits=tensor("splits", trees.splits),
        nodes_truenodeids=trees.true_at, nodes_trueleafs=trees.true_leaf,
        nodes_falsenodeids=trees.false_at, nodes_falseleafs=trees.false_leaf,
        leaf_targetids=trees.targets, leaf_weights=tensor("weights", trees.weights),
    )
    parts = [f"p{index}" for index in range(count)]
    highest = [parts[0]] + [f"h{index}" for index in range(1, count)]
    nodes = [
        ensemble,
        helper.make_node("Mul", ["margins", "slope"], ["sloped"]),
        helper.make_node("Add", ["sloped", "intercept"], ["calibrated"]),
        helper.make_node("Sigmoid", ["calibrated"], ["alone"]),
        helper.make_node("Split", ["alone"], parts, axis=1, num_outputs=count),
        *(helper.make_node("Max", [highest[index - 1], parts[index]], [highest[index]]) for index in range(1, count)),
        helper.make_node("Concat", highest, ["scores"], axis=1),
    ]
    slopes, intercepts = zip(*calibration)
    graph = helper.make_graph(
        nodes, "breach",
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, ["rows", features])],
        [helper.make_tensor_value_info("scores", TensorProto.DOUBLE, ["rows", count])],
        [tensor("slope", slopes), tensor("intercept", intercepts)],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="tidemark")
    onnx.checker.check_model(made)
    return made
