"""Models as ONNX graphs whose scores are those of the trainer. One convention for all: input `features`, double [rows, features]; output
`scores`, double [rows, outputs].

The rule that makes scores equal on every row: doubles from end to end. A tree splits where a feature passes a threshold, and trainers put the
thresholds between doubles (LightGBM even on them): rounded to float32 some rows go the other way, and their score is another one, not a
slightly different one. The usual converters write float32 trees, so trees are written here, as ai.onnx.ml 5 `TreeEnsemble` in doubles.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LESS_OR_EQUAL = 0
SUM = 1
IR_VERSION = 10
OPSETS = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]


class Trees:
    """Nodes and leaves of all trees as the operator wants them: flat, by position."""

    def __init__(self):
        self.roots, self.features, self.splits, self.missing = [], [], [], []
        self.true_at, self.true_leaf, self.false_at, self.false_leaf = [], [], [], []
        self.targets, self.weights = [], []

    def add(self, target, split, root):
        """`split(node)` gives (feature, threshold, missing goes with "<=", left, right) of an inner node, and a number for a leaf."""
        found = split(root)
        if not isinstance(found, tuple):
            # A tree of one leaf: both ways of a split that says nothing.
            found = (0, 0.0, True, root, root)
        self.roots.append(self._inner(target, split, found))

    def _inner(self, target, split, found):
        feature, threshold, missing, left, right = found
        at = len(self.features)
        self.features.append(int(feature))
        self.splits.append(float(threshold))
        self.missing.append(int(missing))
        for column in (self.true_at, self.true_leaf, self.false_at, self.false_leaf):
            column.append(0)
        for child, child_at, child_leaf in ((left, self.true_at, self.true_leaf), (right, self.false_at, self.false_leaf)):
            below = split(child)
            if isinstance(below, tuple):
                child_at[at] = self._inner(target, split, below)
            else:
                child_leaf[at] = 1
                child_at[at] = len(self.weights)
                self.targets.append(target)
                self.weights.append(float(below))
        return at

    def add_lightgbm(self, target, booster):
        """All trees of a LightGBM booster with one tree an iteration (numeric features)."""
        for tree in booster.dump_model()["tree_info"]:
            self.add(target, lightgbm_split, tree["tree_structure"])

    def node(self, outputs):
        double = lambda name, values: numpy_helper.from_array(np.array(values, dtype=np.float64), name)
        modes = numpy_helper.from_array(np.full(len(self.features), LESS_OR_EQUAL, dtype=np.uint8), "modes")
        return helper.make_node(
            "TreeEnsemble", ["features"], ["sums"], domain="ai.onnx.ml", n_targets=outputs, aggregate_function=SUM, post_transform=0,
            tree_roots=self.roots, nodes_featureids=self.features, nodes_modes=modes, nodes_splits=double("splits", self.splits),
            nodes_missing_value_tracks_true=self.missing,
            nodes_truenodeids=self.true_at, nodes_trueleafs=self.true_leaf,
            nodes_falsenodeids=self.false_at, nodes_falseleafs=self.false_leaf,
            leaf_targetids=self.targets, leaf_weights=double("weights", self.weights),
        )


def lightgbm_split(node):
    """A node of a dumped LightGBM tree as Trees.add wants it."""
    if "split_feature" not in node:
        return node["leaf_value"]
    if node["decision_type"] != "<=":
        raise ValueError("categorical splits have no form here: encode categories as numbers")
    kind, threshold = node["missing_type"], node["threshold"]
    if kind == "Zero":
        raise ValueError("zero_as_missing has no form here")
    # Without missing values in training LightGBM takes NaN for 0.
    missing = node["default_left"] if kind == "NaN" else threshold >= 0
    return node["split_feature"], threshold, missing, node["left_child"], node["right_child"]


def lightgbm_model(booster, objective=None, slope=1.0, intercept=0.0):
    """A LightGBM booster (binary, multiclass or regression; numeric features). Binary margins may be calibrated as Platt does:
    sigmoid(slope * margin + intercept)."""
    objective = objective or _objective(booster)
    trees = Trees()
    outputs = _add_booster(trees, booster, 0)
    return _finish(trees, booster.num_feature(), outputs, objective, [0.0] * outputs, slope, intercept)


def lightgbm_joint_model(boosters):
    """LightGBM boosters of the same features as one graph: the outputs of the first, then those of the next."""
    trees, widths = Trees(), []
    for booster in boosters:
        widths.append(_add_booster(trees, booster, sum(widths)))
    parts = [f"margins{index}" for index in range(len(boosters))]
    linked = [f"linked{index}" for index in range(len(boosters))]
    nodes = [
        trees.node(sum(widths)),
        helper.make_node("Split", ["sums", "widths"], parts, axis=1),
        *(helper.make_node(_link(_objective(booster)), [part], [to]) for booster, part, to in zip(boosters, parts, linked)),
        helper.make_node("Concat", linked, ["scores"], axis=1),
    ]
    return graph(nodes, [numpy_helper.from_array(np.asarray(widths, dtype=np.int64), "widths")], boosters[0].num_feature(), sum(widths))


def _objective(booster):
    return booster.dump_model()["objective"].split()[0]


def _add_booster(trees, booster, first):
    """Adds a booster's trees for the outputs from `first` on; gives how many these are."""
    dump = booster.dump_model()
    outputs = dump["num_tree_per_iteration"]
    for index, tree in enumerate(dump["tree_info"]):
        trees.add(first + index % outputs, lightgbm_split, tree["tree_structure"])
    return outputs


