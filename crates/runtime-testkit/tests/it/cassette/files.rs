//! Files that two write at once.

use runtime_testkit::cassette::CassetteError;

use super::{BoxError, Case};

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
