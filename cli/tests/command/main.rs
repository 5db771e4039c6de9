//! Tests of the `drystone` command, run as a process. Each file tests some commands.

mod altering;
mod changing;
mod checking;
mod exchanging;
mod flights;
mod keeping;
mod loading;
mod making;
mod mcp;
mod naming;
mod plotting;
mod querying;
mod reading;
mod rows;
mod sharding;
mod sharing;
mod shell;
mod targets;
mod ten_files;
mod unreadable;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A temporary folder per test, in which the command runs.
struct Folder(tempfile::TempDir);

/// The result of a run of the command.
#[derive(Debug)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Folder {
        std::fs::write(self.path(name), bytes).unwrap();
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drystone"));
        command.args(arguments).current_dir(self.0.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Runs the command with this on standard input.
    fn run_with(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that needs no input may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_ref());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().expect("not killed by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs the command, which must succeed and print nothing to standard error. Returns its
    /// standard output.
    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{arguments:?}: {ran:?}");
        ran.stdout
    }

    /// Runs the command, which must end with this exit code and print no results. Returns its
    /// standard error.
    #[track_caller]
    fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, &*ran.stdout), (code, ""), "{arguments:?}: {ran:?}");
        assert!(
            !ran.stderr.contains(['\r', '\u{1b}']),
            "a progress bar without a terminal: {:?}",
            ran.stderr
        );
        ran.stderr
    }
}
