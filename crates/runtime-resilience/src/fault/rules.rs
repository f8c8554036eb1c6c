//! Reading replies by rows.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::body::{self, Nested};
use super::field::Reply;
use super::flat::Flat;
use super::headers::Headers;
use super::index::{Ask, Index};
use super::json::Json;
use super::kind::{FaultKind, FaultScope};
use super::limits::reset_of_limits;
use super::phrases::of_phrase;
use super::provider::Provider;
use super::retry_after::{in_body, in_metadata, in_page, in_place, in_words};
use super::rule::FaultRule;
use super::{Fault, FaultBasis, rows, said};

/// The table by which replies are read: your rows in the order they were added, then the built-in
/// ones. The first row that matches decides.
///
/// ```
/// use runtime_resilience::{FaultKind, FaultRule, FaultRules, Provider, ReplyField};
/// use serde_json::json;
///
/// let rules = FaultRules::default()
///     .row(FaultRule::new(Provider::Other, FaultKind::Overload).says(ReplyField::Code, &["all_gpus_busy"]));
/// let fault = rules.of_stream_error(Provider::Other, &json!({"error": {"code": "all_gpus_busy"}}));
/// assert_eq!(fault.kind, FaultKind::Overload);
/// ```
#[derive(Clone, Debug, Default)]
pub struct FaultRules {
    rows: Vec<FaultRule>,
}

impl FaultRules {
    pub(super) const BUILT_IN: Self = Self { rows: Vec::new() };

    /// Adds a row of your own.
    #[must_use]
    pub fn row(mut self, row: FaultRule) -> Self {
        self.rows.push(row);
        self
    }

    /// The built-in rows for the replies of a provider, in their order.
    ///
    /// Rows by words come before rows by status alone, and the provider's own rows before those that are
    /// for everybody.
    pub fn built_in(provider: Provider) -> impl Iterator<Item = &'static FaultRule> {
        rows::of(provider)
    }

    /// As [`Fault::from_response`], by these rows.
    pub fn of_response<H: Headers + ?Sized>(
        &self,
        provider: Provider,
        status: u16,
        headers: &H,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Fault {
        self.read((provider, status), headers, Flat::of(body).root(), now)
    }

    /// As [`Fault::from_json`], by these rows.
    pub fn of_json<H: Headers + ?Sized>(
        &self,
        provider: Provider,
        status: u16,
        headers: &H,
        body: &Value,
        now: DateTime<Utc>,
    ) -> Fault {
        self.read((provider, status), headers, body, now)
    }

    /// As [`Fault::from_stream_error`], by these rows.
    pub fn of_stream_error(&self, provider: Provider, event: &Value) -> Fault {
        // There are no headers and so no date: only a duration can be read.
        self.of_json(provider, 0, &(), event, DateTime::UNIX_EPOCH)
    }

    /// The fault of a reply, whatever form its body has.
    pub(super) fn read<'a, H: Headers + ?Sized, N: Json<'a>>(
        &self,
        (provider, status): (Provider, u16),
        headers: &'a H,
        body: N,
        now: DateTime<Utc>,
    ) -> Fault {
        let reply = Reply::new(provider, status, headers, body);
        let nested = body::nested(reply.error, reply.message);
        let mut fault = self.by_rows(&reply, nested.as_ref());
        if !(400..600).contains(&status) {
            // There was an answer, or the beginning of one, or nobody knows.
            fault = fault.of_unknown_reach();
        }
        match headers.header("x-should-retry") {
            Some("false") => fault.retry = false,
            Some("true") => fault.retry = fault.kind.may_pass(),
            _ => {}
        }
        fault.asked = asked(&reply, headers, nested.as_ref(), &fault, now);
        fault
    }

    fn by_rows<'a, N: Json<'a>>(
        &self,
        reply: &Reply<'a, N>,
        nested: Option<&Nested<'a, N>>,
    ) -> Fault {
        let behind = nested.and_then(|nested| match nested {
            Nested::Object(body) => self.behind(reply, *body),
            Nested::Text(body) => self.behind(reply, body.root()),
        });
        let fault = behind.unwrap_or_else(|| {
            self.find(reply, reply.provider, Ask::All).unwrap_or_else(|| unknown(reply.error))
        });
        let fault = self.refused_behind(reply, &fault).unwrap_or(fault);
        if reply.status == 0 { fault } else { fault.with_status(reply.status) }
    }

    /// The fault of an upstream body that a gateway passed on, if a row knows its words. It rests no
    /// more than the model, since the gateway and its key serve other models.
    #[cold]
    fn behind<'b, N, B: Json<'b>>(&self, reply: &Reply<'_, N>, body: B) -> Option<Fault> {
        let provider = body::speaker(body, reply.provider);
        let inner = Reply::new(provider, reply.status, &(), body);
        let fault = self.find(&inner, provider, Ask::ByFields)?;
        Some(Fault { cools: fault.cools.min(FaultScope::Model), ..fault })
    }

    /// What a gateway's failure says of the one behind it, which refused the request: `Error code: 400`. It is the
    /// same each time.
    fn refused_behind<'a, N: Json<'a>>(
        &self,
        reply: &Reply<'a, N>,
        fault: &Fault,
    ) -> Option<Fault> {
        let FaultBasis::Row(row) = fault.basis else { return None };
        if reply.status < 500 || row.has_conditions() {
            return None;
        }
        let status = said::status(reply.message?).filter(|status| *status < 500)?;
        let named = Reply::new(reply.provider, status, &(), reply.error);
        let fault = self.find(&named, reply.provider, Ask::ByStatus)?;
        Some(Fault { cools: fault.cools.min(FaultScope::Model), ..fault })
    }

    /// By the first row that matches: the caller's own, then the built-in ones.
    fn find<'a, N: Json<'a>>(
        &self,
        reply: &Reply<'a, N>,
        provider: Provider,
        ask: Ask,
    ) -> Option<Fault> {
        let mut own = self.rows.iter().enumerate();
        let own = own.find(|(_, row)| row.is_for(provider) && ask.takes(row) && row.matches(reply));
        if let Some((place, row)) = own {
            return Some(row.fault().read_from(FaultBasis::OwnRow(place)));
        }
        let row = Index::of(provider).find(reply, ask)?;
        Some(row.fault().read_from(FaultBasis::Row(row)))
    }
}

