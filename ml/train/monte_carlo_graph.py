"""The path simulation of quant/monte-carlo.ts as an ONNX graph: writes ../models/monte-carlo/monte-carlo.onnx, or with --check says whether
that file is what this script makes (exit 1 where it is not).

Normal numbers are made in the graph, so that nothing large crosses to an accelerator: the "squares" generator (B. Widynski, Squares: A Fast
Counter-Based RNG, arXiv 2004.06278), which has no state, then Box and Muller's transform in doubles. A pair of paths has the same draws
whatever block it is simulated in, on whatever provider.

The CUDA provider of ONNX Runtime has no shifts and no bitwise operators, squares needs none: on unsigned 64-bit integers x ÷ 2^32 is a shift,
x ÷ 2^32 + x × 2^32 a rotation by half, and products wrap. Of opset 21 only operators and types are used that both the CPU and the CUDA
provider implement.
"""
import math
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FILE = Path(__file__).parent.parent / "models" / "monte-carlo" / "monte-carlo.onnx"
OPSET = 21
IR_VERSION = 10
DOC = """Profits of holdings under drawn returns. exposures [n], lower [n, n] (Cholesky factor of one day's covariance), key (of squares, as the bits
of an int64), first (number of the first pair of paths), pairs (how many), freedom (whole degrees of freedom of a Student t from 3; 0: normal), scale
(root of the days ahead) -> profits [2 pairs]: each pair's draw, then the same with the other sign."""


# What of opset 21 the CUDA provider implements of the operators used here, by the type of what goes in (docs/OperatorKernels.md of ONNX Runtime);
# the CPU provider implements all of it too. BitShift and the bitwise operators are not in that list.
_ALL = ("double", "int64", "uint64")
CUDA = {
    **{name: _ALL for name in ("Add", "Sub", "Mul", "Div", "Max", "Less", "Greater", "Cast")},
    **{name: _ALL for name in ("Concat", "Reshape", "Shape", "Slice", "Squeeze", "Unsqueeze")},
    **{name: ("double",) for name in ("Cos", "Sin", "Log", "Sqrt", "MatMul")},
    **{name: ("double", "int64") for name in ("Range", "ReduceSum")},
    # By the type of what is chosen from.
    "Where": ("double", "int64"),
}


class Graph:
    """Nodes and constants as they are asked for."""

    def __init__(self):
        self.nodes, self.constants = [], {}

    def constant(self, value, kind):
        array = np.array(value, dtype=kind)
        name = f"{np.dtype(kind).name}_{array.tolist()}"
        self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def add(self, operator, *inputs, output=None, **attributes):
        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def whole(self, value):
        return self.constant(value, np.int64)

    def double(self, value):
        return self.constant(value, np.float64)


def squares(g, product, key):
    """Two words of each counter, given counter × key: the first is that of squares32 before its last shift, the second that of the round that
    squares64 adds. Their upper halves are the random ones."""
    half = g.constant(2**32, np.uint64)
    swapped = lambda x: g.add("Add", g.add("Div", x, half), g.add("Mul", x, half))
    round_of = lambda x, added: g.add("Add", g.add("Mul", x, x), added)
    following = g.add("Add", product, key)
    x = product
    for added in (product, following, product):
        x = swapped(round_of(x, added))
    first = round_of(x, following)
    return first, round_of(swapped(first), product)


def normals(g, width, pairs):
    """Two standard normal numbers for each row and pair of paths, [width, pairs] each. Counters are pair × width + row: without gaps."""
    unsigned = lambda x: g.add("Cast", x, to=TensorProto.UINT64)
    zero, one, key = g.whole(0), g.whole(1), unsigned("key")
    column = unsigned(g.add("Unsqueeze", g.add("Range", zero, width, one), g.whole([1])))
    numbers = g.add("Range", "first", g.add("Add", "first", pairs), one)
    row = unsigned(g.add("Mul", numbers, width))
    product = g.add("Add", g.add("Mul", column, key), g.add("Mul", row, key))
    # By way of signed integers, -1/2 to 1/2 when scaled: processors turn those into doubles at once, unsigned ones not.
    signed = lambda x: g.add("Cast", g.add("Cast", x, to=TensorProto.INT64), to=TensorProto.DOUBLE)
    words = [signed(word) for word in squares(g, product, key)]
    # 2^-53 to 1: there is no logarithm of 0.
    uniform = g.add("Add", g.add("Mul", words[0], g.double(2.0**-64)), g.double(0.5 + 2.0**-53))
    radius = g.add("Sqrt", g.add("Mul", g.add("Log", uniform), g.double(-2.0)))
    angle = g.add("Mul", words[1], g.double(2 * math.pi * 2.0**-64))
    return [g.add("Mul", radius, g.add(wave, angle)) for wave in ("Cos", "Sin")]


