"""How a true mapping is drawn (on the host, in float64), and how its inputs are distributed."""

from ._banded import Banded as Banded
from ._dirichlet import Dirichlet as Dirichlet
from ._drifting_logits import DriftingLogits as DriftingLogits
from ._erasure_channel import ErasureChannel as ErasureChannel
from ._fixed import Fixed as Fixed
from ._gaussian import Gaussian as Gaussian
from ._inputs import INPUTS as INPUTS
from ._inputs import Given as Given
from ._inputs import Inputs as Inputs
from ._inputs import Stationary as Stationary
from ._inputs import Uniform as Uniform
from ._inputs import Zipf as Zipf
from ._inputs import with_inputs as with_inputs
from ._low_rank import LowRank as LowRank
from ._noisy_permutation import NoisyPermutation as NoisyPermutation
from ._normal_inverse_gamma import NormalInverseGamma as NormalInverseGamma
from ._normal_logits import NormalLogits as NormalLogits
from ._randomized_response import RandomizedResponse as RandomizedResponse
from ._reversible import Reversible as Reversible
from ._sparse import Sparse as Sparse
from ._stationary import stationary as stationary
from ._symmetric_channel import SymmetricChannel as SymmetricChannel
from ._table import CategoricalTable as CategoricalTable
from ._table import GaussianTable as GaussianTable
from ._table import SparseTable as SparseTable
from ._table import SparseTruth as SparseTruth
from ._table import Truth as Truth
from ._table import TruthTable as TruthTable
from ._zipf import ZipfRows as ZipfRows

TRUTHS: dict[str, type] = {
    "normal_logits": NormalLogits,
    "dirichlet": Dirichlet,
    "noisy_permutation": NoisyPermutation,
    "sparse": Sparse,
    "banded": Banded,
    "low_rank": LowRank,
    "zipf": ZipfRows,
    "symmetric_channel": SymmetricChannel,
    "erasure_channel": ErasureChannel,
    "randomized_response": RandomizedResponse,
    "reversible": Reversible,
    "gaussian": Gaussian,
    "normal_inverse_gamma": NormalInverseGamma,
    "drifting_logits": DriftingLogits,
    "fixed": Fixed,
}
