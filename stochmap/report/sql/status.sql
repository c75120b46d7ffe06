-- How did the fits end? One row a condition and learner.
--
-- problem, num_samples, condition_id, learner   (overview.sql says what a condition_id stands for)
-- fits                   all of them
-- exact                  closed form: nothing to iterate
-- converged              iterated until the remaining distance to the optimum was small beside the statistical error
-- boundary               the optimum lies at infinity (zero counts); stopped close to it
-- max_steps              ran out of steps first
-- non_finite             the loss or the parameters became infinite or NaN
-- median_steps, most_steps   of the iterated fits; null for closed forms
WITH conditions AS (
    SELECT run_id >> 32 AS condition_id, any_value(problem) AS problem, any_value(num_samples) AS num_samples
    FROM read_parquet('runs/*.parquet')
    GROUP BY condition_id
),
counted AS (
    SELECT
        run_id >> 32 AS condition_id,
        learner,
        count(*) AS fits,
        count(*) FILTER (status = 'exact') AS exact,
        count(*) FILTER (status = 'converged') AS converged,
        count(*) FILTER (status = 'boundary') AS boundary,
        count(*) FILTER (status = 'max_steps') AS max_steps,
        count(*) FILTER (status = 'non_finite') AS non_finite,
        median(steps) FILTER (status <> 'exact') AS median_steps,
        max(steps) FILTER (status <> 'exact') AS most_steps
    FROM read_parquet('fits/*.parquet')
    GROUP BY condition_id, learner
)
SELECT problem, num_samples, counted.*
FROM counted
JOIN conditions USING (condition_id)
ORDER BY problem, num_samples, condition_id, learner;
