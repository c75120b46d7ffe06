import jax.numpy as jnp
import numpy as np
import pytest
from chance import assert_frequencies, normal_limit
from cipher import decrypt

from stochmap import streams
from stochmap.streams import MAX_INDEX, Role, run_keys, words, words_on_host

KEY = np.array([0x13198A2E, 0x03707344], dtype=np.uint32)

# Random123's kat_vectors, threefry2x32 with 20 rounds: counter, key, block.
KNOWN_ANSWERS = {
    "zeros": ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    "ones": ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    "pi": ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
}

WINDOWS = (0, 1, (1 << 31) - 10, (1 << 32) - 10, (1 << 40) - 3, (1 << 56) - 64)


def joined(block: np.ndarray) -> np.ndarray:
    return (np.asarray(block)[..., 0].astype(np.uint64) << np.uint64(32)) | np.asarray(block)[..., 1]


@pytest.mark.parametrize("module", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("name", KNOWN_ANSWERS)
def test_known_answer_vectors(name, module):
    counter, key, block = KNOWN_ANSWERS[name]
    as_words = [tuple(module.asarray([word], dtype=module.uint32) for word in pair) for pair in (key, counter)]
    assert tuple(int(word[0]) for word in streams.threefry_2x32(*as_words)) == block


@pytest.mark.parametrize("name", KNOWN_ANSWERS)
def test_the_inverse_that_other_tests_lean_on(name):
    counter, key, block = KNOWN_ANSWERS[name]
    assert decrypt(key, block) == counter


@pytest.mark.parametrize("start", WINDOWS)
@pytest.mark.parametrize("role", Role)
def test_a_word_is_the_block_of_role_and_index(role, start):
    host, device = words_on_host(KEY, role, start, 64), np.asarray(words(KEY, role, start, 64))
    assert host.dtype == device.dtype == np.uint32
    np.testing.assert_array_equal(device, host)
    for offset in (0, 9, 63):
        index = start + offset
        counter = decrypt((int(KEY[0]), int(KEY[1])), (int(host[offset, 0]), int(host[offset, 1])))
        assert counter == ((int(role) << 24) | (index >> 32), index & 0xFFFFFFFF)


def test_rows_beyond_32_bits_are_addressable():
    """A 32-bit row index repeats the first rows after 2³² and loses its sign after 2³¹."""
    whole = joined(words_on_host(KEY, Role.PAIR, (1 << 32) - 10, 20))
    assert not set(whole) & set(joined(words_on_host(KEY, Role.PAIR, 0, 20)))
    for start in WINDOWS:
        window = np.asarray(words(KEY, Role.PAIR, start, 64))
        np.testing.assert_array_equal(np.asarray(words(KEY, Role.PAIR, start + 7, 20)), window[7:27])


def test_the_streams_of_this_version():
    """Whoever changes one of these bits changes STREAM_VERSION."""
    assert streams.STREAM_VERSION == 2
    assert {role.name: int(role) for role in Role} == {
        "TRUTH": 1,
        "PAIR": 2,
        "NOISE": 3,
        "LEARNER": 4,
        "POSTERIOR": 5,
        "PAIR_LOWER": 6,
    }
    keys = run_keys(42, np.array([0, (123 << 32) + 4567]))
    assert joined(keys).tolist() == [0x6D3E048F1022172D, 0xC061E700A3886081]
    assert joined(words_on_host(keys[1], Role.PAIR, 0, 2)).tolist() == [
        0x3B7E9D686A0EAC6D,
        0xDBE7F61FE4120ABF,
    ]


def test_roles_are_disjoint():
    """Counters of different roles differ in their top bits, to the last index; so no two words of a key are alike."""
    near = [joined(words_on_host(KEY, role, 0, 20_000)) for role in Role]
    far = [joined(words_on_host(KEY, role, MAX_INDEX - 20_000, 20_000)) for role in Role]
    drawn = np.concatenate(near + far)
    assert len(np.unique(drawn)) == len(drawn)


def test_run_keys_are_a_bijection_of_run_ids():
    seed = 0x0123456789ABCDEF
    run_ids = [0, 1, (1 << 53) + 1, (1 << 63) - 1, (77 << 32) + 5]
    for run_id, key in zip(run_ids, run_keys(seed, np.array(run_ids, dtype=np.uint64)), strict=True):
        high, low = decrypt((seed >> 32, seed & 0xFFFFFFFF), (int(key[0]), int(key[1])))
        assert (high << 32) | low == run_id


def test_a_million_runs_have_a_million_keys():
    """With 32-bit seeds 10⁶·(10⁶ − 1)/2³³ = 116 pairs of runs would share theirs, and do in half of the key."""
    keys = run_keys(7, (np.arange(1_000_000) // 1000 << 32) + np.arange(1_000_000) % 1000)
    assert len(np.unique(joined(keys))) == 1_000_000
    assert abs(1_000_000 - len(np.unique(keys[:, 1])) - 116.4) < normal_limit(1) * np.sqrt(116.4)


def test_run_keys_keep_the_shape_of_the_ids():
    ids = np.arange(6).reshape(2, 3)
    assert run_keys(1, ids).shape == (2, 3, 2)
    np.testing.assert_array_equal(run_keys(1, ids)[1, 2], run_keys(1, 5))


def test_different_seeds_give_different_keys():
    assert not np.array_equal(run_keys(1, 5), run_keys(2, 5))
    assert not np.array_equal(run_keys(1, 5), run_keys(1 | 1 << 32, 5))  # the seed's high word counts


@pytest.mark.parametrize("seed", [-1, 1 << 64])
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises(ValueError, match=rf"seed must be in .*, got {seed}: choose"):
        run_keys(seed, 0)


@pytest.mark.parametrize(("start", "count"), [(-1, 2), (0, -1), (MAX_INDEX - 1, 2)])
def test_windows_out_of_range_are_refused(start, count):
    for draw in (words, words_on_host):
        with pytest.raises(ValueError, match="outside 0 … 2\\^56: ask for"):
            draw(KEY, Role.PAIR, start, count)


def test_batches_of_keys_give_each_key_its_own_words():
    keys = run_keys(3, np.arange(6).reshape(2, 3))
    batch = words_on_host(keys, Role.NOISE, 5, 4)
    assert batch.shape == (2, 3, 4, 2)
    np.testing.assert_array_equal(batch[1, 2], words_on_host(keys[1, 2], Role.NOISE, 5, 4))
    np.testing.assert_array_equal(streams.words_at(keys, Role.NOISE, 8), batch[:, :, 3])


def test_bits_are_balanced():
    """Each of the 64 bits is 1 half of the time: would catch a bit off by 1 % in total variation."""
    drawn = joined(words_on_host(run_keys(11, np.arange(8)), Role.TRUTH, 0, 1 << 15)).reshape(-1)
    for bit in range(64):
        ones = int(((drawn >> np.uint64(bit)) & np.uint64(1)).sum())
        assert_frequencies([len(drawn) - ones, ones], [0.5, 0.5], detects=0.01, cases=64)


def test_halves_are_the_words_read_one_half_after_the_other():
    keys = run_keys(3, np.arange(2))
    whole = words_on_host(keys, Role.PAIR, 10, 4).reshape(2, 8)
    np.testing.assert_array_equal(streams.halves_at(keys[:, None], Role.PAIR, np.arange(20, 28)), whole)
    assert streams.halves_at(keys[:1], Role.PAIR, 23).tolist() == [whole[0, 3]]
