//! [`NameMatch`]: how the name of a model finds its prices, and the forms in which providers write one
//! name.
//!
//! A version of a model has a date, `latest` or a revision at its end:
//!
//! | written | by |
//! |---|---|
//! | `-2026-05-14`, `-20260514`, `-0613`, `-05-20`, `-09-2025`, `-2411`, `-250115` | `OpenAI`, Anthropic, Gemini, Cohere, Mistral, Doubao |
//! | `@20260514`, `@001`, `@default` | Vertex AI |
//! | `-latest`, `:latest` | Mistral, xAI, Ollama |
//! | `-001` | Gemini |
//! | `-v1:0`, `:0` | Bedrock |
//! | `ft:NAME:organization:suffix:id` | fine-tuned models of `OpenAI` |
//!
//! A place is written before it: `us.`, `eu.` and other regions of Bedrock's inference profiles, and
//! the path of a resource, such as `models/` or `projects/…/models/`, or an ARN, or `bedrock/` and what follows
//! it in `LiteLLM`'s names.

use std::borrow::Cow;
use std::fmt;

/// How the name of a model found its prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NameMatch {
    /// By the name itself, in any case.
    Exact,
    /// By a pattern of the price list, such as `starts_with`.
    Pattern,
    /// Without the date, `latest` or the revision at its end.
    Version,
    /// Without the region or the path before it. Some regions have prices of their own.
    Place,
    /// By its beginning, in a table that [matches beginnings](crate::PricingTable::by_beginning).
    Beginning,
}

impl fmt::Display for NameMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Exact => "name",
            Self::Pattern => "pattern",
            Self::Version => "version",
            Self::Place => "region or path",
            Self::Beginning => "beginning",
        })
    }
}

/// The shorter forms of a lower-case name, from the most exact on. The name itself is not among them.
pub(crate) fn forms(name: &str) -> impl Iterator<Item = (&str, NameMatch)> {
    let versions = versions(name).map(|form| (form, NameMatch::Version));
    let placeless = places(name)
        .flat_map(|bare| std::iter::once(bare).chain(self::versions(bare)))
        .map(|form| (form, NameMatch::Place));
    versions.chain(placeless)
}

/// The name without what marks a version at its end, one mark after the other.
fn versions(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(without_version(name), |name| without_version(name))
}

fn without_version(name: &str) -> Option<&str> {
    let shorter = fine_tuned(name)
        .or_else(|| revision_of_bedrock(name))
        .or_else(|| spaced_date(name))
        .or_else(|| last_word(name))?;
    (!shorter.is_empty()).then_some(shorter)
}

/// `ft:NAME:organization:suffix:id` without all but its base model. Its price is never the base model's.
fn fine_tuned(name: &str) -> Option<&str> {
    let base = name.strip_prefix("ft:")?;
    let end = base.find(':')?;
    Some(&name[.."ft:".len() + end])
}

/// `-v1:0` or `:0`. The version of the model, as in `titan-embed-text-v2:0`, goes only together with
/// the revision.
fn revision_of_bedrock(name: &str) -> Option<&str> {
    let (model, revision) = name.rsplit_once(':')?;
    is_number(revision, 1..=2).then_some(model)
}

/// A date of several parts: `-2026-05-14`, `-05-20`, `-09-2025`.
fn spaced_date(name: &str) -> Option<&str> {
    let (rest, last) = name.rsplit_once('-')?;
    let (start, middle) = rest.rsplit_once('-')?;
    if is_number(last, 2..=2) && is_month(middle) && is_day(last) {
        let year = start.rsplit_once('-').filter(|(_, year)| is_year(year));
        return Some(year.map_or(start, |(start, _)| start));
    }
    (is_month(middle) && is_year(last)).then_some(start)
}

