"""Stochastic mappings p(y | x) as Equinox modules."""

from ._abstract import AbstractMapping as AbstractMapping
from ._categorical import CategoricalMapping as CategoricalMapping
from ._categorical import softmax as softmax
from ._gaussian import GaussianMapping as GaussianMapping
