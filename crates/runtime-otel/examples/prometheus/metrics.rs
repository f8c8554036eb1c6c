//! Metrics in the text format of Prometheus.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder, Registry, TextEncoder};
use runtime_orchestrator::BoxError;
use runtime_otel::{OtelSink, SemconvProfile};

/// A sink for events, and the registry that has its metrics.
pub(crate) struct Metrics {
    registry: Registry,
    sink: OtelSink,
    // Metrics end with it.
    _provider: SdkMeterProvider,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, BoxError> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .build()?;
        let provider = SdkMeterProvider::builder().with_reader(exporter).build();
        let meter = provider.meter_with_scope(SemconvProfile::V1_41.scope());
        // No spans: a tracer of nobody's.
        let tracer = opentelemetry::global::tracer("nobody");
        Ok(Self { registry, sink: OtelSink::new(tracer, &meter), _provider: provider })
    }

    pub(crate) fn sink(&self) -> OtelSink {
        self.sink.clone()
    }

    /// All of them, as `/metrics` answers.
    pub(crate) fn text(&self) -> Result<String, BoxError> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8(text)?)
    }

    /// Answers one request after the other. (A service of yours has a server already.)
    pub(crate) fn serve(&self, listener: &TcpListener) {
        for stream in listener.incoming() {
            if let Err(error) = stream.map_err(BoxError::from).and_then(|it| self.answer(it)) {
                eprintln!("a request went wrong: {error}");
            }
        }
    }

    fn answer(&self, mut stream: TcpStream) -> Result<(), BoxError> {
        // A client that says nothing keeps no other one waiting for long.
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let request = head(&stream)?;
        let (status, body) = match &*request {
            "GET /metrics" => ("200 OK", self.text()?),
            _ => ("404 Not Found", "there is only GET /metrics\n".to_owned()),
        };
        let (kind, length) = (prometheus::TEXT_FORMAT, body.len());
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )?;
        Ok(())
    }
}

/// Reads a request to the end of its head. Returns its method and path.
fn head(stream: &TcpStream) -> io::Result<String> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let words = first.split(' ').take(2);
    Ok(words.collect::<Vec<_>>().join(" "))
}
