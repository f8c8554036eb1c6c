//! The service of the layers.

use crate::turns::Turns;

/// A client below which each model call is a turn. [`Turns`] makes it as a layer.
#[derive(Clone, Debug)]
pub struct TurnService<S> {
    pub(crate) inner: S,
    pub(crate) turns: Turns,
}

impl Turns {
    /// With feature `tower` or `async-openai`: a client below which each model call is a turn.
    pub fn layer<S>(&self, inner: S) -> TurnService<S> {
        TurnService { inner, turns: self.clone() }
    }
}

/// With feature `tower` or `async-openai`, for what is built of layers.
impl<S> tower_layer::Layer<S> for Turns {
    type Service = TurnService<S>;

    fn layer(&self, inner: S) -> TurnService<S> {
        self.layer(inner)
    }
}
