"""How a true mapping is drawn (on the host, in float64), and how its inputs are distributed."""

from ._dirichlet import Dirichlet as Dirichlet
from ._drifting_logits import DriftingLogits as DriftingLogits
from ._fixed import Fixed as Fixed
from ._gaussian import Gaussian as Gaussian
from ._inputs import INPUTS as INPUTS
from ._inputs import Given as Given
from ._inputs import Inputs as Inputs
from ._inputs import Uniform as Uniform
from ._inputs import Zipf as Zipf
from ._noisy_permutation import NoisyPermutation as NoisyPermutation
from ._normal_inverse_gamma import NormalInverseGamma as NormalInverseGamma
from ._normal_logits import NormalLogits as NormalLogits
from ._sparse import Sparse as Sparse
from ._table import CategoricalTable as CategoricalTable
from ._table import GaussianTable as GaussianTable
from ._table import Truth as Truth
from ._table import TruthTable as TruthTable

TRUTHS: dict[str, type] = {
    "normal_logits": NormalLogits,
    "dirichlet": Dirichlet,
    "noisy_permutation": NoisyPermutation,
    "sparse": Sparse,
    "gaussian": Gaussian,
    "normal_inverse_gamma": NormalInverseGamma,
    "drifting_logits": DriftingLogits,
    "fixed": Fixed,
}
