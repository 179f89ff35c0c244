"""Plans and keys on the native engine: from bytes to residues and back, all without SEAL."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import blindsight_engine

from common.ckks.ciphertext import decode_residues, encode_residues
from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.ckks.rounded import encode_rounded
from common.errors import KeySetError, WireError
from common.keys.evaluation_keys import EvaluationKeysHeader
from common.plan.label_bits import label_bits
from common.plan.plan import Plan
from common.plan.sealed import SealedPlan, structure_of
from workers.evaluation.engine import LoadedKeys
from workers.evaluation.folds import read_halves
from workers.evaluation.native.half_turn import half_turn_stage
from workers.evaluation.native.key_files import MappedKeyFiles
from workers.evaluation.native.keys import KeyForms, NativeKeys
from workers.evaluation.native.operands import operands_of
from workers.evaluation.native.stages import PreparedStage
from workers.evaluation.values import Values


class NativePlan:
    """A plan whose stages the engine computes, each in one call, during which other threads run.

    Raises `NetworkError` when all weights of a target round to zero.
    """

    def __init__(self, plan: Plan | SealedPlan, ring: blindsight_engine.Ring) -> None:
        self.head = structure_of(plan).head
        self._ring, self._bits = ring, label_bits(self.head)
        self._half_turn = half_turn_stage(self.head.parameters, ring) if self.head.folds else None
        self._stages = [PreparedStage(self.head, operands, ring) for operands in operands_of(plan, ring)]
        if isinstance(plan, Plan):  # the weights of a sealed one are read when they are first used
            for stage in self._stages:
                stage.prepare()

    def evaluate(self, keys: LoadedKeys, burst: bytes, rounded: bool = False) -> bytes:
        """As every engine's plan does."""
        assert isinstance(keys, NativeKeys)
        parameters = self.head.parameters
        scores = self.evaluate_residues(keys.keys, self._inputs(keys, burst))
        if not all(score[1].any() for score in scores):
            raise WireError(
                "the burst can't be evaluated under these keys, which are no real ones: anybody could read its scores"
            )
        if rounded:
            return encode_rounded(parameters, scores, self._bits, partial(self._ring.inverse_ntt, 0))
        return b"".join(encode_residues(parameters, score) for score in scores)

    def _inputs(self, keys: NativeKeys, burst: bytes) -> list[Residues]:
        halves, parameters = read_halves(self.head, keys.header, burst), self.head.parameters
        if halves is None:
            return decode_residues(parameters, burst, parameters.levels, self.head.input_ciphertexts)
        assert self._half_turn is not None
        return [self._half_turn.run(keys.keys, [half])[0] for half in halves]

    def evaluate_residues(self, keys: blindsight_engine.Keys, inputs: Sequence[Residues]) -> list[Residues]:
        """The scores' ciphertexts for the frames', each as its residues, shape (2, primes, N)."""
        values, totals = Values(inputs, [stage.sources for stage in self._stages]), list(inputs)
        for number, stage in enumerate(self._stages, start=1):
            try:
                totals = stage.prepare().run(keys, [values[source] for source in stage.sources])
            except KeyError as error:
                raise KeySetError(f"{error.args[0]}; the key set was made for another plan") from error
            values.have_read(stage.sources)
            values.add(number, totals)
        return totals


class NativeEngine:
    """Evaluates with `blindsight_engine`, on the fastest path of its code that this processor runs, or on `path`."""

    forks = True

    def __init__(self, path: str = "") -> None:
        self._path = path or blindsight_engine.paths()[0]
        self._rings: dict[Parameters, blindsight_engine.Ring] = {}
        self._forms = KeyForms(self.ring, self._path)

    @property
    def description(self) -> dict[str, str]:
        """Its name, and the path of its code."""
        return {"engine": "native", "path": self._path}

    def ring(self, parameters: Parameters) -> blindsight_engine.Ring:
        """The tables of these parameters, which plans and keys share."""
        if parameters not in self._rings:
            self._rings[parameters] = blindsight_engine.Ring(
                parameters.log_ring_dimension, parameters.primes, self._path
            )
        return self._rings[parameters]

    def prepare(self, plan: Plan | SealedPlan) -> NativePlan:
        """A plan that is ready to be evaluated, as every engine makes it."""
        return NativePlan(plan, self.ring(structure_of(plan).head.parameters))

    def load_keys(self, data: bytes | bytearray) -> NativeKeys:
        """Evaluation keys from their wire form, as every engine loads them. A key of zeros is a `WireError`."""
        header, keys = self._forms.read(data)
        return self._forms.open(header, list(keys))

    def keys_size(self, header: EvaluationKeysHeader) -> int:
        """Bytes of memory that the keys with this header will take, about: each residue that is used takes 8."""
        levels = list(header.rotations.values())
        if header.relinearisation_level is not None:
            levels.append(header.relinearisation_level)
        return sum((level + 1) * 2 * (level + 2) for level in levels) * header.parameters.ring_dimension * 8

    def key_files(self, folder: Path, budget: int) -> MappedKeyFiles:
        """Files of keys in the form of this build and path."""
        return MappedKeyFiles(folder, budget, self._forms)
