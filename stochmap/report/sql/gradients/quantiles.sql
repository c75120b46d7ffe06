-- Where do the parameters go when an estimator is followed downhill? Quantiles over the runs of every learning task.
--
-- task, problem_kind, condition_id, estimator   what was learned with which estimator
-- distribution, t                    the family, and the target of a Bernoulli toy (null elsewhere)
-- learning_rate, step, parameter     Adam's rate, its step, and the parameter's index
-- start                              where the parameter starts; of bits as a probability, 1/(1 + exp(-logit)), as below
-- runs                               independent runs
-- q05, q25, q50, q75, q95            quantiles of the parameter
-- q05_error, q50_error, q95_error    their standard errors: half of what lies between the order statistics whose ranks
--                                    are one binomial standard deviation, sqrt(n p (1 - p)), below and above
-- above                              share of the runs whose parameter is above its start
WITH learned AS (
    SELECT
        * EXCLUDE start,
        CASE WHEN distribution = 'bernoulli' THEN 1 / (1 + exp(-value)) ELSE value END AS shown,
        CASE WHEN distribution = 'bernoulli' THEN 1 / (1 + exp(-start)) ELSE start END AS start,
        value > start AS is_above
    FROM read_parquet('learning/*.parquet')
),
gathered AS (
    SELECT
        task, problem_kind, condition_id, distribution, t, learning_rate, estimator, step, parameter, start,
        count(*) AS runs,
        quantile_cont(shown, [0.05, 0.25, 0.50, 0.75, 0.95]) AS q,
        list(shown ORDER BY shown) AS ordered,
        avg(is_above::INT) AS above
    FROM learned
    GROUP BY ALL
),
known AS (
    SELECT *, [(
        ordered[least(runs, ceil(runs * p + sqrt(runs * p * (1 - p))))::INT]
        - ordered[greatest(1, floor(runs * p - sqrt(runs * p * (1 - p))))::INT]
    ) / 2 FOR p IN [0.05, 0.50, 0.95]::DOUBLE[]] AS errors
    FROM gathered
)
SELECT
    task,
    problem_kind,
    condition_id,
    distribution,
    t,
    learning_rate,
    estimator,
    step,
    parameter,
    start,
    runs,
    q[1] AS q05,
    q[2] AS q25,
    q[3] AS q50,
    q[4] AS q75,
    q[5] AS q95,
    above,
    errors[1] AS q05_error,
    errors[2] AS q50_error,
    errors[3] AS q95_error
FROM known
ORDER BY task, condition_id, parameter, estimator, step;
