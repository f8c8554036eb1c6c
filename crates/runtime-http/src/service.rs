//! The service of the layers.

use crate::turns::Turns;

/// A client whose requests pass through a layer: [`Turns`], or with feature `cassette` a tape.
#[derive(Clone, Debug)]
pub struct LayerService<S, L> {
    pub(crate) inner: S,
    pub(crate) layer: L,
}

/// A client below which each model call is a turn. [`Turns`] makes it as a layer.
pub type TurnService<S> = LayerService<S, Turns>;

impl Turns {
    /// With feature `tower` or `async-openai`: a client below which each model call is a turn.
    pub fn layer<S>(&self, inner: S) -> TurnService<S> {
        LayerService { inner, layer: self.clone() }
    }
}

/// With feature `tower` or `async-openai`, for what is built of layers.
impl<S> tower_layer::Layer<S> for Turns {
    type Service = TurnService<S>;

    fn layer(&self, inner: S) -> TurnService<S> {
        self.layer(inner)
    }
}

#[cfg(feature = "cassette")]
pub use self::tape::TapeService;

#[cfg(feature = "cassette")]
mod tape {
    use super::LayerService;
    use crate::cassette::HttpTape;

    /// A client whose requests are recorded or played. [`HttpTape`] makes it as a layer.
    pub type TapeService<S> = LayerService<S, HttpTape>;

    impl HttpTape {
        /// With feature `tower` or `async-openai`: a client whose requests are recorded or played.
        pub fn layer<S>(&self, inner: S) -> TapeService<S> {
            LayerService { inner, layer: self.clone() }
        }
    }

    /// With feature `tower` or `async-openai`, for what is built of layers.
    impl<S> tower_layer::Layer<S> for HttpTape {
        type Service = TapeService<S>;

        fn layer(&self, inner: S) -> TapeService<S> {
            self.layer(inner)
        }
    }
}
