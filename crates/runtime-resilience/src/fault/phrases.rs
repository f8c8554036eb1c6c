//! The phrases by which the original classifies a text.

use runtime_events::FailureScenario;

use super::kind::{FaultKind, TimeoutPhase};
use super::{Fault, FaultBasis};

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

    /// The phrase or the code of a text that makes the rule match.
    fn found(&self, text: &str) -> Option<&'static str> {
        let phrase = self.phrases.iter().find(|phrase| text.contains(**phrase));
        let found = phrase.or_else(|| self.codes.iter().find(|code| has_code(text, code)));
        found.filter(|_| text.contains(self.beside)).copied()
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
    of_phrase(text).map_or(FailureScenario::LlmError, |fault| fault.scenario())
}

/// The fault of a text by the rules of the original alone.
pub(super) fn of_phrase(text: &str) -> Option<Fault> {
    by_phrase(&[text.to_lowercase()])
}

/// The fault of texts by the first rule that matches one of them.
pub(super) fn by_phrase(texts: &[String]) -> Option<Fault> {
    let found = |rule: &Rule| texts.iter().find_map(|text| rule.found(text));
    let (rule, phrase) = RULES.iter().find_map(|rule| Some((rule, found(rule)?)))?;
    let fault = Fault::of(rule.kind).of_unknown_reach().read_from(FaultBasis::Phrase(phrase));
    Some(Fault { scenario: rule.scenario, ..fault })
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
