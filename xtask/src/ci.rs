//! `cargo xtask ci`: every check, the cheapest first.

mod steps;

use std::time::{Duration, Instant};

use crate::Error;
use crate::counts::Counts;
use crate::table;
use steps::STEPS;
pub(crate) use steps::crates_apart;

/// A named check.
struct Step {
    name: &'static str,
    run: fn(&mut Counts) -> Result<Note, Error>,
}

/// The note of a step that did not fail.
enum Note {
    Passed(String),
    Skipped(String),
}

/// The end of a step.
struct Ended {
    name: &'static str,
    took: Duration,
    result: Result<Note, Error>,
}

/// `cargo xtask ci [--keep-going] [STEP…]`
pub(crate) fn run(rest: &[String]) -> Result<(), Error> {
    let (keep_going, chosen) = arguments(rest)?;
    let mut counts = Counts::default();
    let mut ended: Vec<Ended> = Vec::new();
    for (number, step) in chosen.iter().enumerate() {
        println!("\n==> {} ({} of {})", step.name, number + 1, chosen.len());
        let start = now();
        let result = (step.run)(&mut counts);
        let took = now() - start;
        match &result {
            Ok(Note::Skipped(why)) => println!("skipped: {why}"),
            Ok(Note::Passed(_)) => {}
            Err(error) => println!("{}", failure(step.name, error)),
        }
        let failed = result.is_err();
        ended.push(Ended { name: step.name, took, result });
        if failed && !keep_going {
            break;
        }
    }
    report(&ended, &chosen, counts)
}

/// The names of the steps, in order.
pub(crate) fn step_names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}

fn arguments(rest: &[String]) -> Result<(bool, Vec<&'static Step>), Error> {
    let mut keep_going = false;
    let mut named = Vec::new();
    for argument in rest {
        if argument == "--keep-going" {
            keep_going = true;
        } else if argument.starts_with('-') {
            return Err(Error::unknown_flag("ci", argument));
        } else if step_names().contains(&argument.as_str()) {
            named.push(argument.as_str());
        } else {
            let steps = step_names().join(", ");
            return Err(Error::Usage(format!("`ci` has no step `{argument}` ({steps})")));
        }
    }
    let chosen = STEPS.iter().filter(|step| named.is_empty() || named.contains(&step.name));
    Ok((keep_going, chosen.collect()))
}

/// Prints the table of steps, the failures, and a last line for programs.
fn report(ended: &[Ended], chosen: &[&Step], counts: Counts) -> Result<(), Error> {
    let mut rows = vec![["step", "seconds", "result"].map(str::to_owned)];
    for Ended { name, took, result } in ended {
        let result = match result {
            Ok(Note::Passed(note)) if note.is_empty() => "ok".to_owned(),
            Ok(Note::Passed(note)) => format!("ok: {note}"),
            Ok(Note::Skipped(why)) => format!("skipped: {why}"),
            Err(_) => "FAILED".to_owned(),
        };
        rows.push([(*name).to_owned(), seconds(*took), result]);
    }
    for step in &chosen[ended.len()..] {
        rows.push([step.name.to_owned(), String::new(), "not run".to_owned()]);
    }
    let total = ended.iter().map(|step| step.took).sum();
    rows.push(["total".to_owned(), seconds(total), String::new()]);
    print!("\n{}", table::render(&rows, &[1]));

    let mut failed = Vec::new();
    for Ended { name, result, .. } in ended {
        if let Err(error) = result {
            println!("\n{}", failure(name, error));
            failed.push(format!("`{name}`"));
        }
    }
    println!("\n{} passed, {} failed", counts.passed, counts.failed);
    match failed.as_slice() {
        [] => Ok(()),
        [one] => Err(Error::Failed(format!("step {one} failed"))),
        many => Err(Error::Failed(format!("steps {} failed", many.join(", ")))),
    }
}

/// The failure of a step, and the command that repeats it.
fn failure(step: &str, error: &Error) -> String {
    match error {
        Error::Command { command, why } => {
            format!("step `{step}` failed: {why}; to repeat it:\n    {command}")
        }
        Error::Failed(why) | Error::Usage(why) => {
            format!("step `{step}` failed: {why}; to repeat it:\n    cargo xtask ci {step}")
        }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1}", took.as_secs_f64())
}

#[expect(clippy::disallowed_methods, reason = "xtask measures real commands in real time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(words: &[&str]) -> Result<(bool, Vec<&'static str>), String> {
        let rest: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        match arguments(&rest) {
            Ok((keep_going, steps)) => {
                Ok((keep_going, steps.iter().map(|step| step.name).collect()))
            }
            Err(error) => Err(format!("{error:?}")),
        }
    }

    #[test]
    fn without_names_every_step_is_run() {
        assert_eq!(chosen(&[]), Ok((false, step_names())));
    }

    #[test]
    fn named_steps_run_in_their_own_order() {
        let result = chosen(&["tests", "--keep-going", "format"]);
        assert_eq!(result, Ok((true, vec!["format", "tests"])));
    }

    #[test]
    fn an_unknown_step_or_flag_is_named() {
        assert!(chosen(&["tets"]).unwrap_err().contains("`tets`"));
        assert!(chosen(&["--fast"]).unwrap_err().contains("`--fast`"));
    }

    #[test]
    fn a_failed_command_is_shown_as_it_can_be_repeated() {
        let error = Error::Command {
            command: "cargo fmt --check".to_owned(),
            why: "exit status: 1".to_owned(),
        };
        let text = failure("format", &error);
        assert!(text.contains("step `format` failed") && text.ends_with("    cargo fmt --check"));
    }
}
