"""Exact posteriors over mappings, updated by one observation or by all of them."""

from ._abstract import AbstractPosterior as AbstractPosterior
from ._abstract import Interval as Interval
from ._abstract import check_finite as check_finite
from ._abstract import check_positive as check_positive
from ._abstract import check_statistics as check_statistics
from ._abstract import host as host
from ._abstract import tails as tails
from ._anytime import DriftAlarm as DriftAlarm
from ._anytime import confidence_sequence as confidence_sequence
from ._anytime import first_alarm as first_alarm
from ._anytime import log_martingale as log_martingale
from ._dirichlet import Dirichlet as Dirichlet
from ._normal_inverse_gamma import NormalInverseGamma as NormalInverseGamma
from ._normal_inverse_gamma import check_normal_inverse_gamma as check_normal_inverse_gamma
from ._priors import PRIORS as PRIORS
from ._priors import braess_sauer as braess_sauer
from ._priors import empirical_bayes as empirical_bayes
from ._priors import inside_strengths as inside_strengths
from ._priors import jeffreys as jeffreys
from ._priors import minimax as minimax
from ._priors import perks as perks
from ._student_t import StudentT as StudentT