fn last_word(name: &str) -> Option<&str> {
    let place = name.rfind(['-', '@', ':'])?;
    let (rest, word) = (&name[..place], &name[place + 1..]);
    let is_version = match name.as_bytes()[place] {
        b':' => word == "latest",
        b'@' => matches!(word, "latest" | "default") || is_number(word, 3..=3) || is_date(word),
        _ => {
            let is_revision = is_number(word, 3..=3) && word.starts_with('0');
            word == "latest" || is_revision || is_date(word) || is_version_of(rest, word)
        }
    };
    is_version.then_some(rest)
}

/// `-v1` of a name that had a revision behind it, as Bedrock's models of Anthropic: they have a date
/// before the version.
fn is_version_of(rest: &str, word: &str) -> bool {
    let is_dated = rest.rsplit_once('-').is_some_and(|(_, date)| is_number(date, 8..=8));
    is_dated && word.strip_prefix('v').is_some_and(|number| is_number(number, 1..=2))
}

/// A date in one word: `20260514`, `260514`, `0613` or `2411`.
fn is_date(word: &str) -> bool {
    let day = |word: &str| is_month(&word[..2]) && is_day(&word[2..]);
    match word.len() {
        _ if !word.bytes().all(|byte| byte.is_ascii_digit()) => false,
        8 => is_year(&word[..4]) && day(&word[4..]),
        6 => is_month(&word[2..4]) && is_day(&word[4..]),
        4 => day(word) || (("23"..="39").contains(&&word[..2]) && is_month(&word[2..])),
        _ => false,
    }
}

fn is_year(word: &str) -> bool {
    is_number(word, 4..=4) && word.starts_with("20")
}

fn is_month(word: &str) -> bool {
    is_number(word, 2..=2) && ("01"..="12").contains(&word)
}

fn is_day(word: &str) -> bool {
    is_number(word, 2..=2) && ("01"..="31").contains(&word)
}

