-- What does the learned table look like beside the true one? Every cell of the typical (median) and the worst run by
-- KL(fit || truth) of each learner, at a problem's largest num_samples. Of a large table the first 64 x and y; of a
-- problem with many conditions the first 6.
--
-- problem, num_samples, condition_id, learner   (overview.sql says what a condition_id stands for)
-- role, run_id, error    'typical' or 'worst', the run, and its KL(fit || truth) in nats
-- num_x, num_y           the size of the whole table
-- x, y                   the cell
-- truth, learned         p(y | x); a learner without a prior leaves an x never visited uniform
-- seen                   whether the run had any sample at this x; where not, a learner with a prior keeps it
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
ranked AS (
    SELECT
        problem,
        num_samples,
        condition_id,
        learner,
        run_id,
        kl_fit_truth AS error,
        row_number() OVER (PARTITION BY condition_id, learner ORDER BY kl_fit_truth, run_id) AS place,
        count(*) OVER (PARTITION BY condition_id, learner) AS runs
    FROM read_parquet('fits/*.parquet') AS fits
    JOIN shown ON shown.condition_id = fits.run_id >> 32
    WHERE kl_fit_truth IS NOT NULL AND NOT isnan(kl_fit_truth)
),
picked AS (
    SELECT *, CASE WHEN place = (runs + 1) // 2 THEN 'typical' ELSE 'worst' END AS role
    FROM ranked
    WHERE place = (runs + 1) // 2 OR place = runs
),
true_cells AS (
    SELECT run_id, learner, x, y, value
    FROM read_parquet('truths/*.parquet') AS truths
    JOIN picked USING (run_id)
    WHERE truths.parameter = 'probability'
),
learned_cells AS (
    SELECT run_id, learner, x, y, value, seen
    FROM read_parquet('estimates/*.parquet') AS estimates
    JOIN picked USING (run_id, learner)
    WHERE estimates.parameter = 'probability'
),
cells AS (
    SELECT
        run_id,
        learner,
        x,
        y,
        -- cells of probability 0 are not stored among the truths
        coalesce(true_cells.value, 0) AS truth,
        CASE WHEN isfinite(learned_cells.value) THEN learned_cells.value END AS learned,
        coalesce(learned_cells.seen, false) AS seen
    FROM true_cells
    FULL JOIN learned_cells USING (run_id, learner, x, y)
),
sizes AS (
    SELECT run_id, learner, max(x) + 1 AS num_x, max(y) + 1 AS num_y FROM cells GROUP BY run_id, learner
)
SELECT
    problem, num_samples, condition_id, learner, role, run_id, error, num_x, num_y, x, y, truth, learned, seen
FROM cells
JOIN sizes USING (run_id, learner)
JOIN picked USING (run_id, learner)
WHERE x < 64 AND y < 64
ORDER BY problem, condition_id, learner, role, x, y;
