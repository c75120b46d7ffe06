-- Where do the parameters go when an estimator is followed downhill? Quantiles over the runs of every learning task.
--
-- task, problem_kind, condition_id, estimator   what was learned with which estimator
-- step, parameter                    the step of the optimiser, and the parameter's index
-- runs                               independent runs
-- q05, q25, q50, q75, q95            quantiles of the parameter; of bits as probabilities, 1/(1 + exp(-logit))
-- above                              share of the runs whose parameter is above its starting side (a bit's above one half)
WITH learned AS (
    SELECT *, CASE WHEN problem_kind LIKE '%bernoulli%' THEN 1 / (1 + exp(-value)) ELSE value END AS shown
    FROM read_parquet('learning/*.parquet')
)
SELECT
    task,
    problem_kind,
    condition_id,
    estimator,
    step,
    parameter,
    count(*) AS runs,
    quantile_cont(shown, 0.05) AS q05,
    quantile_cont(shown, 0.25) AS q25,
    quantile_cont(shown, 0.50) AS q50,
    quantile_cont(shown, 0.75) AS q75,
    quantile_cont(shown, 0.95) AS q95,
    avg((value > 0)::INT) AS above
FROM learned
GROUP BY ALL
ORDER BY task, condition_id, parameter, estimator, step;
