"""Exact posteriors over mappings, updated by one observation or by all of them."""

from ._abstract import AbstractPosterior as AbstractPosterior
from ._abstract import Interval as Interval
from ._abstract import check_positive as check_positive
from ._abstract import host as host
from ._abstract import tails as tails
from ._dirichlet import Dirichlet as Dirichlet
from ._normal_inverse_gamma import NormalInverseGamma as NormalInverseGamma
