//! Tests that need a second process: it is this test binary again, playing one part, and is sent
//! commands line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

const PART: &str = "DRYSTONE_TEST_PART";
const DATABASE: &str = "DRYSTONE_TEST_DATABASE";
/// Begins the lines that are meant for the test, so that the test harness can print its own.
const MARK: &str = "\u{2192} ";

/// What a second process does with the database at a path.
pub(crate) type Part = fn(&Path);

const PARTS: [(&str, Part); 23] = [
    ("back_up_until_killed", crate::files::back_up_until_killed),
    ("create_until_killed", crate::files::create_until_killed),
    ("fork_a_worker", crate::files::fork_a_worker),
    ("open_many", crate::files::open_many),
    ("read_in_the_overlay", crate::files::read_in_the_overlay),
    ("spill_elsewhere", crate::files::spill_elsewhere),
    ("commit_transfers", crate::kill::commit_transfers),
    ("commit_until_killed", crate::recovery::commit_until_killed),
    ("fill_the_disk", crate::full_disk::fill_the_disk),
    ("fork_while_opening", crate::processes::fork_while_opening),
    ("fork_while_writing", crate::processes::fork_while_writing),
    ("hold_an_item", crate::files::hold_an_item),
    ("hold_a_snapshot", crate::processes::hold_a_snapshot),
    ("hold_until_told", crate::sharing::hold_until_told),
    ("open_in_a_forked_child", crate::sharing::open_in_a_forked_child),
    ("measure", crate::footprint::measure),
    ("read_once", crate::sharing::read_once),
    ("read_rows", crate::full_disk::read_rows),
    ("take_part_in_the_soak", crate::soak::take_part),
    ("transfer_when_asked", crate::sharing::transfer_when_asked),
    ("watch_transfers", crate::sharing::watch_transfers),
    ("without_locks", crate::sharing::without_locks),
    ("write_when_asked", crate::processes::write_when_asked),
];

/// A process that plays a part. Killed when dropped.
pub(crate) struct OtherProcess {
    process: Child,
    last: Option<String>,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl OtherProcess {
    /// Starts a process for this part; it is ready when it says so.
    pub(crate) fn start(part: &str, database: &Path) -> OtherProcess {
        OtherProcess::start_with(part, database, |_| {})
    }

    /// Starts one as another user, or with variables in its environment.
    pub(crate) fn start_with(part: &str, database: &Path, change: impl FnOnce(&mut Command)) -> OtherProcess {
        assert!(PARTS.iter().any(|(name, _)| *name == part), "nobody plays {part}");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "child::the_other_process", "--nocapture", "--test-threads=1"])
            .env(PART, part)
            .env(DATABASE, database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        change(&mut command);
        let mut process = command.spawn().unwrap();
        let (to, from) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        OtherProcess { process, last: None, to, from: BufReader::new(from) }
    }

    /// What the process says next.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> String {
        self.hear_any().expect("the other process ended")
    }

    /// What the process says next; `None` if it has ended.
    pub(crate) fn hear_any(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.from.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(said) = line.strip_prefix(MARK) {
                self.last = Some(said.trim_end().to_owned());
                return self.last.clone();
            }
        }
    }

    /// Tells the process to go on, and what with.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.to, "{line}").unwrap();
    }

    /// Sends a line and returns the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.hear()
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends it a signal: to stand still, to go on.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([format!("-{signal}"), self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Ends the process the hard way, as a crash would. Returns its last line.
    pub(crate) fn kill(mut self) -> Option<String> {
        self.process.kill().unwrap();
        while self.hear_any().is_some() {}
        self.process.wait().unwrap();
        self.last.take()
    }

    /// How the process has ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().unwrap()
    }

    /// Kills the process, and waits for it and for its forked children. Returns whether the signal
    /// ended it, or it had ended before.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.process.kill().unwrap();
        while self.hear_any().is_some() {}
        self.process.wait().unwrap()
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In the other process: says a line to the test.
pub(crate) fn say(line: &str) {
    // The harness has written the start of a line.
    let mut out = std::io::stdout().lock();
    write!(out, "\n{MARK}{line}\n").and_then(|()| out.flush()).unwrap();
}

/// In the other process: what the test says next; `None` when it has nothing more to say.
pub(crate) fn listen() -> Option<String> {
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(1..) => Some(line.trim_end().to_owned()),
        _ => None,
    }
}

/// Not a test of its own: what [`OtherProcess::start`] runs.
#[test]
fn the_other_process() {
    let Ok(wanted) = std::env::var(PART) else { return };
    let database = PathBuf::from(std::env::var_os(DATABASE).unwrap());
    let (_, part) = PARTS.iter().find(|(name, _)| *name == wanted).unwrap();
    part(&database);
}
