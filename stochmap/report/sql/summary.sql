-- How well did each learner do? One row a condition and learner: the table printed after a job.
--
-- problem, num_samples, condition_id, learner   (overview.sql says what a condition_id stands for)
-- runs, scored           runs; those with an error that is a number (infinity is one, NaN is not)
-- infinite_error         runs whose KL(fit || truth) is infinite
-- error, error_se        mean KL(fit || truth) in nats and its standard error from run to run; null if any is infinite
-- reference              mean of what theory expects of that error from the realised sample sizes
-- efficiency, efficiency_se   sum of reference / sum of error, and its standard error (delta method for a ratio of means)
-- infinite_share         share of runs whose KL(truth || fit) is infinite: a possible cell was given probability 0
-- coverage, coverage_se  share of the 95 % intervals that contain the truth, and its standard error from run to run
-- exact, converged, boundary, max_steps, non_finite   runs with that status
WITH conditions AS (
    SELECT run_id >> 32 AS condition_id, any_value(problem) AS problem, any_value(num_samples) AS num_samples
    FROM read_parquet('runs/*.parquet')
    GROUP BY condition_id
),
scores AS (
    SELECT
        run_id >> 32 AS condition_id,
        learner,
        status,
        kl_truth_fit,
        kl_fit_truth,
        CASE WHEN isfinite(kl_fit_truth) THEN kl_fit_truth END AS error,
        CASE WHEN isfinite(kl_fit_truth) THEN reference_kl_fit_truth END AS reference,
        CASE WHEN isfinite(coverage) THEN coverage END AS covered
    FROM read_parquet('fits/*.parquet')
),
totals AS (
    SELECT
        condition_id,
        learner,
        count(*) AS runs,
        count(kl_fit_truth) FILTER (NOT isnan(kl_fit_truth)) AS scored,
        count(*) FILTER (isinf(kl_fit_truth)) AS infinite_error,
        avg(error) AS mean_error,
        var_samp(error) AS var_error,
        avg(reference) AS mean_reference,
        var_samp(reference) AS var_reference,
        covar_samp(error, reference) AS covariance,
        count(*) FILTER (isinf(kl_truth_fit)) / nullif(count(kl_truth_fit) FILTER (NOT isnan(kl_truth_fit)), 0) AS infinite_share,
        avg(covered) AS coverage,
        stddev_samp(covered) / sqrt(count(covered)) AS coverage_se,
        count(*) FILTER (status = 'exact') AS exact,
        count(*) FILTER (status = 'converged') AS converged,
        count(*) FILTER (status = 'boundary') AS boundary,
        count(*) FILTER (status = 'max_steps') AS max_steps,
        count(*) FILTER (status = 'non_finite') AS non_finite
    FROM scores
    GROUP BY condition_id, learner
),
-- An infinite error is never averaged, and the mean of the finite rest is not a mean over the runs: it is left out.
averaged AS (
    SELECT
        *,
        CASE WHEN infinite_error = 0 THEN mean_error END AS error,
        CASE WHEN infinite_error = 0 THEN mean_reference / nullif(mean_error, 0) END AS efficiency
    FROM totals
)
SELECT
    problem,
    num_samples,
    condition_id,
    learner,
    runs,
    scored,
    infinite_error,
    error,
    CASE WHEN infinite_error = 0 THEN sqrt(var_error / scored) END AS error_se,
    mean_reference AS reference,
    efficiency,
    CASE WHEN scored > 1 THEN
        sqrt(greatest(var_reference - 2 * efficiency * covariance + efficiency ** 2 * var_error, 0) / scored) / mean_error
    END AS efficiency_se,
    infinite_share,
    coverage,
    coverage_se,
    exact,
    converged,
    boundary,
    max_steps,
    non_finite
FROM averaged
JOIN conditions USING (condition_id)
ORDER BY problem, num_samples, condition_id, learner;
