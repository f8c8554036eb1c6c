//! Reading replies by rows.

use std::iter;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::body::{self, Nested};
use super::field::Reply;
use super::flat::Flat;
use super::headers::Headers;
use super::index::{Ask, Index};
use super::json::{Json, Parsed};
use super::kind::{FaultKind, FaultScope};
use super::limits::{FULL_AGAIN, is_for_long, reset_of_limits};
use super::phrases::of_phrase;
use super::provider::Provider;
use super::retry_after::{here, in_body, in_metadata, in_place};
use super::rule::FaultRule;
use super::spoken::{in_page, in_words};
use super::{Fault, FaultBasis, rows, said};

/// The table by which replies are read: your rows in the order they were added, then the built-in
/// ones. The first row that matches decides.
///
/// ```
/// use std::time::SystemTime;
/// use runtime_resilience::{FaultKind, FaultRule, FaultRules, Provider, ReplyField};
/// use serde_json::json;
///
/// let rules = FaultRules::default()
///     .row(FaultRule::new(Provider::Other, FaultKind::Overload).says(ReplyField::Code, &["all_gpus_busy"]));
/// let event = json!({"error": {"code": "all_gpus_busy"}});
/// let fault = rules.of_stream_error(Provider::Other, &event, SystemTime::now());
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
        now: impl Into<DateTime<Utc>>,
    ) -> Fault {
        self.read((provider, status), headers, Flat::of(body).root(), now.into())
    }

    /// As [`Fault::from_json`], by these rows.
    pub fn of_json<H: Headers + ?Sized>(
        &self,
        provider: Provider,
        status: u16,
        headers: &H,
        body: &Value,
        now: impl Into<DateTime<Utc>>,
    ) -> Fault {
        self.read((provider, status), headers, Parsed::of(body), now.into())
    }

    /// As [`Fault::from_stream_error`], by these rows.
    pub fn of_stream_error(
        &self,
        provider: Provider,
        event: &Value,
        now: impl Into<DateTime<Utc>>,
    ) -> Fault {
        self.read((provider, 0), &(), Parsed::of(event), now.into())
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
        let is_own = matches!(fault.basis, FaultBasis::OwnRow(_));
        let is_limit = fault.kind == FaultKind::RateLimit && !is_own;
        if is_limit && fault.asked.is_none_or(|asked| asked > FULL_AGAIN) && is_for_long(headers) {
            let Fault { kind, retry, scenario, .. } = Fault::of(FaultKind::Quota);
            return Fault { kind, retry, scenario, ..fault };
        }
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
        let said = || self.said(reply);
        let found = || self.find(reply, reply.provider, Ask::All);
        let mut fault = behind.or_else(said).or_else(found).unwrap_or_else(|| unknown(reply));
        let is_said = match fault.basis {
            FaultBasis::Row(row) => row.has_conditions(),
            FaultBasis::OwnRow(_) => true,
            _ => false,
        };
        if !is_said && let Some(aside) = self.told_aside(reply) {
            fault = aside;
        }
        if let Some(behind) = self.refused_behind(reply, &fault) {
            fault = behind;
        }
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

    /// The fault of the upstream's error that a gateway keeps beside its own.
    #[cold]
    fn told_aside<'a, N: Json<'a>>(&self, reply: &Reply<'a, N>) -> Option<Fault> {
        body::upstreams(reply.body).find_map(|body| self.behind(reply, body))
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

    /// The fault of a text with no status and no field around it, which may name what fields would: by the
    /// caller's own rows, then by its words, then by the status that it names.
    fn said<'a, N: Json<'a>>(&self, reply: &Reply<'a, N>) -> Option<Fault> {
        let text = reply.body.text().filter(|_| reply.status == 0)?;
        let own = self.own(reply, reply.provider, Ask::All);
        own.or_else(|| by_words(reply.provider, text)).or_else(|| by_status(text))
    }

    /// By the first row that matches: the caller's own, then the built-in ones.
    fn find<'a, N: Json<'a>>(
        &self,
        reply: &Reply<'a, N>,
        provider: Provider,
        ask: Ask,
    ) -> Option<Fault> {
        self.own(reply, provider, ask).or_else(|| {
            let provider = if reply.is_googles() { Provider::Gemini } else { provider };
            let (_, row) = Index::of(provider).find(reply, ask)?;
            Some(row.fault().read_from(FaultBasis::Row(row)))
        })
    }

    /// By the first of the caller's own rows that matches.
    fn own<'a, N: Json<'a>>(
        &self,
        reply: &Reply<'a, N>,
        provider: Provider,
        ask: Ask,
    ) -> Option<Fault> {
        let mut rows = self.rows.iter().enumerate();
        let (place, row) =
            rows.find(|(_, row)| row.is_for(provider) && ask.takes(row) && row.matches(reply))?;
        Some(row.fault().read_from(FaultBasis::OwnRow(place)))
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
            here(headers, now),
        )
    };
    let said = |text: Option<&str>| in_words(text?, here(headers, now));
    let in_messages = || said(words()).or_else(|| said(reply.more));
    asked
        .or_else(limits)
        .or_else(|| if passes(fault.kind) { in_messages() } else { None })
        .or_else(page)
}

