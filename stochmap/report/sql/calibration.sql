-- Where does the truth lie in the posteriors? One row a panel and method: one quantity of one cell, over all runs.
--
-- problem, num_samples, condition_id, learner   (overview.sql says what a condition_id stands for)
-- quantity, x, y         probability, mean, std, or the log_likelihood of all of a run's data (no x); y of tables only
-- method                 PIT: the posterior probability that the quantity is at most the true one;
--                        rank: how many of `draws` posterior draws lie below the truth
-- runs, points           runs; the values are told apart at 1/points, 2/points, ...: 100 for PIT, draws + 1 for ranks
-- bins, counts           the bins (1 ... points) that hold any, and how many values each holds
--
-- Where truths come from the learner's own prior, both are uniform over runs.
WITH conditions AS (
    SELECT run_id >> 32 AS condition_id, any_value(problem) AS problem, any_value(num_samples) AS num_samples
    FROM read_parquet('runs/*.parquet')
    GROUP BY condition_id
),
placed AS (
    SELECT
        run_id >> 32 AS condition_id,
        learner,
        quantity,
        x,
        y,
        'PIT' AS method,
        100 AS points,
        greatest(1, ceil(pit * 100))::INTEGER AS bin
    FROM read_parquet('calibration/*.parquet')
    WHERE pit IS NOT NULL
    UNION ALL
    SELECT run_id >> 32, learner, quantity, x, y, 'rank', draws + 1, rank + 1
    FROM read_parquet('calibration/*.parquet')
),
counted AS (
    SELECT condition_id, learner, quantity, x, y, method, points, bin, count(*) AS n
    FROM placed
    GROUP BY ALL
)
SELECT
    problem,
    num_samples,
    condition_id,
    learner,
    quantity,
    x,
    y,
    method,
    points,
    sum(n)::BIGINT AS runs,
    list(bin ORDER BY bin) AS bins,
    list(n ORDER BY bin) AS counts
FROM counted
JOIN conditions USING (condition_id)
GROUP BY problem, num_samples, condition_id, learner, quantity, x, y, method, points
ORDER BY problem, num_samples, condition_id, learner, x NULLS LAST, y, quantity, method;
