//! The service of the layers.

use runtime_testkit::cassette::Tape;

use super::HttpTape;

/// A client whose requests are recorded or played. [`HttpTape`] makes it as a layer.
#[derive(Clone, Debug)]
pub struct TapeService<S> {
    pub(super) inner: S,
    pub(super) tape: Tape,
}

impl HttpTape {
    /// With feature `tower` or `async-openai`: a client whose requests are recorded or played.
    pub fn layer<S>(&self, inner: S) -> TapeService<S> {
        TapeService { inner, tape: self.tape.clone() }
    }
}

/// With feature `tower` or `async-openai`, for what is built of layers.
impl<S> tower_layer::Layer<S> for HttpTape {
    type Service = TapeService<S>;

    fn layer(&self, inner: S) -> TapeService<S> {
        self.layer(inner)
    }
}
