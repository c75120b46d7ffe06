-- How good is every estimator on every problem? One row a problem, estimator and number of samples.
--
-- problem, condition_id, distribution, dimension, num_classes, problem_...   the problem and its fields
-- estimator, estimator_kind, num_samples, estimator_...   the estimator and its fields
-- parameters, repeats         parameters of the distribution, and estimates that were made
-- gradient_square             mean square of the exact gradient over the parameters
-- bias_square                 mean squared bias: 0 where declared, exact where known, else simulated less what noise adds
-- bias_square_se              the most that its standard error may be (parameters all alike); 0 where nothing is simulated
-- variance, variance_se       mean variance of one estimate (exact where known), and the standard error of a simulated one
-- largest_z                   largest |bias| / standard error of a parameter
-- is_exact                    whether bias and variance are exact, not simulated
-- declared, observed          whether it says to be unbiased, and whether every parameter is within chance
-- function_calls, gradient_calls, work   calls of one estimate; work counts a gradient as 3
-- seconds                     core time of one estimate
-- mse                         work_normalised_mse, averaged over the parameters
SELECT
    problem,
    condition_id,
    any_value(distribution) AS distribution,
    any_value(dimension) AS dimension,
    any_value(num_classes) AS num_classes,
    any_value(COLUMNS('^problem_')) AS '\0',
    COLUMNS(lambda c: starts_with(c, 'estimator') AND c <> 'estimator_kind'),
    any_value(estimator_kind) AS estimator_kind,
    num_samples,
    count(*) AS parameters,
    any_value(repeats) AS repeats,
    avg(exact ** 2) AS gradient_square,
    avg(bias_square) AS bias_square,
    avg(bias_square_error) AS bias_square_se,
    -- what is 0 but for rounding is told as 0
    avg(coalesce(exact_variance, variance)) AS any_variance,
    if(any_variance <= 1e-24 * gradient_square, 0, any_variance) AS variance,
    sqrt(sum(CASE WHEN exact_variance IS NULL THEN variance_standard_error ** 2 ELSE 0 END)) / count(*) AS variance_se,
    max(CASE WHEN standard_error > 0 THEN abs(bias) / standard_error END) AS largest_z,
    bool_and(exact_variance IS NOT NULL) AS is_exact,
    bool_and(unbiased_declared) AS declared,
    bool_and(unbiased_observed) AS observed,
    any_value(function_calls) AS function_calls,
    any_value(gradient_calls) AS gradient_calls,
    any_value(work) AS work,
    any_value(seconds_per_estimate) AS seconds,
    avg(work_normalised_mse) AS any_mse,
    if(any_mse <= 1e-24 * gradient_square, 0, any_mse) AS mse
FROM read_parquet('gradients/*.parquet')
GROUP BY ALL
ORDER BY problem, condition_id, estimator, num_samples;
