-- Are learned probabilities right across the whole range of true ones? Cells of the first 16 runs of each condition at
-- a problem's largest num_samples: at most 1500 a condition and learner, the same ones every time. Of a large table
-- the first 64 x and y; of a problem with many conditions the first 6.
--
-- problem, num_samples, condition_id, learner   (overview.sql says what a condition_id stands for)
-- run_id, x, y           the cell
-- truth, learned         p(y | x)
WITH conditions AS (
    SELECT
        run_id >> 32 AS condition_id,
        any_value(problem) AS problem,
        any_value(num_samples) AS num_samples,
        any_value(row(*COLUMNS('^(truth|inputs)_'))) AS fields
    FROM read_parquet('runs/*.parquet')
    GROUP BY condition_id
),
shown AS (
    SELECT condition_id, problem, num_samples
    FROM conditions
    QUALIFY num_samples = max(num_samples) OVER (PARTITION BY problem)
        AND dense_rank() OVER (PARTITION BY problem ORDER BY fields) <= 6
),
picked AS (
    SELECT run_id, shown.*
    FROM read_parquet('runs/*.parquet') AS runs
    JOIN shown ON shown.condition_id = runs.run_id >> 32
    QUALIFY row_number() OVER (PARTITION BY condition_id ORDER BY run_id) <= 16
),
true_cells AS (
    SELECT run_id, x, y, value
    FROM read_parquet('truths/*.parquet') AS truths
    SEMI JOIN picked USING (run_id)
    WHERE truths.parameter = 'probability' AND x < 64 AND y < 64
),
learned_cells AS (
    SELECT run_id, learner, x, y, value
    FROM read_parquet('estimates/*.parquet') AS estimates
    SEMI JOIN picked USING (run_id)
    WHERE estimates.parameter = 'probability' AND x < 64 AND y < 64 AND isfinite(value)
)
SELECT
    problem,
    num_samples,
    condition_id,
    learner,
    run_id,
    x,
    y,
    -- cells of probability 0 are not stored among the truths
    coalesce(true_cells.value, 0) AS truth,
    learned_cells.value AS learned
FROM learned_cells
LEFT JOIN true_cells USING (run_id, x, y)
JOIN picked USING (run_id)
QUALIFY row_number() OVER (PARTITION BY condition_id, learner ORDER BY hash(run_id, x, y), run_id, x, y) <= 1500
ORDER BY problem, condition_id, learner, run_id, x, y;
