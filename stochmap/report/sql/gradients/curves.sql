-- How fast does the learner sampled_gradient come down with every estimator? Averages over the runs of every task.
--
-- task, condition_id, estimator   what was learned with which estimator
-- step, runs                 the step of the optimiser, and independent runs
-- excess                     the proper score above its optimum, averaged over the runs
-- distance                   ||fit - counts/n||^2 over sum((1 - sum p^2)/n), at the end of the fit, averaged
-- within                     share of the runs with a distance of at most 0.05
SELECT
    task,
    condition_id,
    estimator,
    step,
    count(*) AS runs,
    avg(excess) AS excess,
    avg(distance) AS distance,
    avg((distance <= 0.05)::INT) AS within
FROM read_parquet('curves/*.parquet')
GROUP BY ALL
ORDER BY task, condition_id, estimator, step;
