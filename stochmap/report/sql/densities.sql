-- What does the learned Gaussian look like beside the true one? Mean and std of the typical (median) and the worst run
-- by KL(fit || truth) of each learner, at a problem's smallest and largest num_samples. The first 64 x; of a problem
-- with many conditions the first 6.
--
-- problem, num_samples, condition_id, learner   (overview.sql says what a condition_id stands for)
-- role, run_id, error    'typical' or 'worst', the run, and its KL(fit || truth) in nats
-- x                      the input
-- true_mean, true_std, learned_mean, learned_std   its Gaussian; learned_... null where there is no estimate
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
    QUALIFY (
            num_samples = max(num_samples) OVER (PARTITION BY problem)
            OR num_samples = min(num_samples) OVER (PARTITION BY problem)
        )
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
true_gaussians AS (
    SELECT
        run_id,
        x,
        any_value(value) FILTER (parameter = 'mean') AS true_mean,
        any_value(value) FILTER (parameter = 'std') AS true_std
    FROM read_parquet('truths/*.parquet') AS truths
    SEMI JOIN picked USING (run_id)
    WHERE parameter IN ('mean', 'std') AND x < 64
    GROUP BY run_id, x
),
learned_gaussians AS (
    SELECT
        run_id,
        learner,
        x,
        any_value(value) FILTER (parameter = 'mean' AND isfinite(value)) AS learned_mean,
        any_value(value) FILTER (parameter = 'std' AND isfinite(value)) AS learned_std
    FROM read_parquet('estimates/*.parquet') AS estimates
    SEMI JOIN picked USING (run_id, learner)
    WHERE parameter IN ('mean', 'std') AND x < 64
    GROUP BY run_id, learner, x
)
SELECT
    problem, num_samples, condition_id, learner, role, run_id, error, x, true_mean, true_std, learned_mean, learned_std
FROM picked
JOIN true_gaussians USING (run_id)
LEFT JOIN learned_gaussians USING (run_id, learner, x)
ORDER BY problem, num_samples, condition_id, learner, role, x;
