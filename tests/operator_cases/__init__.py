"""Operators of ONNX in the forms that exporters give them, and what an import makes of each.

case        a graph of a few nodes with its operator and form, and what came of its import
linear      convolutions, pooling, sums, means
arranging   where values stand: shapes, slices, joins
pointwise   functions of one value, and arithmetic
deciding    what follows the scores
scikit      what skl2onnx writes of models of scikit-learn
beyond      recurrence, attention, control: what nobody expects on ciphertexts
files       element types, inputs, versions of the operator set
"""

from tests.operator_cases import arranging, beyond, deciding, files, linear, pointwise, scikit
from tests.operator_cases.case import Case

#: Every case of an operator.
OPERATORS: list[Case] = [
    case for file in (linear, arranging, pointwise, deciding, scikit, beyond) for case in file.CASES
]
#: Cases of files, where the operators don't matter.
FILES: list[Case] = files.CASES
