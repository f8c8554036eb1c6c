//! The search for passages that answer a question: BM25 with headings.

use std::collections::{BTreeSet, HashMap};

use crate::passages::Passage;
use crate::text::{one_line, sentences, terms};

/// The saturation of repeated terms, and the penalty of long passages.
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// The weight of a term in the heading, in occurrences in the text.
const HEADING: f64 = 1.5;
/// The factor of a passage of which only the heading matches.
const HEADING_ONLY: f64 = 0.7;
/// The part that a passage gains of the mean of its file's best ones, because the topic of the file
/// counts.
const BY_TOPIC: f64 = 0.5;
const TOPIC: usize = 3;
/// The factor of the first passage under a heading, which introduces the section.
const OPENING: f64 = 1.25;
/// The factor of code and tables, which answer questions less often than prose.
const NOT_PROSE: f64 = 0.35;
/// The maximum length of a quotation in bytes, approximately.
const QUOTE_BYTES: usize = 360;

/// A matching passage and its score.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit<'a> {
    pub(crate) passage: &'a Passage,
    pub(crate) score: f64,
}

/// The passages that share a term with the query, best first.
pub(crate) fn rank<'a>(query: &str, passages: &'a [Passage]) -> Vec<Hit<'a>> {
    let wanted = terms(query).into_iter().collect::<BTreeSet<_>>();
    let counted = passages.iter().map(count).collect::<Vec<_>>();
    let total = counted.iter().map(|(_, length)| length).sum::<f64>();
    let average = (total / to_float(passages.len().max(1))).max(1.0);
    let rarity = wanted
        .iter()
        .map(|term| {
            let holders = counted.iter().filter(|(counts, _)| counts.contains_key(term)).count();
            let (all, holders) = (to_float(passages.len()), to_float(holders));
            (term, ((all - holders + 0.5) / (holders + 0.5)).ln_1p())
        })
        .collect::<Vec<_>>();
    let mut hits = passages
        .iter()
        .zip(&counted)
        .enumerate()
        .filter_map(|(place, (passage, (counts, length)))| {
            let found = |term: &String| counts.get(term).copied().unwrap_or(0.0);
            let matched = wanted.iter().filter(|term| found(term) > 0.0).count();
            let sum = rarity.iter().map(|(term, idf)| {
                let tf = found(term);
                idf * tf * (K1 + 1.0) / (tf + K1 * (1.0 - B + B * length / average))
            });
            let coverage = f64::midpoint(1.0, to_float(matched) / to_float(wanted.len().max(1)));
            let kind = if passage.prose { 1.0 } else { NOT_PROSE };
            let said = if passage_says(passage, &wanted) { 1.0 } else { HEADING_ONLY };
            let before = place.checked_sub(1).map(|place| &passages[place]);
            let opens = before.is_none_or(|before| before.heading != passage.heading);
            let opening = if opens { OPENING } else { 1.0 };
            let score = sum.sum::<f64>() * coverage * kind * said * opening;
            (matched > 0).then_some(Hit { passage, score })
        })
        .collect::<Vec<_>>();
    let mut by_file = HashMap::<&str, Vec<f64>>::new();
    for hit in &hits {
        by_file.entry(&hit.passage.file).or_default().push(hit.score);
    }
    for scores in by_file.values_mut() {
        scores.sort_by(|a, b| b.total_cmp(a));
    }
    for hit in &mut hits {
        let best = by_file[hit.passage.file.as_str()].iter().take(TOPIC).sum::<f64>();
        hit.score += BY_TOPIC * best / to_float(TOPIC);
    }
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    hits
}

/// The sentences of a passage that answer the query best, verbatim, on one line.
pub(crate) fn quotation(query: &str, passage: &str) -> String {
    let line = one_line(passage);
    if line.len() <= QUOTE_BYTES {
        return line;
    }
    let wanted = terms(query);
    let sentences = sentences(&line);
    let worth =
        |sentence: &&str| terms(sentence).iter().filter(|term| wanted.contains(term)).count();
    let windows = (0..sentences.len()).map(|first| {
        let mut bytes = 0;
        let fits = |s: &&&str| {
            bytes += s.len() + 1;
            bytes <= QUOTE_BYTES
        };
        let size = sentences[first..].iter().take_while(fits).count().max(1);
        &sentences[first..first + size]
    });
    // The first of equal ones, because a passage begins with its topic.
    let best = windows.rev().max_by_key(|window| window.iter().map(worth).sum::<usize>());
    best.map_or_else(|| line.clone(), |window| window.join(" "))
}

/// Whether the passage's own text, not only its heading, has one of the terms.
fn passage_says(passage: &Passage, wanted: &BTreeSet<String>) -> bool {
    said(passage).iter().any(|term| wanted.contains(term))
}

/// The terms of a passage's own words, without link targets.
fn said(passage: &Passage) -> Vec<String> {
    let mut words = String::new();
    let mut rest = passage.text.as_str();
    while let Some((before, link)) = rest.split_once('[') {
        words.push_str(before);
        let target = link.split_once("](").and_then(|(text, target)| {
            let whole = !text.contains(['[', ']', '\n']);
            whole.then(|| target.split_once(')')).flatten()
        });
        rest = target.map_or(link, |(_, after)| after);
    }
    words.push_str(rest);
    terms(&words)
}

/// Weighted terms of a passage, and its length in terms.
fn count(passage: &Passage) -> (HashMap<String, f64>, f64) {
    let mut counts = HashMap::new();
    let text = said(passage);
    let length = to_float(text.len());
    for term in text {
        *counts.entry(term).or_insert(0.0) += 1.0;
    }
    for term in terms(&passage.heading).into_iter().collect::<BTreeSet<_>>() {
        *counts.entry(term).or_insert(0.0) += HEADING;
    }
    (counts, length)
}

#[expect(clippy::cast_precision_loss, reason = "counts of words, far below 2^52")]
fn to_float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passages::cut_up;

    const PAGE: &str = "# Breaker\n\nIt guards a provider.\n\n## Recovery\n\n\
        After the timeout it lets a probe through.\n\n## Other\n\nThe breaker is named.\n";

    #[test]
    fn heading_counts_for_the_text_below_it() {
        let passages = cut_up("a.md", PAGE, 1);
        let hits = rank("How does the breaker recover?", &passages);
        assert_eq!(hits[0].passage.line, 7);
        assert!(hits.windows(2).all(|two| two[0].score >= two[1].score));
    }

    #[test]
    fn passage_without_a_term_of_the_question_is_no_hit() {
        assert!(rank("banana bread", &cut_up("a.md", PAGE, 1)).is_empty());
        assert!(rank("", &cut_up("a.md", PAGE, 1)).is_empty());
    }

    #[test]
    fn link_does_not_count_for_its_target_page() {
        let page = "# Breaker\n\nMore: [how it recovers](recovery.md).\n\n\
            It [recovers][1] after a wait.\n";
        let passages = cut_up("a.md", page, 1);
        let hits = rank("How does it recover?", &passages);
        assert_eq!(hits.iter().map(|hit| hit.passage.line).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn long_passage_is_quoted_at_its_best_part() {
        let filler = "Nothing of interest is said in this sentence at all. ".repeat(12);
        let text = format!("{filler}The probe closes the breaker again. {filler}");
        let quote = quotation("When is the breaker closed?", &text);
        assert!(quote.contains("The probe closes the breaker again."), "{quote}");
        assert!(quote.len() <= QUOTE_BYTES && one_line(&text).contains(&quote));
    }
}
