//! What the clients of a store did, and whether a store that keeps its promises can have answered so.
//!
//! ```text
//!   client 1   ──acquire──taken 3──append──────done──────────────▶
//!   client 2   ──────────────append──refused──────acquire──(killed)
//! ```
//!
//! A call has a line before it begins and one after its end, and the order of lines is that of time. A call without
//! an end may have been made, once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A line of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The client and the number of its call.
    pub(crate) call: (u32, u32),
    pub(crate) event: Event,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Event {
    Acquire {
        thread: String,
    },
    Append {
        thread: String,
        fence: u64,
        head: u64,
        approval: Option<String>,
    },
    Decide {
        approval: String,
        yes: bool,
    },
    /// The end of an `Acquire` that has the thread.
    Taken {
        fence: u64,
    },
    /// The end of another call that was made.
    Done,
    /// The end of a call that was certainly not made.
    Refused,
    /// The end of a client that was not killed.
    Finished,
}

/// An entry that the store has in the end. It was written by this call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) seq: u64,
    pub(crate) fence: u64,
    pub(crate) call: (u32, u32),
}

/// What the store has in the end.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The entries of each thread, in the order in which they are read.
    pub(crate) threads: BTreeMap<String, Vec<Kept>>,
    /// The numbers of the entries that used approvals.
    pub(crate) used: BTreeMap<String, u64>,
}

/// The promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Promise {
    /// One client writes under a fence, and none under an earlier one.
    OneWriter,
    /// The entries of a thread have one order, which is that of time; none is lost, none is there twice.
    TotalOrder,
    /// An approval that was given is used at most once.
    UsedOnce,
}

/// An append, with the places of its lines.
struct Append<'a> {
    call: (u32, u32),
    thread: &'a str,
    fence: u64,
    head: u64,
    approval: Option<&'a str>,
    began: usize,
    end: Option<(usize, &'a Event)>,
}

/// Finds what breaks a promise.
pub(crate) fn broken(lines: &[Line], facts: &Facts) -> Vec<(Promise, String)> {
    let mut ends = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        if matches!(line.event, Event::Taken { .. } | Event::Done | Event::Refused) {
            ends.insert(line.call, (at, &line.event));
        }
    }
    let appends = lines.iter().enumerate().filter_map(|(began, line)| match &line.event {
        Event::Append { thread, fence, head, approval } => Some(Append {
            call: line.call,
            thread,
            fence: *fence,
            head: *head,
            approval: approval.as_deref(),
            began,
            end: ends.get(&line.call).copied(),
        }),
        _ => None,
    });
    let appends: Vec<_> = appends.collect();
    let mut found = Vec::new();
    writers(lines, &ends, (&appends, facts), &mut found);
    order(&appends, facts, &mut found);
    approvals(lines, &ends, (&appends, facts), &mut found);
    found
}

type Ends<'a> = BTreeMap<(u32, u32), (usize, &'a Event)>;
type Found = Vec<(Promise, String)>;

