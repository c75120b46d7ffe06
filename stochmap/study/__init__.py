"""Study: TOML in, resolved TOML out; its grid of conditions, its chunks, its identity."""

from stochmap.building import StudyError as StudyError
from stochmap.building import build as build

from ._chunks import Chunk as Chunk
from ._chunks import Cost as Cost
from ._chunks import chunk_size as chunk_size
from ._chunks import chunks as chunks
from ._chunks import estimate as estimate
from ._chunks import peak_bytes as peak_bytes
from ._dataset import Dataset as Dataset
from ._dataset import dataset_from_options as dataset_from_options
from ._dataset import load_dataset as load_dataset
from ._reading import Reader as Reader
from ._reading import from_options as from_options
from ._reading import load as load
from ._study import KEEP as KEEP
from ._study import Condition as Condition
from ._study import Problem as Problem
from ._study import Study as Study
