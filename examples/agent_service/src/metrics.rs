//! Metrics in the text format of Prometheus. `docs/opentelemetry.md` says what they tell.

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder as _, Registry, TextEncoder};
use techrevati_runtime::BoxError;
use techrevati_runtime::otel::{OtelSink, SemconvProfile};

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

    pub(crate) fn text(&self) -> Result<String, BoxError> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8(text)?)
    }
}
