//! Reads patterns for model names.

use crate::book::Clause;
use crate::file::node::Node;
use crate::file::skipped::SkipReason;
use crate::file::walk::{Path, Walk};

/// Reads a pattern such as `{"starts_with": "gpt-"}`. An unsupported pattern matches no name and is
/// listed as skipped.
pub(super) fn read(at: Path<'_>, node: &Node<'_>, walk: &mut Walk) -> Clause {
    let Some(entries) = walk.object(at, node, "a name pattern") else { return Clause::Never };
    let [(key, value)] = &entries[..] else {
        walk.refuse(at, "a name pattern must have one key");
        return Clause::Never;
    };
    let here = Path::Key(&at, key);
    match &**key {
        "starts_with" => text(here, value, Clause::StartsWith, walk),
        "ends_with" => text(here, value, Clause::EndsWith, walk),
        "contains" => text(here, value, Clause::Contains, walk),
        "equals" => text(here, value, Clause::Equals, walk),
        "or" => Clause::Any(list(here, value, walk)),
        "and" => Clause::All(list(here, value, walk)),
        _ => {
            walk.skip(at, SkipReason::UnknownClause);
            Clause::Never
        }
    }
}

fn text(
    at: Path<'_>,
    node: &Node<'_>,
    clause: impl FnOnce(Box<str>) -> Clause,
    walk: &mut Walk,
) -> Clause {
    let text = walk.text(at, node, "a part of a name").and_then(|text| walk.name(at, text));
    text.map_or(Clause::Never, clause)
}

fn list(at: Path<'_>, node: &Node<'_>, walk: &mut Walk) -> Vec<Clause> {
    let Some(clauses) = walk.list(at, node, "an array of name patterns") else { return Vec::new() };
    let clauses = clauses.iter().enumerate();
    clauses.map(|(place, clause)| read(Path::Index(&at, place), clause, walk)).collect()
}
