-- What was seen of every estimator, for every parameter of every problem?
--
-- problem, problem_kind, condition_id   the problem, and one value of each of its fields
-- problem_...                   those fields (null where one does not apply)
-- distribution, dimension, num_classes   family and sizes; num_classes is null for Gaussians
-- estimator, estimator_kind, estimator_...   the estimator and its fields
-- num_samples                   samples of one estimate
-- parameter                     index of the logit; for Gaussians 0 = mean, 1 = std
-- exact, mean, standard_error, variance, variance_standard_error, bias, repeats   gradient and what was simulated
-- exact_bias, exact_variance    the same two from a finite sum or a quadrature; null where there is none
-- unbiased_declared, unbiased_observed   what the estimator says, and whether |bias| <= 4.89 standard errors (chance 1e-6)
-- bias_square, bias_square_error   0 where unbiased is declared, exact where known; else simulated, with its standard error
-- work                          calls of one estimate, a gradient counted as 3
-- function_calls, gradient_calls, seconds_per_estimate   what one estimate takes
-- work_normalised_mse           mean squared error of the average of what a budget of calls pays for
SELECT *
FROM read_parquet('gradients/*.parquet')
ORDER BY problem, condition_id, estimator, COLUMNS('^estimator_'), num_samples, parameter;
