//! Looks for a case that fails, and makes it smaller.

use super::case::Case;
use super::run::{Broken, Ran, Simulation};

/// Runs a scenario with each of these seeds. The first one that fails is made smaller: with fewer tasks and fewer
/// faults, as long as it still fails.
///
/// Returns the number of simulations that came to their end.
///
/// # Errors
///
/// The smallest failing case of the first failing seed.
pub fn simulate(
    seeds: impl IntoIterator<Item = u64>,
    scenario: impl Fn(Simulation) -> Result<Ran, Box<Broken>>,
) -> Result<u64, Box<Broken>> {
    let mut ran = 0;
    for seed in seeds {
        match scenario(Simulation::new(seed)) {
            Ok(_) => ran += 1,
            Err(broken) => return Err(shrink(broken, scenario)),
        }
    }
    Ok(ran)
}

/// Leaves out what can be left out so that the case still fails, and for a reason of the same kind.
///
/// Begins with large parts, so that it takes few runs where little matters.
pub fn shrink(
    mut broken: Box<Broken>,
    scenario: impl Fn(Simulation) -> Result<Ran, Box<Broken>>,
) -> Box<Broken> {
    let mut size = broken.parts.len();
    while size > 0 {
        let mut from = 0;
        let mut smaller = false;
        while from < broken.parts.len() {
            let parts = &broken.parts[from..(from + size).min(broken.parts.len())];
            let case =
                parts.iter().fold(broken.case.clone(), |case: Case, part| case.without(&part.name));
            match scenario(Simulation::of(case)) {
                Err(found) if kind(&found.why) == kind(&broken.why) => {
                    broken = found;
                    smaller = true;
                }
                _ => from += size,
            }
        }
        if size == 1 && !smaller {
            break;
        }
        size = if size == 1 { 1 } else { size / 2 };
    }
    broken
}

/// The kind of a reason: its words, without what they are about.
fn kind(why: &str) -> String {
    let words = why.split_once(':').map_or(why, |(words, _)| words);
    words.chars().filter(|letter| letter.is_alphabetic() || *letter == ' ').collect()
}
