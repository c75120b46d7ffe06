-- How often do the 95 % intervals contain the truth? One row a condition and learner that has intervals.
--
-- problem, num_samples, condition_id, learner   (overview.sql says what a condition_id stands for)
-- runs                   runs with intervals
-- coverage               mean over runs of the share of a run's intervals that contain the truth
-- coverage_low, coverage_high   its 95 % interval, from the spread between runs (cells of one run are not independent);
--                        cut to 0 ... 1; null for one run
WITH conditions AS (
    SELECT run_id >> 32 AS condition_id, any_value(problem) AS problem, any_value(num_samples) AS num_samples
    FROM read_parquet('runs/*.parquet')
    GROUP BY condition_id
),
covered AS (
    SELECT
        run_id >> 32 AS condition_id,
        learner,
        count(*) AS runs,
        avg(coverage) AS coverage,
        1.959964 * stddev_samp(coverage) / sqrt(count(*)) AS half
    FROM read_parquet('fits/*.parquet')
    WHERE isfinite(coverage)
    GROUP BY condition_id, learner
)
SELECT
    problem,
    num_samples,
    condition_id,
    learner,
    runs,
    covered.coverage,
    CASE WHEN runs > 1 THEN greatest(covered.coverage - half, 0) END AS coverage_low,
    CASE WHEN runs > 1 THEN least(covered.coverage + half, 1) END AS coverage_high
FROM covered
JOIN conditions USING (condition_id)
ORDER BY problem, num_samples, condition_id, learner;
