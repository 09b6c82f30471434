//! `Metrics`: what happened, counted, and written in Prometheus' text format.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, StatusCode};

use crate::surface::Surface;

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "other"];
/// Room for each surface at its number.
const SURFACES: usize = Surface::Control as usize + 1;
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Socket,
    ServerSentEvents,
}

impl Stream {
    const ALL: [Self; 2] = [Self::Socket, Self::ServerSentEvents];

    fn as_str(self) -> &'static str {
        match self {
            Self::Socket => "websocket",
            Self::ServerSentEvents => "sse",
        }
    }
}

/// What is counted as it happens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    requests: [[[AtomicU64; CLASSES.len()]; METHODS.len()]; SURFACES],
    open: [[AtomicU64; Stream::ALL.len()]; SURFACES],
    events: AtomicU64,
}

/// What the tables hold, read when it is asked for.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) sessions: usize,
    pub(crate) messages: usize,
    /// By the name of their state.
    pub(crate) deliveries: [(&'static str, usize); 4],
}

/// Something that is open as long as this is there.
#[derive(Debug)]
pub(crate) struct Open {
    metrics: Metrics,
    surface: Surface,
    stream: Stream,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.open(self.surface, self.stream).fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// Counts a request that was answered.
    pub(crate) fn answered(&self, surface: Surface, method: &Method, status: StatusCode) {
        let method = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1);
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        self.0.requests[surface as usize][method][class].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts something that is open from now on.
    pub(crate) fn opened(&self, surface: Surface, stream: Stream) -> Open {
        self.open(surface, stream).fetch_add(1, Ordering::Relaxed);
        Open { metrics: self.clone(), surface, stream }
    }

    fn open(&self, surface: Surface, stream: Stream) -> &AtomicU64 {
        &self.0.open[surface as usize][stream as usize]
    }

    /// Counts events that were published.
    pub(crate) fn published(&self, events: usize) {
        self.0.events.fetch_add(events as u64, Ordering::Relaxed);
    }

    /// All of it as text. What never happened is left out of the requests, where most combinations never do.
    pub(crate) fn text(&self, held: &Held) -> String {
        let mut text = Text(String::new());
        text.family("requests_total", "counter", "Requests that were answered");
        for surface in Surface::CALLED {
            for (method, classes) in METHODS.iter().zip(&self.0.requests[surface as usize]) {
                for (class, count) in CLASSES.iter().zip(classes) {
                    let count = count.load(Ordering::Relaxed);
                    let labels = [("surface", surface.as_str()), ("method", *method), ("status", *class)];
                    if count > 0 {
                        text.sample("requests_total", &labels, count);
                    }
                }
            }
        }
        text.family("open_streams", "gauge", "Sockets and event streams that are open");
        for surface in [Surface::Contract, Surface::Widget] {
            for stream in Stream::ALL {
                let count = self.open(surface, stream).load(Ordering::Relaxed);
                text.sample("open_streams", &[("surface", surface.as_str()), ("kind", stream.as_str())], count);
            }
        }
        text.family("events_total", "counter", "Events that were published");
        text.sample("events_total", &[], self.0.events.load(Ordering::Relaxed));
        text.family("deliveries", "gauge", "Webhook deliveries that are remembered");
        for (state, count) in held.deliveries {
            text.sample("deliveries", &[("state", state)], count as u64);
        }
        for (name, what, count) in [
            ("sessions", "Sessions that are held", held.sessions),
            ("messages", "Messages that are held", held.messages),
        ] {
            text.family(name, "gauge", what);
            text.sample(name, &[], count as u64);
        }
        text.0
    }
}

/// The text format. Labels are names of this server's own, so nothing has to be escaped.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, what: &str) {
        let text = format!("# HELP pocketping_mock_{name} {what}.\n# TYPE pocketping_mock_{name} {kind}\n");
        self.0.push_str(&text);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let line = format!("pocketping_mock_{name}{labels} {value}\n");
        self.0.push_str(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_one_surface() {
        for (path, surface) in [
            ("/sessions", Surface::Contract),
            ("/v1/sessions", Surface::Contract),
            ("/pocketpings", Surface::Contract),
            ("/pocketping", Surface::Widget),
            ("/api/widget/proj_1/connect", Surface::Widget),
            ("/api/v1/me", Surface::Management),
            ("/_mock/metrics", Surface::Control),
            ("/", Surface::Page),
            ("/_page/look", Surface::Page),
            ("/_pages", Surface::Contract),
        ] {
            assert_eq!(Surface::of(&Method::GET, path), surface, "{path}");
        }
        assert_eq!(Surface::of(&Method::POST, "/"), Surface::Contract, "a wrong address");
    }

    #[test]
    fn what_is_counted_is_written_with_its_labels_and_what_ends_is_open_no_more() {
        let metrics = Metrics::default();
        metrics.answered(Surface::Contract, &Method::GET, StatusCode::OK);
        metrics.answered(Surface::Contract, &Method::GET, StatusCode::NO_CONTENT);
        metrics.answered(Surface::Widget, &Method::TRACE, StatusCode::SWITCHING_PROTOCOLS);
        metrics.published(3);
        let open = metrics.opened(Surface::Widget, Stream::ServerSentEvents);
        let line = "pocketping_mock_open_streams{surface=\"widget\",kind=\"sse\"}";
        let text = metrics.text(&Held { sessions: 2, ..Held::default() });
        for expected in [
            "# TYPE pocketping_mock_requests_total counter",
            "pocketping_mock_requests_total{surface=\"contract\",method=\"GET\",status=\"2xx\"} 2",
            "pocketping_mock_requests_total{surface=\"widget\",method=\"other\",status=\"1xx\"} 1",
            "pocketping_mock_events_total 3",
            "pocketping_mock_sessions 2",
            &format!("{line} 1"),
        ] {
            assert!(text.lines().any(|line| line == expected), "{expected} in {text}");
        }
        drop(open);
        assert!(metrics.text(&Held::default()).contains(&format!("{line} 0\n")));
    }
}
