"""A synthetic study store, written with NumPy and pyarrow alone: what the report reads, without what writes it."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.special import betaincinv, digamma

METRICS = (
    "kl_fit_truth reference_kl_fit_truth kl_truth_fit reference_kl_truth_fit kl_all total_variation "
    "reference_total_variation l2_squared reference_l2_squared hellinger mean_error reference_mean_error std_error "
    "reference_std_error coverage optimality_gap regret"
).split()
FIELDS = {"num_x": pa.int64(), "num_y": pa.int64(), "scale": pa.float64(), "mean": pa.float64(), "std": pa.float64()}
SCHEMAS = {
    "runs": pa.schema(
        [("run_id", pa.int64()), ("problem", pa.string()), ("truth_kind", pa.string())]
        + [(f"truth_{name}", kind) for name, kind in FIELDS.items()]
        + [("inputs_kind", pa.string()), ("num_samples", pa.int64()), ("replicate", pa.int64())]
        + [("num_visited_x", pa.int32()), ("key", pa.string())]
    ),
    "truths": pa.schema(
        [
            ("run_id", pa.int64()),
            ("parameter", pa.string()),
            ("x", pa.int32()),
            ("y", pa.int32()),
            ("value", pa.float64()),
        ]
    ),
    "fits": pa.schema(
        [("run_id", pa.int64()), ("learner", pa.string()), ("status", pa.string()), ("steps", pa.int64())]
        + [(metric, pa.float64()) for metric in METRICS]
    ),
    "estimates": pa.schema(
        [("run_id", pa.int64()), ("learner", pa.string()), ("parameter", pa.string()), ("x", pa.int32())]
        + [("y", pa.int32()), ("value", pa.float64()), ("lower", pa.float64()), ("upper", pa.float64())]
        + [("seen", pa.bool_())]
    ),
    "calibration": pa.schema(
        [("run_id", pa.int64()), ("learner", pa.string()), ("quantity", pa.string()), ("x", pa.int32())]
        + [("y", pa.int32()), ("pit", pa.float64()), ("rank", pa.int32()), ("draws", pa.int32())]
    ),
    "history": pa.schema(
        [("run_id", pa.int64()), ("learner", pa.string()), ("step", pa.int64()), ("loss", pa.float64())]
    ),
}

STUDY = """
name = "origin"
seed = 42
keep = ["truths", "estimates", "history", "calibration"]
[[problem]]
name = "mapping"
learners = [{ kind = "maximum_likelihood" }, { kind = "dirichlet" }, { kind = "gradient_descent" }]
[[problem]]
name = "gaussian"
learners = [{ kind = "maximum_likelihood" }, { name = "other", kind = "x" }, { kind = "gradient_descent" }]
"""


@dataclass
class SyntheticStore:
    """A store under construction: one `add_…` call is one chunk; `fits` keeps what was written, for comparison."""

    path: Path
    keep: frozenset[str] = frozenset({"truths", "estimates", "history", "calibration"})
    seed: int = 0
    fits: list[dict] = field(default_factory=list)
    chunk: str = ""  # the latest
    _conditions: int = 0
    _panels: int = 0

    def write(self, table: str, chunk: str, rows: list[dict]) -> None:
        if rows and (table in ("runs", "fits") or table in self.keep):
            (self.path / table).mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows, SCHEMAS[table]), self.path / table / f"{chunk}.parquet")

    def finish(self) -> None:
        (self.path / "manifest").mkdir(parents=True, exist_ok=True)
        (self.path / "manifest" / "SUCCESS.json").write_text(json.dumps({"plan": "0" * 16}))

    def _start(self, problem: str, kind: str, runs: int, num_samples: int, visited: list[int], **fields) -> list[int]:
        self._conditions += 1
        condition = (self._conditions * 0x01234567) % 2**31  # spread like hashes, so that ids pass 2^53
        ids = [(condition << 32) + replicate for replicate in range(runs)]
        rows = [
            {
                "run_id": run_id,
                "problem": problem,
                "truth_kind": kind,
                "inputs_kind": "uniform",
                "key": f"{run_id:016x}",
            }
            | {"num_samples": num_samples, "replicate": i, "num_visited_x": visited[i]}
            | {f"truth_{name}": value for name, value in fields.items()}
            for i, run_id in enumerate(ids)
        ]
        self.chunk = f"{condition:08x}-0-{runs}"
        self.write("runs", self.chunk, rows)
        return ids

    def _publish(self, fits: list[dict], truths: list[dict], estimates: list[dict], history: list[dict]) -> None:
        self.fits += fits
        for table, rows in {"fits": fits, "truths": truths, "estimates": estimates, "history": history}.items():
            self.write(table, self.chunk, rows)

    def add_mapping(
        self,
        num_samples: int,
        *,
        problem: str = "mapping",
        runs: int = 64,
        num_x: int = 16,
        num_y: int = 8,
        scale: float = 1.0,
        learners: tuple[str, ...] = ("maximum_likelihood", "dirichlet", "gradient_descent"),
        sparse: bool = False,
        concentration: float | None = None,
    ) -> list[dict]:
        """One condition of a categorical problem.

        `sparse` takes half the cells out of the support of every truth; `concentration` draws truths from that
        Dirichlet, which gives fits a regret.
        """
        rng = np.random.default_rng([self.seed, self._conditions, num_samples])
        logits = rng.normal(0, scale, (runs, num_x, num_y))
        if sparse:
            logits[:, :, ::2] = -np.inf
        truth = np.exp(logits)
        if concentration is not None:
            truth = rng.gamma(concentration, size=logits.shape)
        truth /= truth.sum(-1, keepdims=True)
        n_x = rng.multinomial(num_samples, np.full(num_x, 1 / num_x), size=runs)
        counts = rng.multinomial(n_x, truth)
        ids = self._start(
            problem,
            "normal_logits",
            runs,
            num_samples,
            [int(v) for v in (n_x > 0).sum(1)],
            num_x=num_x,
            num_y=num_y,
            scale=scale,
        )
        fits, estimates, history = [], [], []
        truths = [
            {"run_id": run_id, "parameter": "probability", "x": int(x), "y": int(y), "value": float(truth[i, x, y])}
            for i, run_id in enumerate(ids)
            for x, y in np.argwhere(truth[i] > 0)
        ]
        for learner in learners:
            for i, run_id in enumerate(ids):
                n, c, p = n_x[i][:, None], counts[i], truth[i]
                seen = n[:, 0] > 0
                alpha = 0.5 + c
                with np.errstate(invalid="ignore", divide="ignore"):
                    q = alpha / alpha.sum(1, keepdims=True) if learner == "dirichlet" else c / n
                    weight = seen / seen.sum()
                    kl_fit_truth = np.nansum(weight * np.where(q > 0, q * np.log(q / p), 0).sum(1))
                    kl_truth_fit = np.nansum(weight * np.where(p > 0, p * np.log(p / q), 0).sum(1))
                    reference = np.sum((weight * ((p > 0).sum(1) - 1) / (2 * n_x[i]))[seen])
                regret = None
                if concentration is not None:
                    a = concentration + c
                    total = a.sum(1, keepdims=True)
                    least = (a / total * (digamma(a + 1) - digamma(total + 1) - np.log(a / total))).sum(1)
                    regret = kl_truth_fit - np.sum(weight * least)
                intervals = learner != "gradient_descent"
                low, high = (betaincinv(alpha, alpha.sum(1, keepdims=True) - alpha, level) for level in (0.025, 0.975))
                boundary = learner == "gradient_descent" and bool((c == 0).any())
                status = "exact" if intervals else "boundary" if boundary else "converged"
                fit = dict.fromkeys(METRICS) | {"run_id": run_id, "learner": learner, "status": status}
                fits.append(
                    fit
                    | {
                        "steps": 0 if intervals else 40 + i % 7,
                        "kl_fit_truth": kl_fit_truth,
                        "kl_truth_fit": kl_truth_fit,
                    }
                    | {"reference_kl_fit_truth": reference, "reference_kl_truth_fit": reference}
                    | {"regret": regret, "total_variation": np.nansum(weight * np.abs(q - p).sum(1)) / 2}
                    | {"hellinger": np.sqrt(np.nansum(weight * ((np.sqrt(q) - np.sqrt(p)) ** 2).sum(1)) / 2)}
                    | {"coverage": float(((low <= p) & (p <= high))[seen].mean()) if intervals else None}
                )
                rows = range(num_x) if learner == "dirichlet" else np.flatnonzero(seen)
                estimates += [
                    {"run_id": run_id, "learner": learner, "parameter": "probability", "x": int(x), "y": y}
                    | {"value": float(q[x, y]), "seen": bool(seen[x])}
                    | ({"lower": float(low[x, y]), "upper": float(high[x, y])} if intervals else {})
                    for x in rows
                    for y in range(num_y)
                ]
                if not intervals:
                    history += [
                        {"run_id": run_id, "learner": learner, "step": step, "loss": 1.7 + np.exp(-step / (4 + i % 3))}
                        for step in range(0, 41 + i % 7, 2)
                    ]
        self._publish(fits, truths, estimates, history)
        return fits

    def add_calibration(self, learner: str, quantity: str, pit: np.ndarray, *, draws: int = 99, **cell: int) -> None:
        """The transforms of one quantity and cell over the latest condition's runs, and the ranks that fit to them.

        The log-likelihood has ranks only.
        """
        whole = quantity == "log_likelihood"
        ids = [(self._conditions * 0x01234567 % 2**31 << 32) + replicate for replicate in range(len(pit))]
        rows = [
            {"run_id": run_id, "learner": learner, "quantity": quantity, "draws": draws}
            | cell
            | {"pit": None if whole else float(value), "rank": int(value * (draws + 1))}
            for run_id, value in zip(ids, pit, strict=True)
        ]
        self._panels += 1
        self.write("calibration", f"{self.chunk}-{self._panels}", rows)

    def add_gaussian(
        self,
        num_samples: int,
        *,
        problem: str = "gaussian",
        runs: int = 64,
        mean: float = 1.0,
        std: float = 2.5,
        learners: tuple[str, ...] = ("maximum_likelihood", "gradient_descent"),
    ) -> list[dict]:
        """One condition of a Gaussian problem with one x."""
        rng = np.random.default_rng([self.seed, self._conditions, num_samples, 1])
        data = rng.normal(mean, std, (runs, num_samples))
        ids = self._start(problem, "gaussian", runs, num_samples, [1] * runs, mean=mean, std=std)
        fits, truths, estimates, history = [], [], [], []
        for i, run_id in enumerate(ids):
            m, s = data[i].mean(), data[i].std()
            kl = np.log(std / s) + (s**2 + (m - mean) ** 2) / (2 * std**2) - 0.5
            back = np.log(s / std) + (std**2 + (m - mean) ** 2) / (2 * s**2) - 0.5
            half = 1.96 * s / np.sqrt(num_samples)
            for name, value in (("mean", mean), ("std", std)):
                truths.append({"run_id": run_id, "parameter": name, "x": 0, "value": value})
            for learner in learners:
                fits.append(
                    dict.fromkeys(METRICS)
                    | {"run_id": run_id, "learner": learner, "status": "exact", "steps": 0, "kl_fit_truth": kl}
                    | {"reference_kl_fit_truth": 1 / num_samples, "kl_truth_fit": back}
                    | {"reference_kl_truth_fit": 1 / num_samples, "mean_error": (m - mean) ** 2}
                    | {"reference_mean_error": std**2 / num_samples, "std_error": (s - std) ** 2}
                    | {"reference_std_error": std**2 / (2 * num_samples), "coverage": float(abs(m - mean) <= half)}
                )
                if learner == "gradient_descent":
                    fits[-1] |= {"status": "converged", "steps": 25, "coverage": None}
                    history += [
                        {"run_id": run_id, "learner": learner, "step": step, "loss": 2.3 + np.exp(-step / 3)}
                        for step in range(26)
                    ]
                for name, value in (("mean", m), ("std", s)):
                    estimates.append(
                        {"run_id": run_id, "learner": learner, "parameter": name, "x": 0, "value": value, "seen": True}
                    )
        self._publish(fits, truths, estimates, history)
        return fits


@pytest.fixture
def new_store(tmp_path):
    """Make an empty store: `new_store("name", keep=…)`."""

    def make(name: str = "store", **options) -> SyntheticStore:
        return SyntheticStore(tmp_path / name, **options)

    return make


@pytest.fixture(scope="session")
def origin(tmp_path_factory) -> SyntheticStore:
    """A store like the origin study's, smaller: both problems, four sample sizes, 64 runs each."""
    store = SyntheticStore(tmp_path_factory.mktemp("origin") / "out")
    for num_samples in (256, 1024, 4096, 16384):
        store.add_mapping(num_samples)
    for num_samples in (10, 100, 1000, 10000):
        store.add_gaussian(num_samples)
    even = (np.arange(64) + 0.5) / 64
    store.add_calibration("maximum_likelihood", "mean", even, x=0)
    store.add_calibration("maximum_likelihood", "std", even**8, x=0)
    store.add_calibration("maximum_likelihood", "log_likelihood", even)
    (store.path / "study.toml").write_text(STUDY)
    store.finish()
    return store
