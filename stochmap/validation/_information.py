"""Information: capacities, bias, and Onegin's letters."""

import functools

import numpy as np

from stochmap.information import capacity, mutual_information_bias, plug_in
from stochmap.learners import MaximumLikelihood
from stochmap.sampling import Counts
from stochmap.truths import CategoricalTable, RandomizedResponse

from ._rows import Row, generator, mean_row, variance_row
from ._runs import Runs, learn

row, mean, variance = (functools.partial(each, "F") for each in (Row, mean_row, variance_row))

BIT = float(np.log(2.0))


def information(seed: int) -> list[Row]:
    """Return the rows of section F."""
    return [*_capacities(), *_bias(seed), *_randomized_response(), *_onegin()]


def _capacities() -> list[Row]:
    crossed = np.eye(4) * (0.9 - 0.1 / 3) + 0.1 / 3
    channels = (
        ("binary symmetric, 0.11", [[0.89, 0.11], [0.11, 0.89]], 0.500084, 5e-7),
        ("binary erasure, 0.3", [[0.7, 0.3, 0.0], [0.0, 0.3, 0.7]], 0.7, 1e-9),
        ("Z, ½", [[1.0, 0.0], [0.5, 0.5]], 0.321928, 5e-7),
        ("4-ary symmetric, error 0.1", crossed, 1.372508, 5e-7),
    )
    rows = []
    for name, table, bits, rounding in channels:
        found = capacity(table)
        rows.append(
            row("Shannon 1948", f"capacity, bits: {name}", bits, float(found.lower) / BIT, rounding=rounding + 2e-9)
        )
        rows.append(
            row(
                "Blahut 1972",
                f"gap of its bounds, bits: {name}",
                1e-9 / BIT,
                float(found.upper - found.lower) / BIT,
                relation="≤",
            )
        )
    inputs = capacity(channels[2][1]).inputs
    rows.append(row("Shannon 1948", "input of the Z channel's first letter", 0.6, float(inputs[0]), rounding=1e-4))
    return [*rows, row("closed form", "bits in a nat", 1.442695, 1 / BIT, rounding=5e-7)]


def _bias(seed: int) -> list[Row]:
    """The plug-in estimate under independence and on a channel."""
    n, runs, shape = 2000, 20_000, (3, 4)
    random = generator(seed, "bias")
    counts = random.multinomial(n, np.full(12, 1 / 12), size=runs).reshape(-1, *shape)
    doubled = 2 * n * plug_in(counts).mutual_information
    wilks = "Wilks 1938"
    # The next term of the bias, (Σ1/p_xy − Σ1/p_x − Σ1/p_y + 1)/(12n²) = 10/n² here, is left open.
    rows = [
        mean(wilks, "2n · plug-in MI under independence, 3 × 4: mean 6", 6.0, doubled, rounding=20 / n),
        variance(wilks, "… variance 12 of χ²₆", 12.0, doubled, rounding=0.1),
    ]
    table = np.array([[0.3, 0.1, 0.1], [0.05, 0.3, 0.15]])
    truth = np.log(table / np.outer(table.sum(1), table.sum(0)))
    counts = random.multinomial(n, table.reshape(-1), size=runs).reshape(-1, 2, 3)
    # The mean of the log-ratio has the same noise and no bias.
    excess = plug_in(counts).mutual_information - (counts / n * truth).sum(axis=(1, 2))
    rows.append(
        mean(
            "Miller 1955",
            "bias of plug-in MI, (s_xy − s_x − s_y + 1)/(2n), 2 × 3 channel",
            2 / (2 * n),
            excess,
            rounding=3e-6,
        )
    )
    rows.append(
        row("Miller 1955", "… as told from the counts", 2 / (2 * n), float(np.mean(mutual_information_bias(counts))))
    )
    return rows


def _randomized_response() -> list[Row]:
    """The truth of that name: its diagonal, the largest ratio of two rows' probabilities, and its capacity."""
    epsilon, k = 1.5, 5
    keep = np.exp(epsilon) / (np.exp(epsilon) + k - 1)
    table = RandomizedResponse(k, epsilon).draw(np.zeros(2, dtype=np.uint32)).probabilities
    warner = "Warner 1965; Kairouz et al. 2016"
    closed = np.log(k) + keep * np.log(keep) + (1 - keep) * np.log((1 - keep) / (k - 1))
    return [
        row(warner, "ε-randomized response, diagonal e^ε/(e^ε + k − 1)", float(keep), float(np.diag(table).mean())),
        row(
            warner,
            "… ln of the largest ratio = ε",
            epsilon,
            float(np.log(table.max(0) / table.min(0)).max()),
        ),
        row(warner, "… capacity, nats", float(closed), float(capacity(table).lower), rounding=1e-9),
    ]


def _onegin() -> list[Row]:
    counts = np.array([[1104, 7534], [7535, 3827]])
    runs = Runs(CategoricalTable(np.full((1, 2, 2), 0.5), np.full(2, 0.5)), Counts(counts[None]))
    table = learn(MaximumLikelihood(), runs).mapping.parameters()["probability"][0]
    markov = "Markov 1913"
    return [
        row(markov, "Onegin, p(vowel | vowel)", 0.128, float(table[0, 0]), rounding=5e-4),
        row(markov, "Onegin, p(vowel | consonant)", 0.663, float(table[1, 0]), rounding=5e-4),
    ]
