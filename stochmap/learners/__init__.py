"""From data to a Fit: one learner a file."""

from ._abstract import AbstractConfidence as AbstractConfidence
from ._abstract import Fit as Fit
from ._abstract import History as History
from ._abstract import Learner as Learner
from ._abstract import Status as Status
from ._confidence import Classical as Classical
from ._confidence import Wilson as Wilson
from ._conjugate import Dirichlet as Dirichlet
from ._conjugate import NormalInverseGamma as NormalInverseGamma
from ._gradient_descent import GradientDescent as GradientDescent
from ._maximum_likelihood import MaximumLikelihood as MaximumLikelihood
from ._sampled_gradient import SampledGradient as SampledGradient

LEARNERS: dict[str, type] = {
    "maximum_likelihood": MaximumLikelihood,
    "dirichlet": Dirichlet,
    "normal_inverse_gamma": NormalInverseGamma,
    "gradient_descent": GradientDescent,
    "sampled_gradient": SampledGradient,
}
