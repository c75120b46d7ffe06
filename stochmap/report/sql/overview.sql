-- What is in this store? One row a condition: a problem with one value of every grid axis.
--
-- problem, num_samples   the condition's problem and sample size
-- condition_id           its number; run_id >> 32 in every table
-- runs                   how many runs it holds
-- min_visited_x          the fewest values of x that any of its runs saw
-- unseen_runs            runs that did not see every x
-- truth_..., inputs_...  how its truths and inputs were drawn (null where a field does not apply)
SELECT
    any_value(problem) AS problem,
    any_value(num_samples) AS num_samples,
    run_id >> 32 AS condition_id,
    count(*) AS runs,
    min(num_visited_x) AS min_visited_x,
    count(*) FILTER (num_visited_x < truth_num_x) AS unseen_runs,
    any_value(COLUMNS('^(truth|inputs)_')) AS '\0'
FROM read_parquet('runs/*.parquet')
GROUP BY run_id >> 32
ORDER BY problem, num_samples, condition_id;
