//! [`Walk`]: collects the invalid and the skipped parts of a price list while it is read.

use std::fmt;

use serde::de::Error as _;

use super::error::{Broken, PricingParseError};
use super::node::{Node, Number, Object};
use super::skipped::{SkipReason, Skipped};
use crate::book::check_name;
use crate::decimal::UsdErrorKind;
use crate::usd::{Usd, UsdParseError};

/// The invalid and the skipped parts so far. Reading goes on after an invalid entry.
#[derive(Debug, Default)]
pub(super) struct Walk {
    broken: Vec<Broken>,
    skipped: Vec<Skipped>,
}

/// A place in a price list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path<'a> {
    Root,
    Key(&'a Self, &'a str),
    Index(&'a Self, usize),
}

/// The number of tokens that a price is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Per {
    Million,
    Token,
}

impl Walk {
    pub(super) fn fail(&mut self, at: Path<'_>, error: serde_json::Error) {
        self.broken.push(Broken { at: at.to_string(), error });
    }

    pub(super) fn refuse(&mut self, at: Path<'_>, problem: impl fmt::Display) {
        self.fail(at, serde_json::Error::custom(problem));
    }

    pub(super) fn skip(&mut self, at: Path<'_>, reason: SkipReason) {
        self.skipped.push(Skipped { at: at.to_string(), reason, problem: None });
    }

    /// Reads an entry; `None` if a part of it is invalid, so that no price is half known.
    pub(super) fn whole<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let before = self.broken.len();
        let value = read(self);
        (self.broken.len() == before).then_some(value)
    }

    /// Returns the skipped parts. Invalid ones are among them, unless the list is refused for them.
    pub(super) fn finish(mut self, strict: bool) -> Result<Vec<Skipped>, PricingParseError> {
        if !strict {
            self.skipped.extend(self.broken.drain(..).map(Skipped::from));
        }
        let mut broken = self.broken.into_iter();
        match broken.next() {
            Some(first) => Err(PricingParseError::new(first, broken.collect())),
            None => Ok(self.skipped),
        }
    }

    /// The price of a million tokens.
    pub(super) fn usd(&mut self, at: Path<'_>, node: &Node<'_>, per: Per) -> Option<Usd> {
        let Node::Number(number) = node else {
            self.unexpected(at, node, "a number of US dollars, zero or more");
            return None;
        };
        self.price(at, number.to_string(), per)
    }

    /// As [`usd`](Self::usd), of a list that has its numbers as texts.
    pub(super) fn usd_or_text(&mut self, at: Path<'_>, node: &Node<'_>, per: Per) -> Option<Usd> {
        let Node::Text(text) = node else { return self.usd(at, node, per) };
        self.price(at, text.to_lowercase(), per)
    }

    fn price(&mut self, at: Path<'_>, text: String, per: Per) -> Option<Usd> {
        match price_of_a_million(&text, per) {
            Ok(price) => Some(price),
            Err(kind) => {
                self.refuse(at, UsdParseError::new(text, kind));
                None
            }
        }
    }

    pub(super) fn object<'n, 'a>(
        &mut self,
        at: Path<'_>,
        node: &'n Node<'a>,
        expected: &str,
    ) -> Option<&'n Object<'a>> {
        if let Node::Object(object) = node {
            return Some(object);
        }
        self.unexpected(at, node, expected);
        None
    }

    pub(super) fn list<'n, 'a>(
        &mut self,
        at: Path<'_>,
        node: &'n Node<'a>,
        expected: &str,
    ) -> Option<&'n [Node<'a>]> {
        if let Node::List(list) = node {
            return Some(list);
        }
        self.unexpected(at, node, expected);
        None
    }

    pub(super) fn text<'n>(
        &mut self,
        at: Path<'_>,
        node: &'n Node<'_>,
        expected: &str,
    ) -> Option<&'n str> {
        if let Node::Text(text) = node {
            return Some(text);
        }
        self.unexpected(at, node, expected);
        None
    }

    pub(super) fn whole_number(&mut self, at: Path<'_>, node: &Node<'_>) -> Option<u64> {
        match node {
            Node::Number(Number::Whole(number)) => return Some(*number),
            // Some lists have 32000.0, which prints without a fraction.
            Node::Number(Number::Float(number)) => {
                if let Ok(number) = number.to_string().parse() {
                    return Some(number);
                }
            }
            _ => {}
        }
        self.unexpected(at, node, "a number of tokens");
        None
    }

    /// The name in lower case, unless it is blank.
    pub(super) fn name(&mut self, at: Path<'_>, name: &str) -> Option<Box<str>> {
        match check_name(name) {
            Ok(()) => Some(name.to_lowercase().into()),
            Err(error) => {
                self.refuse(at, error);
                None
            }
        }
    }

    pub(super) fn unexpected(&mut self, at: Path<'_>, node: &Node<'_>, expected: &str) {
        self.fail(at, serde_json::Error::invalid_type(node.unexpected(), &expected));
    }

    /// The value of a required key.
    pub(super) fn required<'n, 'a>(
        &mut self,
        at: Path<'_>,
        node: &'n Node<'a>,
        key: &'static str,
    ) -> Option<&'n Node<'a>> {
        let found = node.get(key);
        if found.is_none() {
            self.fail(at, serde_json::Error::missing_field(key));
        }
        found
    }
}

fn price_of_a_million(text: &str, per: Per) -> Result<Usd, UsdErrorKind> {
    let shifted = match (per, text.split_once('e')) {
        (Per::Million, _) => text.to_owned(),
        (Per::Token, None) => format!("{text}e6"),
        (Per::Token, Some((digits, exponent))) => {
            let exponent: i32 = exponent.parse().map_err(|_| UsdErrorKind::NotANumber)?;
            format!("{digits}e{}", exponent.saturating_add(6))
        }
    };
    shifted.parse::<Usd>().map_err(|error| error.kind)
}

/// Writes the path as `serde_path_to_error` does, and an empty key as two quotes.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("."),
            Self::Key(above, "") => write!(f, "{}", Self::Key(above, r#""""#)),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(above, key) => write!(f, "{above}.{key}"),
            Self::Index(Self::Root, place) => write!(f, "[{place}]"),
            Self::Index(above, place) => write!(f, "{above}[{place}]"),
        }
    }
}
