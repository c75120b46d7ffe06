"""Random subsets: exactly uniform given uniform words, by enumeration of the words; and as often by the stream's."""

import itertools

import numpy as np
import pytest
from chance import assert_frequencies

from stochmap.streams import run_keys, split_uint64
from stochmap.truths import _subsets

FIRST = _subsets._FIRST_WORD


@pytest.mark.parametrize(("population", "size", "rounds"), [(3, 1, 1), (4, 2, 3), (6, 2, 3), (5, 3, 3), (7, 3, 2)])
def test_every_subset_comes_of_as_many_words(monkeypatch, population, size, rounds):
    """All words of the first rounds, each row another choice: those that are done by then are shared out equally.

    A word stands for the element it falls on. Rows that need more rounds than are enumerated go on with other words,
    and are left out.
    """
    drawn = min(size, population - size)
    rows = population ** (drawn * rounds)
    longer = np.zeros(rows, dtype=bool)

    def enumerated(keys, role, index):
        attempt, rest = np.divmod(index - FIRST, rows * drawn)
        row, place = np.divmod(rest, drawn)
        longer[row[attempt >= rounds]] = True
        digit = row // population ** np.minimum(attempt * drawn + place, drawn * rounds - 1)
        element = np.where(attempt < rounds, digit, attempt + place) % population
        return split_uint64([(int(e) * 2**64 + 2**63) // population for e in element])

    monkeypatch.setattr(_subsets, "words_at", enumerated)
    subsets = _subsets.random_subsets(run_keys(1, 0), rows, population, size)[~longer]
    found, times = np.unique(subsets, axis=0, return_counts=True)
    assert found.tolist() == [list(each) for each in itertools.combinations(range(population), size)]
    assert len(set(times)) == 1
    assert longer.mean() < 0.2


def test_an_element_is_the_word_times_the_population():
    words = [0, 1, 2**32 - 1, 2**32, 2**63, 2**64 // 3, 2**64 - 2**33, 2**64 - 1]
    for population in [1, 2, 3, 10**6, 2**31 - 1, 2**31]:
        expected = [word * population >> 64 for word in words]
        assert _subsets._below(population, split_uint64(np.array(words, dtype=np.uint64))).tolist() == expected


@pytest.mark.parametrize(("population", "size"), [(5, 1), (6, 3), (6, 4), (7, 5)])
def test_every_subset_is_as_likely(population, size):
    """The stream's own words: would catch a choice 4 % off in total variation."""
    subsets = _subsets.random_subsets(run_keys(5, np.arange(3)), 8000, population, size)
    code = (1 << subsets).sum(axis=-1)
    expected = [sum(1 << e for e in each) for each in itertools.combinations(range(population), size)]
    found = [(code == each).sum() for each in expected]
    assert sum(found) == 24_000
    assert_frequencies(found, np.full(len(found), 1 / len(found)), detects=0.04, cases=4)


@pytest.mark.parametrize("size", [0, 1, 50, 99, 100])
def test_blocks_of_rows_make_no_difference(monkeypatch, size):
    keys = run_keys(9, np.arange(4).reshape(2, 2))
    whole = _subsets.random_subsets(keys, 30, 100, size)
    assert whole.shape == (2, 2, 30, size)
    assert whole.dtype == np.int32
    assert (np.diff(whole, axis=-1) > 0).all()
    monkeypatch.setattr(_subsets, "_BLOCK", 130)
    np.testing.assert_array_equal(_subsets.random_subsets(keys, 30, 100, size), whole)
    np.testing.assert_array_equal(_subsets.random_subsets(keys[1, 0], 30, 100, size), whole[1, 0])
