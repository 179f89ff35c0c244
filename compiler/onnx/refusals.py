"""Why an operator is refused, and what to do instead."""

_NORMS = (
    "it divides by what each frame's own values are, which can't be done on ciphertexts: train with "
    "BatchNormalization instead, which divides by constants"
)
_ROUNDING = "it rounds, and no polynomial is near that: leave rounding out before the export"
_TREES = "comparisons can't be made on ciphertexts: use LogisticRegression or MLPClassifier with activation='identity'"
_LABELS = "end the network at its scores; the device takes the largest"
_RECURRENCE = (
    "each step multiplies by what the step before gave, which is deeper than a ciphertext allows: "
    "train with convolutions instead"
)
_ATTENTION = (
    "it weighs values by exponentials of their own products, which can't be done on ciphertexts: "
    "train with convolutions instead"
)
_WHERE = (
    "it looks where values say, which ciphertexts don't tell: cut the regions out of the picture on the device, and "
    "give them to a network that classifies"
)
_BRANCHES = "what is computed would depend on the frame, which ciphertexts don't tell: export one branch, unrolled"
_PLACES = "it isn't among the operators that move values: use Slice, Gather, Concat or Pad instead"
_ROOTS = "it takes a root or a logarithm of a sum: leave that out, since sums of squares (Mul, ReduceSum) are exact"

#: What to do instead, by operator.
HINTS: dict[str, str] = {
    "ReduceMin": "comparisons can't be made on ciphertexts: train with ReduceMean instead",
    **dict.fromkeys(("Binarizer", "Ceil", "Floor", "Mod", "Round"), _ROUNDING),
    **dict.fromkeys(("TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"), _TREES),
    "SVMClassifier": "its kernel needs every support vector: use LinearSVC or MLPClassifier instead",
    **dict.fromkeys(("QLinearAdd", "QLinearConv", "QLinearMatMul"), "quantize with QuantFormat.QDQ instead"),
    **dict.fromkeys(
        (
            "GroupNormalization",
            "InstanceNormalization",
            "LRN",
            "LayerNormalization",
            "MeanVarianceNormalization",
            "RMSNormalization",
        ),
        _NORMS,
    ),
    **dict.fromkeys(("GlobalLpPool", "LpPool", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp"), _ROOTS),
    "ReduceL1": "use Abs and ReduceSum instead",
    "ReduceProd": "so many products are deeper than a ciphertext allows: train with ReduceMean instead",
    **dict.fromkeys(("GRU", "LSTM", "RNN"), _RECURRENCE),
    **dict.fromkeys(("Attention", "RotaryEmbedding"), _ATTENTION),
    **dict.fromkeys(("DeformConv", "GridSample", "MaxRoiPool", "NonMaxSuppression", "RoiAlign"), _WHERE),
    **dict.fromkeys(("If", "Loop", "Scan"), _BRANCHES),
    **dict.fromkeys(("ScatterElements", "ScatterND"), _PLACES),
    **dict.fromkeys(("Hardmax", "OneHot", "TopK"), _LABELS),
}
