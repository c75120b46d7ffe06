"""Exact draws from a mapping, and the sufficient statistics of what was drawn."""

from ._alias import MAX_CELLS as MAX_CELLS
from ._alias import AliasTable as AliasTable
from ._alias import build_alias as build_alias
from ._alias import integer_weights as integer_weights
from ._batches import draw_counts as draw_counts
from ._batches import draw_moments as draw_moments
from ._cells import draw_bits as draw_bits
from ._cells import draw_cells as draw_cells
from ._chains import ChainSampler as ChainSampler
from ._chains import chain_sampler as chain_sampler
from ._chains import draw_chains as draw_chains
from ._pairs import CategoricalSampler as CategoricalSampler
from ._pairs import GaussianSampler as GaussianSampler
from ._pairs import Pairs as Pairs
from ._pairs import PairSampler as PairSampler
from ._pairs import categorical_sampler as categorical_sampler
from ._pairs import draw_pairs as draw_pairs
from ._pairs import gaussian_sampler as gaussian_sampler
from ._pairs import joint_alias as joint_alias
from ._statistics import Counts as Counts
from ._statistics import Moments as Moments
from ._statistics import Statistics as Statistics
from ._statistics import Values as Values
from ._statistics import count_pairs as count_pairs
from ._statistics import value_moments as value_moments
