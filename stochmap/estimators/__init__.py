"""Gradients through sampling: estimators of ∇E f(sample) in a distribution's parameters, one a file."""

from ._abstract import AbstractAveraged as AbstractAveraged
from ._abstract import AbstractEstimator as AbstractEstimator
from ._abstract import Cost as Cost
from ._abstract import Problem as Problem
from ._abstract import State as State
from ._abstract import check_family as check_family
from ._abstract import gradient as gradient
from ._arm import Arm as Arm
from ._arsm import Arsm as Arsm
from ._constant_baseline import ConstantBaseline as ConstantBaseline
from ._disarm import Disarm as Disarm
from ._distributions import AbstractDiscrete as AbstractDiscrete
from ._distributions import AbstractDistribution as AbstractDistribution
from ._distributions import Bernoulli as Bernoulli
from ._distributions import Categorical as Categorical
from ._distributions import Gaussian as Gaussian
from ._exact import Exact as Exact
from ._gumbel_rao import GumbelRao as GumbelRao
from ._gumbel_softmax import GumbelSoftmax as GumbelSoftmax
from ._leave_one_out import LeaveOneOut as LeaveOneOut
from ._measure_valued import MeasureValued as MeasureValued
from ._optimal_baseline import OptimalBaseline as OptimalBaseline
from ._pathwise import Pathwise as Pathwise
from ._rebar import Rebar as Rebar
from ._reinmax import ReinMax as ReinMax
from ._relax import Relax as Relax
from ._running_mean_baseline import RunningMeanBaseline as RunningMeanBaseline
from ._score_function import ScoreFunction as ScoreFunction
from ._straight_through import StraightThrough as StraightThrough
from ._straight_through_gumbel_softmax import StraightThroughGumbelSoftmax as StraightThroughGumbelSoftmax
from ._unordered_set import UnorderedSet as UnorderedSet

ESTIMATORS: dict[str, type] = {
    "exact": Exact,
    "score_function": ScoreFunction,
    "constant_baseline": ConstantBaseline,
    "running_mean_baseline": RunningMeanBaseline,
    "optimal_baseline": OptimalBaseline,
    "leave_one_out": LeaveOneOut,
    "arm": Arm,
    "disarm": Disarm,
    "arsm": Arsm,
    "unordered_set": UnorderedSet,
    "measure_valued": MeasureValued,
    "pathwise": Pathwise,
    "gumbel_softmax": GumbelSoftmax,
    "straight_through_gumbel_softmax": StraightThroughGumbelSoftmax,
    "gumbel_rao": GumbelRao,
    "straight_through": StraightThrough,
    "reinmax": ReinMax,
    "rebar": Rebar,
    "relax": Relax,
}