/// The wait that the reply asks for, wherever it is.
fn asked<'a, H: Headers + ?Sized, N: Json<'a>>(
    reply: &Reply<'a, N>,
    headers: &H,
    nested: Option<&Nested<'a, N>>,
    fault: &Fault,
    now: DateTime<Utc>,
) -> Option<Duration> {
    let behind = || match nested? {
        Nested::Object(body) => in_place(&(), *body, now),
        Nested::Text(body) => in_place(&(), body.root(), now),
    };
    let asked = in_place(headers, reply.body, now)
        .or_else(behind)
        .or_else(|| in_body(reply.body, reply.error))
        .or_else(|| in_metadata(reply.error, now));
    let limits = || reset_of_limits(headers, now).filter(|_| fault.kind == FaultKind::RateLimit);
    let raw = || body::raw(reply.error)?.text();
    let words = || match nested {
        None => reply.message,
        Some(Nested::Object(body)) => body::message(body::error(*body)).or_else(raw),
        Some(Nested::Text(body)) => body::message(body::error(body.root())).or_else(raw),
    };
    let page = || {
        in_page(
            reply.body.page().filter(|_| passes(fault.kind) || fault.kind == FaultKind::Server)?,
            now,
        )
    };
    asked
        .or_else(limits)
        .or_else(|| in_words(words().filter(|_| passes(fault.kind))?, now))
        .or_else(|| in_words(reply.more.filter(|_| passes(fault.kind))?, now))
        .or_else(page)
}

/// The wait that a text asks for. A date in it cannot be compared with anything.
pub(super) fn asked_in_words(fault: &Fault, text: &str) -> Option<Duration> {
    in_words(Some(text).filter(|_| passes(fault.kind))?, DateTime::UNIX_EPOCH)
}

/// Whether a wait in the words of a failure is one for it to pass.
const fn passes(kind: FaultKind) -> bool {
    matches!(kind, FaultKind::RateLimit | FaultKind::Quota | FaultKind::Overload)
}

/// No row knows it, so its text decides.
#[cold]
fn unknown<'a, N: Json<'a>>(error: N) -> Fault {
    let unknown = Fault::of(FaultKind::Unknown).read_from(FaultBasis::Nothing);
    // The scenario is that of the kind here: it is a reply and not a text.
    let by_phrase = |fault: Fault| Fault::of(fault.kind).read_from(fault.basis);
    let by_text = |text| {
        let said = by_words(text).or_else(|| by_status(text));
        said.or_else(|| of_phrase(text).map(by_phrase))
    };
    body::message(error).and_then(by_text).unwrap_or(unknown).of_unknown_reach()
}

/// The fault by the words of a text, if a row of the table knows them.
pub(super) fn by_words(text: &str) -> Option<Fault> {
    /// The providers whose names for errors are words of their own.
    const NAMERS: [Provider; 4] =
        [Provider::Other, Provider::Anthropic, Provider::Bedrock, Provider::Gemini];
    let status = said::status(text).unwrap_or(0);
    let named = said::names(text).find_map(|name| {
        let body = json!({"error": {"code": name, "type": name, "status": name, "__type": name, "message": text}});
        NAMERS.into_iter().find_map(|provider| of_said(provider, status, &body, Ask::ByFields))
    });
    named.or_else(|| {
        let body = json!({"error": {"message": text}});
        of_said(Provider::Other, status, &body, Ask::ByFields)
    })
}

/// The fault by the status that a text names.
pub(super) fn by_status(text: &str) -> Option<Fault> {
    let body = json!({"error": {"message": text}});
    of_said(Provider::Other, said::status(text)?, &body, Ask::ByStatus)
}

/// The fault of the body that the words of a text stand for, by the built-in rows that are asked.
fn of_said(provider: Provider, status: u16, body: &Value, ask: Ask) -> Option<Fault> {
    let reply = Reply::new(provider, status, &(), body);
    let mut fault = FaultRules::BUILT_IN.find(&reply, provider, ask)?;
    // A date cannot be compared with anything here: only a duration is read.
    fault.asked = asked(&reply, &(), None, &fault, DateTime::UNIX_EPOCH);
    fault.status = (reply.status != 0).then_some(reply.status);
    Some(fault)
}
