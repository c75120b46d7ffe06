-- How does the loss come down? The recorded losses of the first 8 runs of each condition; of a problem with many
-- conditions the first 6 at every num_samples.
--
-- problem, num_samples, condition_id, learner   (overview.sql says what a condition_id stands for)
-- run_id, step           the fit, and the step of the optimiser
-- loss                   its loss in nats
-- excess                 loss minus the lowest that this fit reached
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
    QUALIFY dense_rank() OVER (PARTITION BY problem ORDER BY fields) <= 6
),
picked AS (
    SELECT run_id, shown.*
    FROM read_parquet('runs/*.parquet') AS runs
    JOIN shown ON shown.condition_id = runs.run_id >> 32
    QUALIFY row_number() OVER (PARTITION BY condition_id ORDER BY run_id) <= 8
)
SELECT
    problem,
    num_samples,
    condition_id,
    learner,
    run_id,
    step,
    loss,
    loss - min(loss) OVER (PARTITION BY run_id, learner) AS excess
FROM read_parquet('history/*.parquet') AS history
JOIN picked USING (run_id)
WHERE isfinite(loss)
ORDER BY problem, num_samples, condition_id, learner, run_id, step;
