//! Short ids that tell sessions of one name apart.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::parts::Session;

/// So many characters of an id are enough, if they differ.
const LENGTHS: [usize; 3] = [4, 6, 8];

/// Gives each session whose name another one has, too, the short form of its id.
pub(super) fn tell_apart(sessions: &mut [Session]) {
    let mut named: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
    for (number, session) in sessions.iter().enumerate() {
        named.entry(Arc::from(session.name())).or_default().push(number);
    }
    for alike in named.into_values().filter(|alike| alike.len() > 1) {
        let ids: Vec<Arc<str>> =
            alike.iter().map(|session| sessions[*session].id.clone().unwrap_or_default()).collect();
        // Ids that begin with the time differ at their ends.
        let forms = LENGTHS.into_iter().flat_map(|length| [(start as Form, length), (end, length)]);
        let is_distinct = |(form, length): &(Form, usize)| {
            let distinct: HashSet<&str> = ids.iter().map(|id| form(id, *length)).collect();
            distinct.len() == ids.len()
        };
        let form = forms.into_iter().find(is_distinct);
        for (session, id) in alike.into_iter().zip(&ids) {
            sessions[session].short =
                Some(form.map_or_else(|| Arc::clone(id), |(form, length)| form(id, length).into()));
        }
    }
}

type Form = fn(&str, usize) -> &str;

fn start(id: &str, length: usize) -> &str {
    id.char_indices().nth(length).map_or(id, |(end, _)| &id[..end])
}

fn end(id: &str, length: usize) -> &str {
    id.char_indices().rev().nth(length - 1).map_or(id, |(start, _)| &id[start..])
}
