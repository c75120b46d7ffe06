"""Stochastic mappings p(y | x): drawn at random, sampled exactly, learned back, and scored against theory."""

from stochmap.mappings import CategoricalMapping as CategoricalMapping
from stochmap.mappings import GaussianMapping as GaussianMapping
from stochmap.recovery import run_chunk as run_chunk
from stochmap.sampling import Counts as Counts
from stochmap.sampling import Moments as Moments
from stochmap.sampling import draw_pairs as draw_pairs
from stochmap.streams import run_keys as run_keys
from stochmap.study import Chunk as Chunk
from stochmap.study import Study as Study
from stochmap.study import StudyError as StudyError

from . import calibration as calibration
from . import estimators as estimators
from . import information as information
from . import ingest as ingest
from . import lab as lab
from . import learners as learners
from . import mappings as mappings
from . import metrics as metrics
from . import posteriors as posteriors
from . import sampling as sampling
from . import streams as streams
from . import truths as truths

__version__ = "0.1.0"
