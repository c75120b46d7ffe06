"""Threefry-2x32-20 run backwards, in Python's integers: to find where in a stream a wanted word stands."""

from stochmap.streams import MAX_INDEX, Role

_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_MASK = 0xFFFFFFFF


def decrypt(key: tuple[int, int], block: tuple[int, int]) -> tuple[int, int]:
    """Return the counter whose block under the key this is."""
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


def find_word(word: int, role: Role) -> tuple[tuple[int, int], int]:
    """Return a key and an index whose word in the role's stream is ``word``: one key in 256 has it."""
    for second in range(1 << 14):
        key = (0x5EED, second)
        high, low = decrypt(key, (word >> 32, word & _MASK))
        index = ((high & 0xFFFFFF) << 32) | low
        if high >> 24 == role and index + 1 < MAX_INDEX:
            return key, index
    raise AssertionError("no key in 16,384 has the word, which happens once in 10^27")
