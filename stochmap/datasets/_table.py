from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from stochmap.sampling import AliasTable, CellSampler, ChainSampler, build_alias, categorical_sampler
