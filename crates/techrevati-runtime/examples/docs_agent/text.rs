//! Words and terms of texts.

/// Words without a meaning for the search.
const STOP_WORDS: &[&str] = &[
    "a", "about", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but",
    "by", "can", "could", "did", "do", "does", "doing", "done", "explain", "for", "from", "get",
    "gets", "give", "had", "happen", "happens", "has", "have", "how", "i", "if", "in", "into",
    "is", "it", "its", "me", "mean", "means", "my", "not", "of", "on", "one", "or", "our", "out",
    "please", "say", "shall", "should", "so", "some", "tell", "than", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "to", "up", "us", "was", "we",
    "were", "what", "when", "where", "which", "while", "who", "whose", "why", "will", "with",
    "would", "you", "your",
];

/// Endings that are removed from a word, repeatedly.
const ENDINGS: &[&str] =
    &["ation", "ures", "ing", "ies", "ure", "ed", "er", "es", "ly", "e", "s", "y"];

/// The minimum number of letters that remain.
const SHORTEST_STEM: usize = 4;

/// The terms of a text: its words in lower case, without stop words and endings.
pub(crate) fn terms(text: &str) -> Vec<String> {
    words(text).iter().filter(|word| !is_stop_word(word)).map(|word| stem(word)).collect()
}

/// The words of a text that [`terms`] keeps, in their original form, each once.
pub(crate) fn content_words(text: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let mut kept = Vec::new();
    for word in words(text).into_iter().filter(|word| !is_stop_word(word)) {
        let stem = stem(&word);
        if !seen.contains(&stem) {
            seen.push(stem);
            kept.push(word);
        }
    }
    kept
}

/// A text on one line, with single spaces: the form in which quotations are compared.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most `limit` bytes of a text, cut between characters.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    let mut ends = (0..=limit.min(text.len())).rev();
    &text[..ends.find(|&end| text.is_char_boundary(end)).unwrap_or(0)]
}

/// The sentences of a text, each without leading space.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let ends = match chars.peek() {
            Some((_, next)) => matches!(c, '.' | '!' | '?') && next.is_whitespace(),
            None => true,
        } || matches!(c, '。' | '！' | '？');
        let end = at + c.len_utf8();
        if ends && !text[start..end].trim().is_empty() {
            found.push(text[start..end].trim());
            start = end;
        }
    }
    found
}

fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// Lower-case words. Scripts without spaces between words give one word per character.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        let alone = matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}');
        if alone || !c.is_alphanumeric() {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
        if alone {
            words.push(c.to_string());
        } else if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

fn stem(word: &str) -> String {
    let mut stem = word;
    while let Some(shorter) = ENDINGS
        .iter()
        .filter_map(|ending| stem.strip_suffix(ending))
        .find(|rest| rest.chars().count() >= SHORTEST_STEM)
    {
        stem = shorter;
    }
    // "cancel" and "cancelled", "stop" and "stopped".
    let mut last = stem.chars().rev();
    match (last.next(), last.next()) {
        (Some(a), Some(b))
            if a == b && a.is_alphabetic() && stem.chars().count() > SHORTEST_STEM =>
        {
            stem[..stem.len() - a.len_utf8()].into()
        }
        _ => stem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted_for_the_search() {
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn forms_of_one_word_are_one_term() {
        for family in [
            &["recover", "recovers", "recovery", "recovering", "recovered"][..],
            &["close", "closes", "closed", "closing"],
            &["fail", "failure", "failures", "failed"],
            &["policy", "policies"],
            &["cancel", "cancels", "cancelled", "cancellation"],
            &["breaker", "breakers"],
        ] {
            let terms = family.iter().flat_map(|word| terms(word)).collect::<Vec<_>>();
            assert!(terms.windows(2).all(|two| two[0] == two[1]), "{terms:?}");
        }
    }

    #[test]
    fn question_is_reduced_to_its_terms() {
        assert_eq!(
            content_words("How does the circuit breaker recover?"),
            ["circuit", "breaker", "recover"]
        );
        assert_eq!(terms("What is it?"), Vec::<String>::new());
    }

    #[test]
    fn text_without_spaces_still_has_words() {
        assert_eq!(terms("熔断器"), ["熔", "断", "器"]);
        assert_eq!(terms("Wiederaufnähme"), ["wiederaufnähm"]);
    }

    #[test]
    fn sentences_end_at_a_stop_followed_by_space() {
        assert_eq!(
            sentences("It waits 1.5 s. Then it probes!"),
            ["It waits 1.5 s.", "Then it probes!"]
        );
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(cut("aä", 2), "a");
        assert_eq!(cut("aä", 9), "aä");
    }
}
