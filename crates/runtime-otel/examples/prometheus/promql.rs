//! What a query of Prometheus asks for: metrics and labels. Enough of the language for ours.

use std::iter::Peekable;
use std::str::Chars;

/// What a query asks for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Query {
    pub(crate) metrics: Vec<Metric>,
    /// The labels that it groups by.
    pub(crate) by: Vec<String>,
}

/// A metric, and its conditions: a label, and the value that it has to have, if it has to have one.
#[derive(Debug, PartialEq)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, Option<String>)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Sign(char),
}

impl Query {
    pub(crate) fn read(text: &str) -> Self {
        let (mut query, mut rest) = (Self::default(), &*tokens(text));
        while let [token, after @ ..] = rest {
            rest = after;
            let Token::Name(name) = token else { continue };
            match (&**name, after) {
                ("by" | "on" | "without" | "ignoring", [Token::Sign('('), list @ ..]) => {
                    let end = list.iter().position(|it| *it == Token::Sign(')'));
                    let end = end.unwrap_or_else(|| panic!("a list without an end: {text}"));
                    query.by.extend(list[..end].iter().filter_map(Token::name));
                    rest = &list[end..];
                }
                ("or" | "and" | "unless" | "bool", _) | (_, [Token::Sign('('), ..]) => {}
                // An aggregation.
                (_, [Token::Name(next), ..]) if ["by", "without"].contains(&&**next) => {}
                (_, [Token::Sign('{'), list @ ..]) => {
                    let end = list.iter().position(|it| *it == Token::Sign('}'));
                    let end = end.unwrap_or_else(|| panic!("conditions without an end: {text}"));
                    query
                        .metrics
                        .push(Metric { name: name.clone(), labels: conditions(&list[..end]) });
                    rest = &list[end..];
                }
                _ => query.metrics.push(Metric { name: name.clone(), labels: Vec::new() }),
            }
        }
        query
    }
}

impl Token {
    fn name(&self) -> Option<String> {
        if let Self::Name(name) = self { Some(name.clone()) } else { None }
    }
}

fn conditions(tokens: &[Token]) -> Vec<(String, Option<String>)> {
    tokens
        .split(|token| *token == Token::Sign(','))
        .filter_map(|condition| {
            let value = match condition {
                [_, Token::Sign('='), Token::Text(value)] => Some(value.clone()),
                _ => None,
            };
            Some((condition.first()?.name()?, value))
        })
        .collect()
}

fn tokens(text: &str) -> Vec<Token> {
    let (mut found, mut chars) = (Vec::new(), text.chars().peekable());
    while let Some(next) = chars.peek().copied() {
        if next.is_ascii_alphabetic() || next == '_' {
            found.push(Token::Name(taken(&mut chars, |it| {
                it.is_ascii_alphanumeric() || "_:".contains(it)
            })));
            continue;
        }
        chars.next();
        match next {
            '"' => {
                found.push(Token::Text(taken(&mut chars, |it| it != '"')));
                chars.next();
            }
            // How far back.
            '[' => drop(taken(&mut chars, |it| it != ']')),
            '0'..='9' => drop(taken(&mut chars, |it| it.is_ascii_alphanumeric() || it == '.')),
            blank if blank.is_whitespace() => {}
            sign => found.push(Token::Sign(sign)),
        }
    }
    found
}

fn taken(chars: &mut Peekable<Chars<'_>>, goes_on: impl Fn(char) -> bool) -> String {
    let mut taken = String::new();
    while let Some(next) = chars.next_if(|next| goes_on(*next)) {
        taken.push(next);
    }
    taken
}

#[test]
fn a_query_is_read() {
    let query = r#"histogram_quantile(0.5, sum by (le, a) (rate(m_bucket{b="x", c!="y"}[5m]))) / n or sum(o) > 0.2"#;
    let metric = |name: &str, labels: &[(&str, Option<&str>)]| Metric {
        name: name.to_owned(),
        labels: labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned)))
            .collect(),
    };
    let expected = Query {
        metrics: vec![
            metric("m_bucket", &[("b", Some("x")), ("c", None)]),
            metric("n", &[]),
            metric("o", &[]),
        ],
        by: vec!["le".to_owned(), "a".to_owned()],
    };
    assert_eq!(Query::read(query), expected);
}
