//! Models that are asked, and who runs them.

use std::borrow::Cow;
use std::sync::Arc;

/// A model that is asked, and who runs it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    pub(crate) model: Option<Arc<str>>,
    pub(crate) provider: Option<Cow<'static, str>>,
}

/// A value, while there is but one.
#[derive(Debug, Default)]
pub(crate) enum Sole {
    #[default]
    None,
    One(Cow<'static, str>),
    Many,
}

impl Sole {
    pub(crate) fn add(&mut self, value: &str) {
        match self {
            Self::One(held) if held == value => {}
            Self::None => *self = Self::One(Cow::Owned(value.to_owned())),
            Self::One(_) | Self::Many => *self = Self::Many,
        }
    }
}
