-- How far from the truth is each learner, by every measure, and how far does theory expect it to be?
-- One row a condition, learner and metric.
--
-- problem, num_samples, condition_id, learner   (overview.sql says what a condition_id stands for)
-- metric                 kl_fit_truth, kl_truth_fit, kl_all (nats); total_variation; l2_squared; hellinger;
--                        mean_error, std_error (squared errors of a Gaussian's mean and std); optimality_gap (a ratio)
-- runs                   runs that have a value (NaN is none)
-- infinite               runs whose value is infinite
-- error, error_low, error_high        mean over the runs with its 95 % interval; null if any is infinite
-- reference              mean of what theory expects from the realised sample sizes; null where it says nothing
-- efficiency, efficiency_low, efficiency_high   sum of reference / sum of error with its 95 % interval (delta method)
WITH conditions AS (
    SELECT run_id >> 32 AS condition_id, any_value(problem) AS problem, any_value(num_samples) AS num_samples
    FROM read_parquet('runs/*.parquet')
    GROUP BY condition_id
),
measured AS (
    SELECT
        run_id >> 32 AS condition_id,
        learner,
        unnest([
            {'metric': 'kl_fit_truth', 'error': kl_fit_truth, 'reference': reference_kl_fit_truth},
            {'metric': 'kl_truth_fit', 'error': kl_truth_fit, 'reference': reference_kl_truth_fit},
            {'metric': 'kl_all', 'error': kl_all, 'reference': NULL},
            {'metric': 'total_variation', 'error': total_variation, 'reference': reference_total_variation},
            {'metric': 'l2_squared', 'error': l2_squared, 'reference': reference_l2_squared},
            {'metric': 'hellinger', 'error': hellinger, 'reference': NULL},
            {'metric': 'mean_error', 'error': mean_error, 'reference': reference_mean_error},
            {'metric': 'std_error', 'error': std_error, 'reference': reference_std_error},
            {'metric': 'optimality_gap', 'error': optimality_gap, 'reference': NULL}
        ], recursive := true)
    FROM read_parquet('fits/*.parquet')
),
totals AS (
    SELECT
        condition_id,
        learner,
        metric,
        count(*) AS runs,
        count(*) FILTER (isinf(error)) AS infinite,
        -- infinite values would turn the moments into NaN; where there is one, the final SELECT drops them anyway
        avg(error) FILTER (isfinite(error)) AS mean_error,
        var_samp(error) FILTER (isfinite(error)) AS var_error,
        avg(reference) FILTER (isfinite(error)) AS mean_reference,
        var_samp(reference) FILTER (isfinite(error)) AS var_reference,
        covar_samp(error, reference) FILTER (isfinite(error)) AS covariance
    FROM measured
    WHERE error IS NOT NULL AND NOT isnan(error)
    GROUP BY condition_id, learner, metric
),
averaged AS (
    SELECT
        *,
        CASE WHEN infinite = 0 THEN mean_error END AS error,
        CASE WHEN infinite = 0 THEN mean_reference / nullif(mean_error, 0) END AS efficiency,
        1.959964 * sqrt(var_error / runs) AS error_half,
        CASE WHEN runs > 1 THEN
            1.959964 * sqrt(greatest(var_reference - 2 * efficiency * covariance + efficiency ** 2 * var_error, 0) / runs)
                / mean_error
        END AS efficiency_half
    FROM totals
)
SELECT
    problem,
    num_samples,
    condition_id,
    learner,
    metric,
    runs,
    infinite,
    error,
    error - error_half AS error_low,
    error + error_half AS error_high,
    mean_reference AS reference,
    efficiency,
    efficiency - efficiency_half AS efficiency_low,
    efficiency + efficiency_half AS efficiency_high
FROM averaged
JOIN conditions USING (condition_id)
ORDER BY problem, num_samples, condition_id, learner, metric;