/// The wait that a text asks for.
pub(super) fn asked_in_words(fault: &Fault, text: &str, now: DateTime<Utc>) -> Option<Duration> {
    in_words(Some(text).filter(|_| passes(fault.kind))?, now)
}

/// Whether a wait in the words of a failure is one for it to pass.
const fn passes(kind: FaultKind) -> bool {
    matches!(kind, FaultKind::RateLimit | FaultKind::Quota | FaultKind::Overload)
}

/// No row knows it, so its text decides.
#[cold]
fn unknown<'a, N: Json<'a>>(reply: &Reply<'a, N>) -> Fault {
    let unknown = Fault::of(FaultKind::Unknown).read_from(FaultBasis::Nothing);
    // The scenario is that of the kind here: it is a reply and not a text.
    let by_phrase = |fault: Fault| Fault::of(fault.kind).read_from(fault.basis);
    let by_text = |text| {
        let said = by_words(reply.provider, text).or_else(|| by_status(text));
        said.or_else(|| of_phrase(text).map(by_phrase))
    };
    let first = reply.message.and_then(by_text);
    let said = first.or_else(|| body::second_message(reply.error).and_then(by_text));
    said.unwrap_or(unknown).of_unknown_reach()
}

/// The fault by the words of a text, if a row of the table knows them: the first row that any name in the
/// text matches. What its status alone would say is no word, but goes before broad names, as in a reply. The wait
/// is left to the caller.
pub(super) fn by_words(provider: Provider, text: &str) -> Option<Fault> {
    /// The providers whose names for errors are words of their own.
    const NAMERS: [Provider; 4] =
        [Provider::Other, Provider::Anthropic, Provider::Bedrock, Provider::Gemini];
    /// A trace of calls has many.
    const MOST_NAMES: usize = 256;
    let status = said::status(text).unwrap_or(0);
    let others = NAMERS.into_iter().filter(|other| *other != provider);
    iter::once(provider).chain(others).find_map(|provider| {
        let index = Index::of(provider);
        let names = said::names(text).take(MOST_NAMES).map(Some).chain([None]);
        let rows = names.filter_map(|name| {
            index.find(&Reply::said((provider, status), name, text, Parsed::NULL), Ask::All)
        });
        let (_, row) =
            rows.filter(|(_, row)| row.has_conditions()).min_by_key(|(place, _)| *place)?;
        Some(of_said(row, status))
    })
}

/// The fault by the status that a text names.
pub(super) fn by_status(text: &str) -> Option<Fault> {
    let (provider, status) = (Provider::Other, said::status(text)?);
    let reply = Reply::said((provider, status), None, text, Parsed::NULL);
    let (_, row) = Index::of(provider).find(&reply, Ask::ByStatus)?;
    Some(of_said(row, status))
}

/// The fault of a row that a text matches.
fn of_said(row: &'static FaultRule, status: u16) -> Fault {
    let mut fault = row.fault().read_from(FaultBasis::Row(row));
    fault.status = (status != 0).then_some(status);
    fault
}
