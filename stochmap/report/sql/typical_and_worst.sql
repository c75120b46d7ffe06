-- Which runs are worth a look? The typical (median) and the worst run by KL(fit || truth),
-- of every condition and learner. Run one alone with its run_id.
--
-- problem, num_samples, condition_id, learner   (overview.sql says what a condition_id stands for)
-- role                   'typical' or 'worst' (only 'typical' where there is one run)
-- run_id, status         the run, and how its fit ended
-- error, reference       its KL(fit || truth) in nats, and what theory expects of it
WITH conditions AS (
    SELECT run_id >> 32 AS condition_id, any_value(problem) AS problem, any_value(num_samples) AS num_samples
    FROM read_parquet('runs/*.parquet')
    GROUP BY condition_id
),
ranked AS (
    SELECT
        run_id >> 32 AS condition_id,
        learner,
        run_id,
        status,
        kl_fit_truth AS error,
        reference_kl_fit_truth AS reference,
        row_number() OVER (PARTITION BY condition_id, learner ORDER BY kl_fit_truth, run_id) AS place,
        count(*) OVER (PARTITION BY condition_id, learner) AS runs
    FROM read_parquet('fits/*.parquet')
    WHERE kl_fit_truth IS NOT NULL AND NOT isnan(kl_fit_truth)
)
SELECT
    problem,
    num_samples,
    condition_id,
    learner,
    CASE WHEN place = (runs + 1) // 2 THEN 'typical' ELSE 'worst' END AS role,
    run_id,
    status,
    error,
    reference
FROM ranked
JOIN conditions USING (condition_id)
WHERE place = (runs + 1) // 2 OR place = runs
ORDER BY problem, num_samples, condition_id, learner, role;
