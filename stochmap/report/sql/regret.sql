-- How much does each learner lose beyond the least loss that is possible? One row a condition and learner,
-- for problems whose truths come from a Dirichlet prior (elsewhere the least possible loss is not known).
--
-- problem, num_samples, condition_id, learner   (overview.sql says what a condition_id stands for)
-- runs, infinite         runs with a regret; those where it is infinite
-- regret, regret_low, regret_high   mean of KL(truth || fit) minus the posterior mean's expected KL, in nats, with its
--                        95 % interval; null if any run's is infinite. It is >= 0 in expectation, not in every run
WITH conditions AS (
    SELECT run_id >> 32 AS condition_id, any_value(problem) AS problem, any_value(num_samples) AS num_samples
    FROM read_parquet('runs/*.parquet')
    GROUP BY condition_id
),
totals AS (
    SELECT
        run_id >> 32 AS condition_id,
        learner,
        count(*) AS runs,
        count(*) FILTER (isinf(regret)) AS infinite,
        CASE WHEN infinite = 0 THEN avg(regret) FILTER (isfinite(regret)) END AS mean_regret,
        1.959964 * stddev_samp(regret) FILTER (isfinite(regret)) / sqrt(runs) AS half
    FROM read_parquet('fits/*.parquet')
    WHERE regret IS NOT NULL AND NOT isnan(regret)
    GROUP BY condition_id, learner
)
SELECT
    problem,
    num_samples,
    condition_id,
    learner,
    runs,
    infinite,
    mean_regret AS regret,
    mean_regret - half AS regret_low,
    mean_regret + half AS regret_high
FROM totals
JOIN conditions USING (condition_id)
ORDER BY problem, num_samples, condition_id, learner;