fn is_number(word: &str, digits: std::ops::RangeInclusive<usize>) -> bool {
    digits.contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The regions of Bedrock's inference profiles.
const REGIONS: [&str; 10] = ["us", "us-gov", "eu", "apac", "jp", "au", "ca", "sa", "in", "global"];

/// The name without the path of a resource before it, and then without a region.
fn places(name: &str) -> impl Iterator<Item = &str> {
    let bare = without_path(name);
    let rest = without_region(bare.unwrap_or(name));
    bare.into_iter().chain(rest).filter(|bare| !bare.is_empty())
}

/// Without `models/` and the like, or the name of Bedrock, and which of its APIs or regions, as `LiteLLM` and
/// models.dev have it.
fn without_path(name: &str) -> Option<&str> {
    const RESOURCES: [&str; 3] = ["models", "foundation-model", "inference-profile"];
    let (path, bare) = name.rsplit_once('/')?;
    let resource = path.rsplit(['/', ':']).next().unwrap_or_default();
    // Models of Fireworks have the account of their maker before them.
    let is_resource = RESOURCES.contains(&resource) && !path.starts_with("accounts/");
    let place = path.split('/').next().unwrap_or_default();
    let is_bedrock = matches!(place, "bedrock" | "amazon-bedrock") && bare.contains('.');
    (is_resource || is_bedrock).then_some(bare)
}

fn without_region(bare: &str) -> Option<&str> {
    let (region, rest) = bare.split_once('.')?;
    // A maker stands between the region and the model.
    (REGIONS.contains(&region) && rest.contains('.')).then_some(rest)
}

/// Calls `f` with the name in lower case. Names of usual length are not allocated.
pub(crate) fn with_lower_case<R>(name: &str, f: impl FnOnce(&str) -> R) -> R {
    const USUAL: usize = 96;

    // No early exit: checking all bytes at once is faster for short names.
    if name.bytes().fold(true, |lower, b| lower & b.is_ascii() & !b.is_ascii_uppercase()) {
        return f(name);
    }
    let mut buffer = [0; USUAL];
    let lower = match buffer.get_mut(..name.len()) {
        Some(lower) if name.is_ascii() => {
            lower.copy_from_slice(name.as_bytes());
            lower.make_ascii_lowercase();
            str::from_utf8(lower).map_or_else(|_| name.to_lowercase().into(), Cow::Borrowed)
        }
        _ => Cow::Owned(name.to_lowercase()),
    };
    f(&lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(name: &str) -> Vec<&str> {
        forms(name).map(|(form, _)| form).collect()
    }

    #[test]
    fn versions_go_one_mark_after_the_other() {
        for (name, shorter) in [
            ("gpt-4o-2024-11-20", &["gpt-4o"][..]),
            ("claude-opus-4-6-20260205", &["claude-opus-4-6"]),
            ("gpt-4-0613", &["gpt-4"]),
            ("mistral-large-2411", &["mistral-large"]),
            ("doubao-pro-250115", &["doubao-pro"]),
            ("gemini-2.5-pro-preview-05-20", &["gemini-2.5-pro-preview"]),
            ("gemini-2.5-flash-preview-09-2025", &["gemini-2.5-flash-preview"]),
            ("command-r-08-2024", &["command-r"]),
            ("claude-3-opus@20240229", &["claude-3-opus"]),
            ("gemini-1.5-pro-002", &["gemini-1.5-pro"]),
            ("textembedding-gecko@001", &["textembedding-gecko"]),
            ("grok-4-latest", &["grok-4"]),
            ("llama3:latest", &["llama3"]),
            ("ft:gpt-4o-2024-08-06:org::abc", &["ft:gpt-4o-2024-08-06", "ft:gpt-4o"]),
            (
                "anthropic.claude-sonnet-4-5-20250929-v1:0",
                &[
                    "anthropic.claude-sonnet-4-5-20250929-v1",
                    "anthropic.claude-sonnet-4-5-20250929",
                    "anthropic.claude-sonnet-4-5",
                ],
            ),
            ("amazon.titan-embed-text-v2:0", &["amazon.titan-embed-text-v2"]),
        ] {
            assert_eq!(all(name), shorter, "{name}");
        }
    }

    #[test]
    fn places_go_with_and_without_versions() {
        for (name, shorter) in [
            (
                "us.anthropic.claude-v2:1",
                &["us.anthropic.claude-v2", "anthropic.claude-v2:1", "anthropic.claude-v2"][..],
            ),
            ("models/gemini-2.5-pro", &["gemini-2.5-pro"]),
            (
                "projects/p/locations/l/publishers/google/models/gemini-2.5-pro-001",
                &[
                    "projects/p/locations/l/publishers/google/models/gemini-2.5-pro",
                    "gemini-2.5-pro-001",
                    "gemini-2.5-pro",
                ],
            ),
            (
                "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0",
                &[
                    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.amazon.nova-pro-v1",
                    "eu.amazon.nova-pro-v1:0",
                    "eu.amazon.nova-pro-v1",
                    "amazon.nova-pro-v1:0",
                    "amazon.nova-pro-v1",
                ],
            ),
            (
                "bedrock/converse/us.anthropic.claude-v2",
                &["us.anthropic.claude-v2", "anthropic.claude-v2"],
            ),
            ("bedrock/us-east-1/anthropic.claude-v2", &["anthropic.claude-v2"]),
            ("amazon-bedrock/eu.amazon.nova-pro", &["eu.amazon.nova-pro", "amazon.nova-pro"]),
        ] {
            assert_eq!(all(name), shorter, "{name}");
        }
    }

    #[test]
    fn other_models_are_not_versions() {
        for name in [
            "gpt-5.5-pro",
            "gpt-5-mini",
            "gpt-4-turbo",
            "deepseek-v3",
            "deepseek-v3.1",
            "titan-embed-text-v2",
            "phi-4",
            "llama-3.1-405b",
            "gpt-4-32k",
            "o3-2",
            "qwen/coder:free",
            "openai/gpt-4o",
            "bedrock/my-model",
            "accounts/fireworks/models/llama-v3p1-405b",
            "us.model",
            "-20260514",
            "20260514",
            "model-20261399",
            "",
        ] {
            assert_eq!(all(name), [""; 0], "{name}");
        }
    }
}
