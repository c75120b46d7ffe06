import pytest

from stochmap.sampling import _alias, _cells


@pytest.fixture
def often_undecided(monkeypatch):
    """Abridged tables that keep 8 bits of a threshold, so that up to three draws in 256 are undecided."""
    for module in (_alias, _cells):
        monkeypatch.setattr(module, "alias_mask", lambda cells: (1 << 24) - 1)
    _cells.integer_program.cache_clear()
    yield
    _cells.integer_program.cache_clear()
