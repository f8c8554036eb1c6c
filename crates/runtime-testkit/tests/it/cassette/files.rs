//! Files that cannot be written, and files that two write at once.

use runtime_testkit::cassette::CassetteError;

use super::{BoxError, Case, block_on};

#[test]
fn a_second_recording_of_one_file_at_once_is_refused() {
    let case = Case::new();
    let first = case.record();
    let one = first.blocking().tool("search", "a", || Ok::<_, BoxError>(1));
    assert_eq!(one.unwrap(), 1);
    let second = case.cassette().record();
    assert!(matches!(second, Err(CassetteError::File { .. })), "{second:?}");
    let two = first.blocking().tool("search", "b", || Ok::<_, BoxError>(2));
    assert_eq!(two.unwrap(), 2);
    first.finish().unwrap();
    assert_eq!(case.cassette().recordings().unwrap().len(), 2, "nothing is lost");

    drop(first);
    case.record().finish().unwrap();
    assert!(case.cassette().recordings().unwrap().is_empty(), "in place of what the file had");
}

/// A disk that is full after the head: a pipe that nobody reads any more.
#[cfg(unix)]
#[test]
fn a_recording_that_was_cut_short_stays_so() {
    use std::io::{BufRead as _, BufReader};

    let case = Case::new();
    let made = std::process::Command::new("mkfifo").arg(&case.0).status();
    assert!(made.unwrap().success());
    let path = case.0.clone();
    let reader = std::thread::spawn(move || {
        let mut head = String::new();
        BufReader::new(std::fs::File::open(path).unwrap()).read_line(&mut head).unwrap()
    });
    let tape = case.record();
    assert!(reader.join().unwrap() > 0);

    let call = || async { Ok::<_, BoxError>(7) };
    assert_eq!(block_on(tape.tool("search", "a", call)).unwrap(), 7, "the program goes on");
    for _ in 0..2 {
        // Clones of a tape may each be asked.
        assert!(matches!(tape.finish(), Err(CassetteError::File { .. })));
    }
}

/// The process was killed while it wrote.
#[test]
fn a_torn_line_is_named_by_its_place_in_the_file() {
    let case = Case::new();
    let tape = case.record();
    for number in 0..2 {
        let call = || async move { Ok::<_, BoxError>(number) };
        assert_eq!(block_on(tape.tool("search", &number, call)).unwrap(), number);
    }
    tape.finish().unwrap();
    let text = std::fs::read_to_string(&case.0).unwrap();
    std::fs::write(&case.0, text.trim_end().strip_suffix('}').unwrap()).unwrap();

    let torn = case.cassette().play().unwrap_err().to_string();
    let column = text.lines().last().unwrap().len() - 1;
    let problem = format!("line 3: EOF while parsing an object at column {column}");
    assert!(torn.ends_with(&problem), "{torn}");
}
