"""Gradients through sampling: estimators of ∇E f(sample) in a distribution's parameters, one a file."""

from ._abstract import AbstractAveraged as AbstractAveraged
from ._abstract import AbstractEstimator as AbstractEstimator
from ._abstract import Cost as Cost
from ._abstract import Problem as Problem
from ._abstract import State as State
from ._abstract import check_family as check_family
from ._abstract import gradient as gradient
from ._distributions import AbstractDiscrete as AbstractDiscrete
from ._distributions import AbstractDistribution as AbstractDistribution
from ._distributions import Bernoulli as Bernoulli
from ._distributions import Categorical as Categorical
from ._distributions import Gaussian as Gaussian
from ._exact import Exact as Exact
from ._pathwise import Pathwise as Pathwise
from ._score_function import ScoreFunction as ScoreFunction

ESTIMATORS: dict[str, type] = {
    "exact": Exact,
    "score_function": ScoreFunction,
    "pathwise": Pathwise,
}