fn writers(
    lines: &[Line],
    ends: &Ends<'_>,
    (appends, facts): (&[Append<'_>], &Facts),
    found: &mut Found,
) {
    // The client that has taken each fence of each thread, and when it knew.
    let mut taken = BTreeMap::new();
    for line in lines {
        let Event::Acquire { thread } = &line.event else { continue };
        if let Some((at, Event::Taken { fence })) = ends.get(&line.call) {
            let other = taken.insert((&**thread, *fence), (line.call.0, *at));
            if let Some((other, _)) = other {
                let what = format!("{thread}: {other} and {} both took fence {fence}", line.call.0);
                found.push((Promise::OneWriter, what));
            }
        }
    }
    for append in appends {
        let Append { call, thread, fence, began, .. } = append;
        let kept =
            facts.threads.get(*thread).and_then(|kept| kept.iter().find(|it| it.call == *call));
        let Some(kept) = kept else { continue };
        let writer = taken.get(&(*thread, kept.fence)).map(|taken| taken.0);
        if kept.fence != *fence || writer.is_some_and(|writer| writer != call.0) {
            let what =
                format!("{thread}: {call:?} wrote under fence {}, and had {fence}", kept.fence);
            found.push((Promise::OneWriter, what));
        }
        let mut later = taken.range((*thread, fence + 1)..=(*thread, u64::MAX));
        if let Some(((_, later), _)) = later.find(|(_, (_, known))| known < began) {
            let what =
                format!("{thread}: {call:?} wrote under fence {fence} after {later} was taken");
            found.push((Promise::OneWriter, what));
        }
    }
    for (thread, kept) in &facts.threads {
        if let Some(pair) = kept.windows(2).find(|pair| pair[0].fence > pair[1].fence) {
            found.push((Promise::OneWriter, format!("{thread}: a fence goes back: {pair:?}")));
        }
    }
}

fn order(appends: &[Append<'_>], facts: &Facts, found: &mut Found) {
    let mut wrong = |what: String| found.push((Promise::TotalOrder, what));
    let mut known = BTreeMap::new();
    for (thread, kept) in &facts.threads {
        for (seq, kept) in (1..).zip(kept) {
            if kept.seq != seq {
                wrong(format!("{thread}: entry {} is at the place of {seq}", kept.seq));
            }
            if known.insert(kept.call, (thread, kept.seq)).is_some() {
                wrong(format!("{thread}: {:?} is there twice", kept.call));
            }
        }
    }
    // The entries that are certain to be there, by the end of their appends.
    let mut done = BTreeMap::<_, Vec<(usize, u64)>>::new();
    for append in appends {
        let Append { call, thread, head, began, end, .. } = append;
        let kept = known.remove(call);
        match (kept, end) {
            (None, Some((_, Event::Done))) => {
                wrong(format!("{thread}: {call:?} was acknowledged, and is lost"));
            }
            (Some(_), Some((_, Event::Refused))) => {
                wrong(format!("{thread}: {call:?} was refused, and is there"));
            }
            (Some((at, seq)), _) if at != thread || seq != head + 1 => {
                wrong(format!("{thread}: {call:?} follows {head}, and is entry {seq} of {at}"));
            }
            (Some((_, seq)), end) => {
                // Appends are in the order of their beginnings, so these ones may have ended before.
                let before = done.entry(*thread).or_default();
                if let Some((_, later)) =
                    before.iter().find(|(ended, at)| ended < began && *at > seq)
                {
                    wrong(format!(
                        "{thread}: {call:?} began after {later} was written, and is {seq}"
                    ));
                }
                before.extend(end.map(|(ended, _)| (ended, seq)));
            }
            (None, _) => {}
        }
    }
    for (call, (thread, seq)) in known {
        wrong(format!("{thread}: nobody wrote entry {seq} ({call:?})"));
    }
}

fn approvals(
    lines: &[Line],
    ends: &Ends<'_>,
    (appends, facts): (&[Append<'_>], &Facts),
    found: &mut Found,
) {
    let mut wrong = |what: String| found.push((Promise::UsedOnce, what));
    // Who may have said yes, from when on; and what was said for certain.
    let (mut yes, mut said) = (BTreeMap::new(), BTreeMap::<&str, Vec<bool>>::new());
    for (at, line) in lines.iter().enumerate() {
        let Event::Decide { approval, yes: is_yes } = &line.event else { continue };
        let end = ends.get(&line.call).map(|(_, end)| *end);
        if *is_yes && end != Some(&Event::Refused) {
            yes.entry(&**approval).or_insert(at);
        }
        if end == Some(&Event::Done) {
            said.entry(approval).or_default().push(*is_yes);
        }
    }
    for (approval, said) in &said {
        if said.len() > 1 {
            wrong(format!("{approval} was decided {} times", said.len()));
        }
    }
    let mut uses = BTreeMap::<&str, Vec<u64>>::new();
    let kept: BTreeMap<_, _> =
        facts.threads.values().flatten().map(|kept| (kept.call, kept.seq)).collect();
    for append in appends {
        let (Some(approval), Some(seq)) = (append.approval, kept.get(&append.call)) else {
            continue;
        };
        uses.entry(approval).or_default().push(*seq);
        let ended = append.end.map_or(usize::MAX, |(at, _)| at);
        let given = yes.get(approval).is_some_and(|given| *given < ended);
        if !given || said.get(approval).is_some_and(|said| said.contains(&false)) {
            wrong(format!("{approval} was used by {:?}, and was not given", append.call));
        }
    }
    let all: BTreeSet<_> = uses.keys().copied().chain(facts.used.keys().map(|it| &**it)).collect();
    for approval in all {
        let uses = uses.get(approval).map(Vec::as_slice).unwrap_or_default();
        let said = facts.used.get(approval).copied();
        if uses.len() > 1 || uses.first().copied() != said {
            wrong(format!("{approval} says that entry {said:?} used it, and it was {uses:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(call: (u32, u32), event: Event) -> Line {
        Line { call, event }
    }

    fn acquire(call: (u32, u32), fence: u64) -> [Line; 2] {
        let thread = "t".to_owned();
        [line(call, Event::Acquire { thread }), line(call, Event::Taken { fence })]
    }

    fn append(call: (u32, u32), (fence, head): (u64, u64), approval: Option<&str>) -> Line {
        let (thread, approval) = ("t".to_owned(), approval.map(str::to_owned));
        line(call, Event::Append { thread, fence, head, approval })
    }

    fn decide(call: (u32, u32), yes: bool) -> [Line; 2] {
        [line(call, Event::Decide { approval: "a".into(), yes }), line(call, Event::Done)]
    }

    fn facts(kept: &[(u64, u64, (u32, u32))], used: Option<u64>) -> Facts {
        let kept = kept.iter().map(|&(seq, fence, call)| Kept { seq, fence, call });
        Facts {
            threads: [("t".to_owned(), kept.collect())].into(),
            used: used.map(|seq| ("a".to_owned(), seq)).into_iter().collect(),
        }
    }

    /// Client 1 writes an entry and one that it does not know of, client 2 takes over and uses an approval.
    fn good() -> (Vec<Line>, Facts) {
        let mut lines = Vec::from(acquire((1, 1), 1));
        lines.extend(decide((2, 1), true));
        lines.extend([append((1, 2), (1, 0), None), line((1, 2), Event::Done)]);
        lines.push(append((1, 3), (1, 1), None));
        lines.extend(acquire((2, 2), 2));
        lines.extend([append((2, 3), (2, 2), Some("a")), line((2, 3), Event::Done)]);
        lines.extend([append((1, 4), (1, 2), Some("a")), line((1, 4), Event::Refused)]);
        (lines, facts(&[(1, 1, (1, 2)), (2, 1, (1, 3)), (3, 2, (2, 3))], Some(3)))
    }

    fn promises(lines: &[Line], facts: &Facts) -> Vec<Promise> {
        let found: BTreeSet<_> = broken(lines, facts).into_iter().map(|it| it.0).collect();
        found.into_iter().collect()
    }

    #[test]
    fn a_good_history_breaks_nothing() {
        let (lines, facts) = good();
        assert_eq!(broken(&lines, &facts), []);
    }

    #[test]
    fn a_fence_that_two_have_or_that_is_over_is_found() {
        let (mut lines, kept) = good();
        lines.extend(acquire((3, 1), 2));
        assert_eq!(promises(&lines, &kept), [Promise::OneWriter]);

        // Under the fence of the other.
        let (lines, _) = good();
        let kept = facts(&[(1, 2, (1, 2)), (2, 2, (1, 3)), (3, 2, (2, 3))], Some(3));
        assert_eq!(promises(&lines, &kept), [Promise::OneWriter]);

        // After the other had the thread: nothing else is wrong with it.
        let (mut lines, _) = good();
        lines.truncate(lines.len() - 4);
        lines.extend([append((1, 4), (1, 2), None), line((1, 4), Event::Done)]);
        let kept = facts(&[(1, 1, (1, 2)), (2, 1, (1, 3)), (3, 1, (1, 4))], None);
        assert_eq!(promises(&lines, &kept), [Promise::OneWriter]);

        // Before the other, and written after it.
        let (lines, _) = good();
        let kept = facts(&[(1, 1, (1, 2)), (2, 2, (2, 3)), (3, 1, (1, 3))], Some(2));
        assert!(promises(&lines, &kept).contains(&Promise::OneWriter));
    }

    #[test]
    fn what_is_lost_twice_out_of_order_or_from_nowhere_is_found() {
        for kept in [
            &[(1, 1, (1, 2)), (2, 1, (1, 3))][..],
            &[(1, 1, (1, 2)), (3, 2, (2, 3))],
            &[(1, 1, (1, 2)), (2, 1, (1, 3)), (3, 2, (2, 3)), (4, 2, (2, 3))],
            &[(1, 1, (1, 2)), (2, 1, (1, 3)), (3, 2, (2, 3)), (4, 2, (9, 9))],
            &[(1, 1, (1, 3)), (2, 1, (1, 2)), (3, 2, (2, 3))],
        ] {
            let (lines, _) = good();
            let used = kept.iter().find(|kept| kept.2 == (2, 3)).map(|kept| kept.0);
            let found = promises(&lines, &facts(kept, used));
            assert_eq!(
                found.iter().filter(|it| **it == Promise::TotalOrder).count(),
                1,
                "{kept:?}"
            );
        }
        let (mut lines, _) = good();
        let refused = [(1, 1, (1, 2)), (2, 1, (1, 3)), (3, 2, (2, 3)), (4, 1, (1, 4))];
        assert!(promises(&lines, &facts(&refused, Some(3))).contains(&Promise::TotalOrder));
        // An acknowledged entry that follows a later one.
        lines.extend([append((2, 4), (2, 3), None), line((2, 4), Event::Done)]);
        lines.extend([append((2, 5), (2, 3), None), line((2, 5), Event::Done)]);
        let kept = [(1, 1, (1, 2)), (2, 1, (1, 3)), (3, 2, (2, 3)), (4, 2, (2, 5))];
        assert_eq!(promises(&lines, &facts(&kept, Some(3))), [Promise::TotalOrder]);
    }

    #[test]
    fn an_approval_that_is_used_twice_or_was_not_given_is_found() {
        let (mut lines, _) = good();
        lines.extend([append((2, 4), (2, 3), Some("a")), line((2, 4), Event::Done)]);
        let kept = [(1, 1, (1, 2)), (2, 1, (1, 3)), (3, 2, (2, 3)), (4, 2, (2, 4))];
        assert_eq!(promises(&lines, &facts(&kept, Some(3))), [Promise::UsedOnce]);

        let (lines, kept) = good();
        let without: Vec<_> = lines.iter().filter(|line| line.call != (2, 1)).cloned().collect();
        assert_eq!(promises(&without, &kept), [Promise::UsedOnce]);
        let mut denied = without;
        denied.splice(0..0, decide((2, 1), false));
        assert_eq!(promises(&denied, &kept), [Promise::UsedOnce]);
        let mut twice = lines;
        twice.extend(decide((3, 1), true));
        assert_eq!(promises(&twice, &kept), [Promise::UsedOnce]);
        // It says that it was used, and no entry has used it.
        let (lines, kept) = good();
        let kept = Facts { used: [("a".to_owned(), 2)].into(), ..kept };
        assert_eq!(promises(&lines, &kept), [Promise::UsedOnce]);
    }
}
