//! An error does not say what its source says: a printed chain would say it twice.
//!
//! This reads the attributes of `thiserror`. What errors written by hand say is tested by
//! `error_chains.rs` of the facade.

use super::{PROJECT, Problem, assert_none, has_extension};

#[test]
fn no_error_says_its_source() {
    let chosen = |path: &str| {
        has_extension(path, "rs") && ["crates/", "examples/"].iter().any(|it| path.starts_with(it))
    };
    assert_none(&PROJECT.problems(chosen, said_twice));
}

#[test]
fn an_error_that_says_its_source_is_found() {
    let lines = |text: &str| said_twice(text).iter().map(|it| it.line).collect::<Vec<_>>();
    let of = |said: &str, fields: &str| format!("#[error({said})]\nstruct E {fields}\n");
    for (said, fields) in [
        ("\"no: {source}\"", "{ source: io::Error }"),
        ("\"no: {source:?}\"", "{\n    pub source: io::Error,\n}"),
        ("\"no: {0}\"", "(#[from] io::Error);"),
        ("\"{0}: {1}\"", "(String, #[source] io::Error);"),
        ("\"no: {why}\"", "{\n    #[source]\n    /// Why.\n    pub(crate) why: io::Error,\n}"),
        ("\"no: {}\", .why", "{ #[from] why: io::Error }"),
        ("\n    \"no: {}\",\n    with(.source)\n", "{ source: io::Error }"),
    ] {
        assert_eq!(lines(&of(said, fields)), [1], "{said} {fields}");
    }
    for (said, fields) in [
        ("transparent", "(#[from] io::Error);"),
        ("\"no\"", "{ source: io::Error }"),
        ("\"no: {cause}\"", "{ cause: io::Error }"),
        ("\"{path}\"", "{ path: String, source: io::Error }"),
        ("\"{0}\"", "(String, #[source] io::Error);"),
        ("\"{at}\"", "{ at: u8 }\n#[error(\"no\")]\nstruct F { source: io::Error }"),
    ] {
        assert_eq!(lines(&of(said, fields)), [], "{said} {fields}");
    }
}

fn said_twice(text: &str) -> Vec<Problem> {
    let starts = text.match_indices("#[error(").map(|(at, start)| (at, at + start.len()));
    let found = starts.filter_map(|(at, inside)| {
        let (said, rest) =
            text[inside..].split_once(")]\n").or_else(|| text[inside..].split_once(")]"))?;
        let fields = rest.split("#[error(").next()?;
        let fields = fields.split("\n}").next()?;
        let source = source_of(fields).filter(|source| says(said, source))?;
        let line = text[..at].lines().count() + 1;
        Some(Problem::new(line, format!("the text has `{source}`, which is the source as well")))
    });
    found.collect()
}

/// The name or the number of the field that is the source.
fn source_of(fields: &str) -> Option<String> {
    let marks = ["#[source]", "#[from]"];
    let marked = marks.iter().filter_map(|mark| Some((fields.find(mark)?, mark.len()))).min();
    let Some((at, length)) = marked else {
        let mut names = fields.split(['{', ',', '\n', ' ']);
        return names.any(|name| name == "source:").then(|| "source".to_owned());
    };
    let after = fields[at + length..].lines().map(str::trim);
    let field = after.filter(|line| !line.starts_with("//")).collect::<String>();
    let field = field.replace("pub(crate) ", "");
    let name = field.split([':', ',', ')', '}']).next()?.split(' ').next_back()?;
    if field.split_once(':').is_some_and(|(_, rest)| rest.starts_with(' ')) {
        return Some(name.to_owned());
    }
    Some(fields[..at].matches(',').count().to_string())
}

/// Whether a text, or what it is formatted with, has a field.
fn says(said: &str, field: &str) -> bool {
    let (text, with) = said.rsplit_once('"').unwrap_or((said, ""));
    [format!("{{{field}}}"), format!("{{{field}:")].iter().any(|it| text.contains(it))
        || with.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == field)
}