def hist_gradient_boosting_model(classifier):
    """A scikit-learn HistGradientBoostingClassifier (numeric features)."""
    outputs = classifier.n_trees_per_iteration_
    trees = Trees()
    for iteration in classifier._predictors:
        for target, predictor in enumerate(iteration):
            nodes = predictor.nodes

            def split(at, nodes=nodes):
                node = nodes[at]
                if node["is_leaf"]:
                    return float(node["value"])
                if node["is_categorical"]:
                    raise ValueError("categorical splits have no form here: encode categories as numbers")
                return node["feature_idx"], node["num_threshold"], node["missing_go_to_left"], node["left"], node["right"]

            trees.add(target, split, 0)
    baseline = np.ravel(classifier._baseline_prediction).astype(float).tolist()
    return _finish(trees, classifier.n_features_in_, outputs, "binary" if outputs == 1 else "multiclass", baseline)


def logistic_model(scaler, classifier):
    """A scikit-learn StandardScaler (or None) and LogisticRegression: one probability for two classes, else one a class."""
    features = classifier.coef_.shape[1]
    weights, intercepts = classifier.coef_.T.astype(float), classifier.intercept_.astype(float)
    mean = np.zeros(features) if scaler is None else scaler.mean_
    scale = np.ones(features) if scaler is None else scaler.scale_
    outputs = weights.shape[1]
    tensor = lambda name, values: numpy_helper.from_array(np.asarray(values, dtype=np.float64), name)
    nodes = [
        helper.make_node("Sub", ["features", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "weights"], ["products"]),
        helper.make_node("Add", ["products", "intercepts"], ["margins"]),
        helper.make_node("Sigmoid" if outputs == 1 else "Softmax", ["margins"], ["scores"]),
    ]
    constants = [tensor("mean", mean), tensor("scale", scale), tensor("weights", weights), tensor("intercepts", intercepts)]
    return graph(nodes, constants, features, outputs)


LINKS = {"binary": "Sigmoid", "multiclass": "Softmax", "regression": "Identity", "gamma": "Exp"}


def _link(objective):
    if objective not in LINKS:
        raise ValueError(f"objective {objective} has no form here: there are {', '.join(LINKS)}")
    return LINKS[objective]


def _finish(trees, features, outputs, objective, baseline, slope=1.0, intercept=0.0):
    tensor = lambda name, values: numpy_helper.from_array(np.asarray(values, dtype=np.float64), name)
    nodes = [
        trees.node(outputs),
        helper.make_node("Add", ["sums", "baseline"], ["raw"]),
        helper.make_node("Mul", ["raw", "slope"], ["sloped"]),
        helper.make_node("Add", ["sloped", "intercept"], ["margins"]),
        helper.make_node(_link(objective), ["margins"], ["scores"]),
    ]
    constants = [tensor("baseline", baseline), tensor("slope", [slope]), tensor("intercept", [intercept])]
    return graph(nodes, constants, features, outputs)


def graph(nodes, constants, features, outputs):
    """An ONNX model of nodes that make `scores` of `features`."""
    made = helper.make_graph(
        nodes, "tidemark",
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, ["rows", features])],
        [helper.make_tensor_value_info("scores", TensorProto.DOUBLE, ["rows", outputs])],
        constants,
    )
    return helper.make_model(made, opset_imports=OPSETS, ir_version=IR_VERSION, producer_name="tidemark")
