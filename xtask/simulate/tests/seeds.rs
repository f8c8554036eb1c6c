//! Some thousand seeds, as `cargo xtask ci` runs them: a test, so that the library is built once for all steps.

use std::process::Command;

#[test]
#[ignore = "half a minute: `cargo xtask ci simulate`"]
fn the_library_keeps_its_promises_in_three_thousand_simulations() {
    let simulate = Command::new(env!("CARGO_BIN_EXE_simulate")).args(["--seeds", "3000"]).status();
    assert!(simulate.is_ok_and(|status| status.success()));
}
