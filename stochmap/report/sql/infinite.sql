-- How often does a learner rule out what can happen? One row a condition and learner.
-- KL(truth || fit) is infinite when the fit gives probability 0 to a cell that the truth supports.
--
-- problem, num_samples, condition_id, learner   (overview.sql says what a condition_id stands for)
-- runs, infinite         runs with a KL(truth || fit); those where it is infinite
-- share, share_low, share_high   infinite / runs with its 95 % Wilson interval
WITH conditions AS (
    SELECT run_id >> 32 AS condition_id, any_value(problem) AS problem, any_value(num_samples) AS num_samples
    FROM read_parquet('runs/*.parquet')
    GROUP BY condition_id
),
counted AS (
    SELECT
        run_id >> 32 AS condition_id,
        learner,
        count(*) AS runs,
        count(*) FILTER (isinf(kl_truth_fit)) AS infinite,
        infinite / runs AS share,
        1.959964 ** 2 AS z2
    FROM read_parquet('fits/*.parquet')
    WHERE kl_truth_fit IS NOT NULL AND NOT isnan(kl_truth_fit)
    GROUP BY condition_id, learner
),
wilson AS (
    SELECT
        *,
        (share + z2 / (2 * runs)) / (1 + z2 / runs) AS middle,
        sqrt(z2 * (share * (1 - share) / runs + z2 / (4 * runs ** 2))) / (1 + z2 / runs) AS half
    FROM counted
)
SELECT
    problem,
    num_samples,
    condition_id,
    learner,
    runs,
    infinite,
    share,
    greatest(middle - half, 0) AS share_low,
    least(middle + half, 1) AS share_high
FROM wilson
JOIN conditions USING (condition_id)
ORDER BY problem, num_samples, condition_id, learner;
