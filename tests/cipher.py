"""Threefry-2x32-20 run backwards, in Python's integers: to find where in a stream wanted bits stand."""

from typing import Any

import numpy as np

from stochmap.streams import MAX_INDEX, Role, words_on_host

_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_MASK = 0xFFFFFFFF


def decrypt(key: tuple[int, int], block: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return the counter whose block under the key this is; of uint64 arrays too."""
    schedule = (*key, key[0] ^ key[1] ^ 0x1BD11BDA)
    x0, x1 = block
    for turn in reversed(range(20)):
        if turn % 4 == 3:
            group = turn // 4 + 1
            x0 = (x0 - schedule[group % 3]) & _MASK
            x1 = (x1 - schedule[(group + 1) % 3] - group) & _MASK
        distance = _ROTATIONS[turn % 8]
        rotated = x1 ^ x0
        x1 = ((rotated >> distance) | (rotated << (32 - distance))) & _MASK
        x0 = (x0 - x1) & _MASK
    return (x0 - schedule[0]) & _MASK, (x1 - schedule[1]) & _MASK


def rows_of_upper_half(key: np.ndarray, upper: int, tried: int) -> list[int]:
    """Return rows whose word has this upper half, even and odd ones: of the blocks ``tried`` one in 512."""
    other, mine = np.arange(tried // 2, dtype=np.uint64), np.full(tried // 2, upper, dtype=np.uint64)
    rows = []
    for odd, block in enumerate([(mine, other), (other, mine)]):
        high, low = decrypt((int(key[0]), int(key[1])), block)
        for place in np.flatnonzero(high >> np.uint64(24) == Role.PAIR):
            rows.append(2 * (((int(high[place]) & 0xFFFFFF) << 32) | int(low[place])) + odd)
    return [row for row in rows if row < MAX_INDEX]


def words_of_rows(key: np.ndarray, start: int, count: int) -> np.ndarray:
    """Return the 64-bit words of rows as Python's integers: one half of a block of each of two roles."""
    halves = [
        words_on_host(key, role, start // 2, count // 2 + 1).reshape(-1)[start % 2 :][:count].astype(object)
        for role in (Role.PAIR, Role.PAIR_LOWER)
    ]
    return (halves[0] << 32) | halves[1]
