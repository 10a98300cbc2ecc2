//! Counts and times every request by route, and writes all figures of the process in Prometheus' text form.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::http::Method;
use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper ends of the histogram's buckets, in seconds.
const BUCKETS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Series one worker keeps at hand; more routes than this cost a little time, no memory.
const MAX_AT_HAND: usize = 4096;

/// The recorder of this process; the first call installs it.
pub fn install() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let make = || {
        let builder =
            PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), BUCKETS);
        let recorder = builder.ok()?.build_recorder();
        let handle = recorder.handle();
        // Another recorder can only be a test's or an embedder's; ours then stays empty.
        if let Err(e) = metrics::set_global_recorder(recorder) {
            tracing::warn!(error = %e, "metrics are recorded elsewhere");
        }
        describe();
        Some(handle)
    };
    HANDLE.get_or_init(make).as_ref()
}

fn describe() {
    metrics::describe_counter!("requests_total", "requests answered, by route, method and class of status");
    metrics::describe_histogram!(
        "request_seconds",
        metrics::Unit::Seconds,
        "time to answer a request, by route and method"
    );
}

type Series = HashMap<(Arc<str>, &'static str, &'static str), (Counter, Histogram)>;

thread_local! {
    /// The handles this worker has used: looking them up by name each time would cost more than many requests do.
    static AT_HAND: RefCell<Series> = RefCell::default();
}

/// Counts a request that was answered with `status` after `took`.
pub fn count(route: &Arc<str>, method: &Method, status: u16, took: Duration) {
    let (method, class) = (method_label(method), class_label(status));
    let key = (Arc::clone(route), method, class);
    AT_HAND.with_borrow_mut(|at_hand| {
        if at_hand.len() >= MAX_AT_HAND {
            at_hand.clear();
        }
        let (counter, histogram) = at_hand.entry(key).or_insert_with(|| {
            let route = route.to_string();
            (
                metrics::counter!("requests_total", "route" => route.clone(), "method" => method, "status" => class),
                metrics::histogram!("request_seconds", "route" => route, "method" => method),
            )
        });
        counter.increment(1);
        histogram.record(took);
    });
}

/// Methods as labels: anybody can make one up, so others share one.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn class_label(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_under_its_route_and_made_up_methods_share_a_label() {
        let handle = install().unwrap();
        let route: Arc<str> = Arc::from("/api/v1/metered/{id}");
        count(&route, &Method::GET, 204, Duration::from_micros(300));
        count(&route, &Method::from_bytes(b"BREW").unwrap(), 405, Duration::from_micros(300));
        let text = handle.render();
        let line = "requests_total{route=\"/api/v1/metered/{id}\",method=\"GET\",status=\"2xx\"} 1";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("method=\"other\",status=\"4xx\"") && text.contains("le=\"0.0005\""));
    }
}
