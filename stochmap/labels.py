"""Columns of text, as codes into a short tuple of names."""

from typing import NamedTuple

import numpy as np


class Labels(NamedTuple):
    """A text column without an object a row: row i reads `names[codes[i]]`; codes are int8, int16 or int32."""

    codes: np.ndarray
    names: tuple[str, ...]
