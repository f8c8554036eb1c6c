//! The meaning of the texts of errors.

use std::error::Error;

use chrono::{DateTime, Utc};
use runtime_events::FailureScenario;

use super::kind::FaultKind;
use super::phrases::by_phrase;
use super::provider::Provider;
use super::{Fault, FaultBasis, rules};
use crate::chain::words;

/// The fault of the texts of an error and its sources. Its reach is unknown.
///
/// The scenario is by the rules of the original. The facts are more exact: the words of replies come
/// first, since many clients keep nothing else of one, then a named 4xx, then those rules, then a
/// named 5xx.
pub(crate) fn of_texts(errors: &[&(dyn Error + 'static)], now: DateTime<Utc>) -> Fault {
    let texts = texts(errors);
    let phrase = by_phrase(&texts.iter().map(|text| text.to_lowercase()).collect::<Vec<_>>());
    let scenario = phrase.map_or(FailureScenario::LlmError, |fault| fault.scenario);
    let by_status = texts.iter().find_map(|text| rules::by_status(text));
    let refused = by_status.filter(|fault| fault.status.is_some_and(|status| status < 500));
    let by_words = texts.iter().find_map(|text| rules::by_words(Provider::Other, text));
    let fault = by_words.or(refused).or(phrase).or(by_status);
    let unknown = || Fault::of(FaultKind::Unknown).read_from(FaultBasis::Nothing);
    let fault = fault.unwrap_or_else(unknown).of_unknown_reach();
    let asked = texts.iter().find_map(|text| rules::asked_in_words(&fault, text, now));
    Fault { asked, scenario, ..fault }
}

/// The texts of a chain of errors.
fn texts(errors: &[&(dyn Error + 'static)]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut quoted: Vec<String> = Vec::new();
    for error in errors {
        let text = words(*error);
        if error.is::<serde_json::Error>() { &mut quoted } else { &mut texts }.push(text);
    }
    // The text of serde quotes the data (missing field `timeout`), and is about its form only.
    // Wrappers repeat it.
    for text in &mut texts {
        for quote in &quoted {
            *text = text.replace(quote, "");
        }
    }
    texts
}
