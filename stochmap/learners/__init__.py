"""From data to a Fit: one learner a file."""

from ._absolute_discounting import AbsoluteDiscounting as AbsoluteDiscounting
from ._abstract import AbstractConfidence as AbstractConfidence
from ._abstract import Fit as Fit
from ._abstract import History as History
from ._abstract import Learner as Learner
from ._abstract import Status as Status
from ._add_constant import AddConstant as AddConstant
from ._confidence import Classical as Classical
from ._confidence import Wilson as Wilson
from ._conjugate import Dirichlet as Dirichlet
from ._conjugate import NormalInverseGamma as NormalInverseGamma
from ._good_turing import GoodTuring as GoodTuring
from ._gradient_descent import GradientDescent as GradientDescent
from ._hierarchical import Hierarchical as Hierarchical
from ._hierarchical import fit_row_prior as fit_row_prior
from ._maximum_likelihood import MaximumLikelihood as MaximumLikelihood
from ._natural_gradient import NaturalGradient as NaturalGradient
from ._online import Online as Online
from ._pair_blocks import PairBlocks as PairBlocks
from ._pair_blocks import pair_blocks as pair_blocks
from ._reversible import Reversible as Reversible
from ._running_moments import RunningMoments as RunningMoments
from ._sampled_gradient import SampledGradient as SampledGradient
from ._variational import Variational as Variational
from ._variational_families import LogisticNormal as LogisticNormal
from ._variational_families import MeanLogStd as MeanLogStd

LEARNERS: dict[str, type] = {
    "maximum_likelihood": MaximumLikelihood,
    "dirichlet": Dirichlet,
    "normal_inverse_gamma": NormalInverseGamma,
    "gradient_descent": GradientDescent,
    "add_constant": AddConstant,
    "absolute_discounting": AbsoluteDiscounting,
    "good_turing": GoodTuring,
    "hierarchical": Hierarchical,
    "reversible": Reversible,
    "online": Online,
    "natural_gradient": NaturalGradient,
    "running_moments": RunningMoments,
    "variational": Variational,
    "sampled_gradient": SampledGradient,
}
