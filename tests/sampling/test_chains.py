"""Markov chains: exact state by state, addressable chain by chain."""

import numpy as np
import pytest
from chance import assert_frequencies
from exact_shares import WHOLE, as_integers, received

from stochmap.sampling import AliasTable, ChainSampler, chain_sampler, draw_chains, integer_weights
from stochmap.streams import Role, run_keys, words_on_host

KEY = run_keys(7, 3 << 32)

# Rows of 1, 2, 3 and 4 cells, one certain, some of probability 0.
WIDTHS = (1, 3, 4, 2, 4)
OUTCOMES = (3, 0, 2, 4, 0, 1, 2, 4, 1, 2, 0, 1, 3, 4)
TABLE = (1.0, 0.5, 0.0, 0.5, 0.1, 0.2, 0.3, 0.4, 1e-9, 1 - 1e-9, 0.25, 0.0, 0.7, 0.05)
START = np.array([0.3, 0.1, 0.0, 0.4, 0.2])


def row_starts(widths) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(widths)])


def ragged() -> ChainSampler:
    return chain_sampler(START, np.array(TABLE), row_starts(WIDTHS), np.array(OUTCOMES))


def dense() -> np.ndarray:
    table = np.zeros((5, 5))
    table[np.repeat(np.arange(5), WIDTHS), OUTCOMES] = TABLE
    return table


def square(states: int) -> ChainSampler:
    rows = np.random.default_rng(states).dirichlet(np.full(states, 0.5), size=states)
    outcomes = np.tile(np.arange(states), states)
    return chain_sampler(np.full(states, 1 / states), rows.ravel(), np.arange(states + 1) * states, outcomes)


def part_of(sampler: ChainSampler, state: int) -> AliasTable:
    """The alias table of one state, over its own cells."""
    first, end = sampler.row_starts[state : state + 2]
    high, low, alias = (np.asarray(part)[first:end] for part in sampler.rows)
    assert (first <= alias).all()
    assert (alias < end).all()
    return AliasTable(high, low, alias - np.uint32(first))


def choose(table: AliasTable, word: int) -> int:
    cell, remainder = divmod(word * len(table.alias), WHOLE)
    threshold = (int(table.threshold_high[cell]) << 32) | int(table.threshold_low[cell])
    return cell if remainder < threshold else int(table.alias[cell])


def by_the_rule(sampler: ChainSampler, chain: int, length: int) -> list[int]:
    """The states of one chain, in Python's integers."""
    words = [
        (int(high) << 32) | int(low) for high, low in words_on_host(KEY, Role.PAIR, chain * (length + 1), length + 1)
    ]
    states = [choose(sampler.start, words[0])]
    for word in words[1:]:
        cell = sampler.row_starts[states[-1]] + choose(part_of(sampler, states[-1]), word)
        states.append(int(sampler.outcomes[cell]))
    return states


def test_each_state_s_cells_get_exactly_their_shares_of_all_words():
    sampler = ragged()
    np.testing.assert_array_equal(received(sampler.start), integer_weights(START).astype(object))
    for state, (first, end) in enumerate(zip(sampler.row_starts[:-1], sampler.row_starts[1:], strict=True)):
        p = np.array(TABLE)[first:end]
        words = received(part_of(sampler, state))
        np.testing.assert_array_equal(words, as_integers(integer_weights(p), p))
        assert words.sum() == WHOLE
        assert (words[p == 0] == 0).all()


@pytest.mark.parametrize("make", [ragged, lambda: square(5)])
@pytest.mark.parametrize("chain", [0, ((1 << 31) - 10) // 8, (1 << 32) // 8 - 2, (1 << 40) // 8])
def test_chains_follow_the_rule(make, chain):
    """Where words 2³¹, 2³² and 2⁴⁰ are read, too: a counter of 32 bits would wrap there, within a chain or between."""
    sampler = make()
    states = draw_chains(sampler, KEY, chain, 4, 7)
    assert states.dtype == np.int32
    assert states.tolist() == [by_the_rule(sampler, chain + i, 7) for i in range(4)]


def test_a_chain_of_many_blocks_crosses_2_to_the_32():
    """A block has 256 steps, and one of these reads words on both sides of 2³²."""
    length = 700
    chain = ((1 << 32) - 300) // (length + 1)
    states = draw_chains(ragged(), KEY, chain, 2, length)
    assert states.tolist() == [by_the_rule(ragged(), chain + i, length) for i in range(2)]
    assert chain * (length + 1) < 1 << 32 < (chain + 2) * (length + 1)


def test_a_chain_alone_equals_the_same_one_of_many():
    """16 chains are drawn at a time where there are few, else 4096: on both sides of each border."""
    sampler = ragged()
    many = draw_chains(sampler, KEY, 0, 5000, 5)
    for first, count in [(0, 1), (15, 2), (16, 64), (4090, 10), (4095, 1), (4999, 1), (10, 4900)]:
        np.testing.assert_array_equal(draw_chains(sampler, KEY, first, count, 5), many[first : first + count])
    assert draw_chains(sampler, KEY, 3, 0, 5).shape == (0, 6)


@pytest.mark.parametrize("length", [1, 255, 256, 257, 513])
def test_the_first_chain_of_any_length_goes_the_same_way(length):
    """Its words are the stream's first ones."""
    longest = draw_chains(ragged(), KEY, 0, 1, 600)[0]
    np.testing.assert_array_equal(draw_chains(ragged(), KEY, 0, 1, length)[0], longest[: length + 1])


def test_starts_and_steps_follow_their_probabilities():
    """Would catch start or steps 0.015 off in total variation; what has probability 0 never happens."""
    p = dense()
    p[p < 1e-6] = 0.0
    p /= p.sum(axis=1, keepdims=True)
    states = draw_chains(ragged(), KEY, 0, 100_000, 3)
    assert_frequencies(np.bincount(states[:, 0], minlength=5), START, detects=0.015, cases=4)
    marginal = START
    for step in range(2):
        cell = states[:, step] * 5 + states[:, step + 1]
        assert_frequencies(np.bincount(cell, minlength=25), marginal[:, None] * p, detects=0.015, cases=4)
        marginal = marginal @ p
    # The second and third steps are independent given the state between: a word used twice would tie them together.
    first, last = states[states[:, 2] == 2][:, [1, 3]].T
    given = (START @ p * p[:, 2])[:, None] * p[2]
    assert_frequencies(np.bincount(first * 5 + last, minlength=25), given / given.sum(), detects=0.02, cases=4)


def test_chains_that_start_in_equilibrium_stay_there():
    """Would catch states 0.015 off in total variation at step 40."""
    p = np.random.default_rng(5).dirichlet(np.full(5, 0.5), size=5)
    stationary = np.linalg.matrix_power(p, 1 << 12)[0]
    sampler = chain_sampler(stationary, p.ravel(), np.arange(6) * 5, np.tile(np.arange(5), 5))
    states = draw_chains(sampler, KEY, 0, 100_000, 40)
    for step in (1, 40):
        assert_frequencies(np.bincount(states[:, step], minlength=5), stationary, detects=0.015, cases=2)
