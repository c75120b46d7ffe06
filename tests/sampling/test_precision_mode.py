import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from drawn_rows import drawn

HERE = Path(__file__).parent


def test_rows_are_the_same_without_64_bit_mode(tmp_path):
    """And on one device: another process draws them in JAX's default mode."""
    environment = {**os.environ, "JAX_ENABLE_X64": "0", "JAX_NUM_CPU_DEVICES": "1", "PYTHONPATH": str(HERE.parents[1])}
    subprocess.run(
        [sys.executable, str(HERE / "drawn_rows.py"), str(tmp_path / "rows.npz")], env=environment, check=True
    )
    other = dict(np.load(tmp_path / "rows.npz"))
    assert (bool(other.pop("x64")), int(other.pop("devices"))) == (False, 1)
    here = drawn()
    assert set(other) == set(here)
    for name, values in here.items():
        assert other[name].dtype == values.dtype
        np.testing.assert_array_equal(other[name], values)