def mixing(g, cosines, sines, count):
    """√((ν - 2) ÷ χ²) of each pair, χ² the sum of ν squared normals: two of each of `count` rows, but one of the last where ν is odd. For ν = 0: 1."""
    odd_places = g.add("Add", g.add("Mul", g.add("Range", g.whole(0), count, g.whole(1)), g.whole(2)), g.whole(1))
    counts = g.add("Where", g.add("Less", odd_places, "freedom"), g.double(1.0), g.double(0.0))
    squared = lambda x: g.add("Mul", x, x)
    second = g.add("Mul", squared(sines), g.add("Unsqueeze", counts, g.whole([1])))
    chi = g.add("ReduceSum", g.add("Add", squared(cosines), second), g.whole([0]), keepdims=0)
    freedom = g.add("Cast", "freedom", to=TensorProto.DOUBLE)
    student = g.add("Sqrt", g.add("Div", g.add("Sub", freedom, g.double(2.0)), chi))
    return g.add("Where", g.add("Greater", "freedom", g.whole(0)), student, g.double(1.0))


def build():
    g = Graph()
    listed = lambda x: g.add("Unsqueeze", x, g.whole([0]))
    halved = lambda x: g.add("Div", g.add("Add", x, g.whole(1)), g.whole(2))
    size = g.add("Squeeze", g.add("Shape", "exposures"), g.whole([0]))
    # Rows of two normals each: of the instruments, and after them of χ².
    rows = halved(size)
    count = g.add("Max", halved("freedom"), g.whole(1))
    width = g.add("Add", rows, count)
    cosines, sines = normals(g, width, "pairs")
    of_chi = lambda x: g.add("Slice", x, listed(rows), listed(width), g.whole([0]))
    middle = lambda x: g.add("Unsqueeze", x, g.whole([1]))
    both = g.add("Concat", middle(cosines), middle(sines), axis=1)
    flat = g.add("Reshape", both, g.add("Concat", g.whole([-1]), listed("pairs"), axis=0))
    drawn = g.add("Slice", flat, g.whole([0]), listed(size), g.whole([0]))
    returns = g.add("MatMul", "lower", drawn)
    profit = g.add("MatMul", "exposures", returns)
    mixed = g.add("Mul", g.add("Mul", profit, mixing(g, of_chi(cosines), of_chi(sines), count)), "scale")
    signs = g.add("Concat", middle(mixed), middle(g.add("Sub", g.double(0.0), mixed)), axis=1)
    g.add("Reshape", signs, g.whole([-1]), output="profits")
    of = helper.make_tensor_value_info
    wholes = [of(name, TensorProto.INT64, []) for name in ("key", "first", "pairs", "freedom")]
    inputs = [of("exposures", TensorProto.DOUBLE, ["n"]), of("lower", TensorProto.DOUBLE, ["n", "n"]), *wholes, of("scale", TensorProto.DOUBLE, [])]
    outputs = [of("profits", TensorProto.DOUBLE, ["paths"])]
    graph = helper.make_graph(g.nodes, "monte-carlo", inputs, outputs, list(g.constants.values()), doc_string=DOC)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="tidemark",
    )
    onnx.checker.check_model(model, full_check=True)
    require_cuda(model)
    return model.SerializeToString(deterministic=True)


def require_cuda(model):
    """Raises where a node is of an operator and type that only the CPU would do."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    named = lambda kind: np.dtype(helper.tensor_dtype_to_np_dtype(kind)).name.replace("float64", "double")
    types = {value.name: named(value.type.tensor_type.elem_type) for value in [*graph.input, *graph.value_info, *graph.output]}
    types.update({constant.name: named(constant.data_type) for constant in graph.initializer})
    for node in graph.node:
        kind = types[node.input[1 if node.op_type == "Where" else 0]]
        if kind not in CUDA.get(node.op_type, ()):
            raise ValueError(f"{node.name}: CUDA has no {node.op_type} of {kind}")


if __name__ == "__main__":
    made = build()
    if sys.argv[1:] == ["--check"]:
        if not FILE.exists() or FILE.read_bytes() != made:
            sys.exit(f"{FILE.name} is not what {Path(__file__).name} makes with onnx {onnx.__version__}: run it again")
    else:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_bytes(made)
