//! One helpdesk of `tests/interop/` in each run of the tests: Roundup, which needs nothing but Python and PyPI. Where it can't
//! be had, the test fails and says why; it never passes without a play.

use std::process::Command;

#[test]
fn a_ticket_is_played_with_a_real_roundup() {
    let play = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/play.py");
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-B", play, "--program", env!("CARGO_BIN_EXE_ggus-gateway"), "roundup"]);
    let done = command.output().unwrap_or_else(|error| panic!("/usr/bin/python3: {error}; tests/run installs it"));
    let [said, complained] = [&done.stdout, &done.stderr].map(|output| String::from_utf8_lossy(output));
    let is_played = done.status.success() && said.contains("1 passed, 0 failed, 0 skipped");
    assert!(is_played, "{said}{complained}");
}
