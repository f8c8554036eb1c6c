//! The meaning of the text of an error.

use std::error::Error;

use runtime_events::FailureScenario;

use super::Fault;
use super::kind::{FaultKind, TimeoutPhase};

/// One rule: a text with one of these, and with one of `beside`, has the scenario.
struct Rule {
    scenario: FailureScenario,
    kind: FaultKind,
    /// Anywhere in the text, in lower case.
    phrases: &'static [&'static str],
    /// As a number of its own.
    codes: &'static [&'static str],
    /// Empty: nothing else is needed.
    beside: &'static str,
}

const fn rule(
    scenario: FailureScenario,
    kind: FaultKind,
    phrases: &'static [&'static str],
) -> Rule {
    Rule { scenario, kind, phrases, codes: &[], beside: "" }
}

impl Rule {
    const fn or_codes(mut self, codes: &'static [&'static str]) -> Self {
        self.codes = codes;
        self
    }

    const fn beside(mut self, word: &'static str) -> Self {
        self.beside = word;
        self
    }

    fn matches(&self, text: &str) -> bool {
        let told = self.phrases.iter().any(|phrase| text.contains(phrase))
            || self.codes.iter().any(|code| has_code(text, code));
        told && text.contains(self.beside)
    }
}

const TIMEOUT: FaultKind = FaultKind::Timeout(TimeoutPhase::Unknown);

/// In the order of their reading.
static RULES: [Rule; 8] = [
    rule(FailureScenario::LlmTimeout, TIMEOUT, &["timeout", "timed out"]),
    rule(FailureScenario::LlmError, FaultKind::RateLimit, &["rate limit", "too many requests"])
        .or_codes(&["429"]),
    rule(
        FailureScenario::ContextOverflow,
        FaultKind::ContextLength,
        &[
            "context length",
            "context_length_exceeded",
            "maximum context",
            "token limit",
            "too many tokens",
        ],
    ),
    rule(FailureScenario::MemoryCorruption, FaultKind::Malformed, &["corrupt", "malformed"]),
    rule(
        FailureScenario::ProviderFailure,
        FaultKind::Server,
        &["connection refused", "connection reset", "service unavailable", "bad gateway"],
    )
    .or_codes(&["502", "503"]),
    rule(FailureScenario::ProviderFailure, FaultKind::Auth, &["unauthorized", "authentication"])
        .or_codes(&["401"]),
    rule(FailureScenario::ToolExecutionError, FaultKind::Tool, &["error", "failed"]).beside("tool"),
    rule(
        FailureScenario::DependencyTimeout,
        TIMEOUT,
        &["dependency", "dependent", "downstream", "upstream", "external service"],
    ),
];

/// The scenario of a text, in any case; `llm_error` if no rule matches.
///
/// A status code counts only as a number of its own: 503 is not in `file 5031.txt`, `req_503af`
/// or `1.503 s`.
///
/// ```
/// use runtime_events::FailureScenario;
/// use runtime_resilience::classify_text;
///
/// assert_eq!(classify_text("HTTP/1.1 503"), FailureScenario::ProviderFailure);
/// assert_eq!(classify_text("cannot open file 5031.txt"), FailureScenario::LlmError);
/// ```
pub fn classify_text(text: &str) -> FailureScenario {
    of_text(text).scenario()
}

/// The fault of a text. Its reach is unknown.
pub(super) fn of_text(text: &str) -> Fault {
    fault(first_match(&[text.to_lowercase()]))
}

/// The fault of the texts of an error and its sources.
pub(crate) fn of_texts(errors: &[&(dyn Error + 'static)]) -> Fault {
    fault(first_match(&texts(errors)))
}

fn fault(rule: Option<&Rule>) -> Fault {
    let Some(rule) = rule else { return Fault::of(FaultKind::Unknown) };
    Fault { scenario: rule.scenario, ..Fault::of(rule.kind).of_unknown_reach() }
}

/// The texts of a chain of errors, in lower case.
fn texts(errors: &[&(dyn Error + 'static)]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut quoted: Vec<String> = Vec::new();
    for error in errors {
        let text = error.to_string().to_lowercase();
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

fn first_match(texts: &[String]) -> Option<&'static Rule> {
    RULES.iter().find(|rule| texts.iter().any(|text| rule.matches(text)))
}

/// Whether `text` contains `code` as a whole number, not inside a longer number or word.
fn has_code(text: &str, code: &str) -> bool {
    text.match_indices(code).any(|(at, _)| {
        let mut before = text[..at].chars().rev();
        let mut after = text[at + code.len()..].chars();
        !continues(before.next(), before.next()) && !continues(after.next(), after.next())
    })
}

/// Whether a number goes on in this direction: with a letter or digit, or with a point or comma
/// and a digit behind it.
fn continues(next: Option<char>, behind: Option<char>) -> bool {
    match next {
        Some('.' | ',') => behind.is_some_and(|c| c.is_ascii_digit()),
        Some(c) => c.is_alphanumeric(),
        None => false,
    }
}
