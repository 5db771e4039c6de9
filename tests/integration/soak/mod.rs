//! A soak of real processes: they write, hold snapshots, load, compact and fork, and are killed at
//! any moment.
//!
//! A long one:
//! `DRYSTONE_SOAK_MINUTES=30 cargo test --release --test integration soak:: -- --nocapture`.
//!
//! The content of the database after each commit follows from the number of the commit. So every
//! snapshot is compared with the expected content when it is taken, and with itself when it is
//! released.

mod contents;
mod process;

use std::collections::HashSet;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use drystone::OpenOptions;

use self::contents::{Contents, fingerprint};
pub(crate) use self::process::take_part;
use self::process::{Report, Reports, Role, task};
use crate::child::OtherProcess;
use crate::random::Random;
use crate::temp::{self, TempDb, assert_sound};

const PROCESSES: usize = 4;
/// A process that does not end so long after its time hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// The number of the signal that kills.
const KILL: i32 = 9;

/// A process, and when it is killed, or must have ended.
struct Player {
    process: OtherProcess,
    until: Instant,
    is_killed: bool,
    what: String,
}

impl Player {
    fn start(temp: &TempDb, numbers: &mut Random, place: usize, left: Duration) -> Player {
        // Two places always write.
        let role = match place {
            0 | 1 => [Role::Write, Role::Write, Role::Fork, Role::Sync][numbers.below(4)],
            _ => Role::ALL[numbers.below(Role::ALL.len())],
        };
        let (seed, life) = (numbers.next(), 20 + numbers.next() % 900);
        let is_killed = !numbers.next().is_multiple_of(4);
        let life = life.min(left.as_millis() as u64);
        let what = format!("a process that plays {role:?} for {life} ms from seed {seed}");
        let mut process = OtherProcess::start("take_part_in_the_soak", temp.path());
        // One that is to be killed would go on for long.
        process.tell(&task(seed, role, if is_killed { 60_000 } else { life }));
        let until = Instant::now() + Duration::from_millis(life);
        Player { process, until: if is_killed { until } else { until + PATIENCE }, is_killed, what }
    }

    /// How it ended, if it has, or was to be killed by now.
    fn end(&mut self) -> Option<ExitStatus> {
        if Instant::now() < self.until {
            return self.process.ended();
        }
        let ended = self.process.end();
        assert!(self.is_killed, "{} hangs", self.what);
        Some(ended)
    }
}

#[derive(Default)]
struct Figures {
    rounds: u64,
    kills: u64,
    reports: Vec<Report>,
}

impl Figures {
    fn count(&self, report: Report) -> usize {
        self.reports.iter().filter(|found| **found == report).count()
    }
}

#[test]
fn snapshots_stay_as_they_were_while_processes_write_and_are_killed() {
    let minutes = std::env::var("DRYSTONE_SOAK_MINUTES").map_or(1.0 / 6.0, |text| text.parse().unwrap());
    let start = Instant::now();
    let seed = std::env::var("DRYSTONE_SOAK_SEED").map_or_else(
        |_| std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64,
        |text| text.parse().unwrap(),
    );
    println!(
        "DRYSTONE_SOAK_SEED={seed} makes the same choices again. When a process is killed, and which one comes first, \
         depends on the machine as well: a failure may take several runs to come back."
    );
    let temp = TempDb::new();
    let write = temp.open().write().unwrap();
    contents::fill(&write).unwrap();
    write.commit().unwrap();
    let mut soak =
        Soak { temp, numbers: Random::new(seed), contents: Contents::new(), figures: Figures::default() };
    let end = start + Duration::from_secs_f64(minutes * 60.0);
    while Instant::now() < end {
        soak.round(end);
    }
    let db = soak.temp.open();
    db.compact().unwrap();
    soak.contents.assert_shown(&db.read().unwrap());
    let (figures, count) = (&soak.figures, |report| soak.figures.count(report));
    println!(
        "{:.1} s, {} rounds: {} kills, {} processes that ended by themselves, {} forked children; {} commits, none lost; {} \
         snapshots compared with what they had been, all the same; {} compactions, {} syncs, {} checks beside writers; the file \
         has {} bytes",
        start.elapsed().as_secs_f64(),
        figures.rounds,
        figures.kills,
        count(Report::Done),
        count(Report::ForkDone),
        soak.contents.commits,
        count(Report::Compared),
        count(Report::Compacted),
        count(Report::Synced),
        count(Report::Checked),
        soak.temp.file_bytes(),
    );
    assert!(figures.kills > 0 && count(Report::Compared) > 0 && soak.contents.commits > 0);
}

struct Soak {
    temp: TempDb,
    numbers: Random,
    /// What the database held after the last round.
    contents: Contents,
    figures: Figures,
}

impl Soak {
    /// Processes come and go for a while; then all of them end, and the database is looked at.
    fn round(&mut self, soak_end: Instant) {
        let Soak { temp, numbers, contents, figures } = self;
        figures.rounds += 1;
        // Every other time this process has the database open throughout: otherwise the lock file
        // starts empty.
        let survivor = numbers.next().is_multiple_of(2).then(|| {
            let db = temp::open(temp.path(), &OpenOptions::new()).unwrap();
            let held = db.read().unwrap();
            let shown = contents.assert_shown(&held);
            (db, held, shown)
        });
        let end = soak_end.min(Instant::now() + Duration::from_millis(300 + numbers.next() % 1700));
        let mut kills = 0;
        let mut players: Vec<Option<Player>> = (0..PROCESSES).map(|_| None).collect();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            for (place, player) in players.iter_mut().enumerate() {
                if let Some(ended) = player.as_mut().map(Player::end) {
                    let Some(status) = ended else { continue };
                    let fine = status.success() || status.signal() == Some(KILL);
                    let what = player.take().map(|player| player.what).unwrap_or_default();
                    assert!(fine, "{what} failed: {status}");
                    kills += u64::from(!status.success());
                }
                if !left.is_zero() {
                    *player = Some(Player::start(temp, numbers, place, left));
                }
            }
            if players.iter().all(Option::is_none) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        figures.kills += kills;

        let mut newest = contents.commits;
        let mut seen = HashSet::new();
        let reports = Reports::open(temp.path()).take();
        for (report, number) in &reports {
            if *report == Report::Committed {
                assert!(*number > contents.commits && seen.insert(*number), "commit {number} was made twice");
                newest = newest.max(*number);
            }
        }
        figures.reports.extend(reports.iter().map(|(report, _)| report));
        let (begun, done) = (figures.count(Report::Forked), figures.count(Report::ForkDone));
        assert_eq!(begun, done, "forked children that began and that ended");

        let (db, held) = match survivor {
            Some((db, held, shown)) => (db, Some((held, shown))),
            None => (temp.open(), None),
        };
        if let Some((held, shown)) = held {
            assert_eq!(fingerprint(&held), shown, "a snapshot changed that was held for the whole round");
        }
        let read = db.read().unwrap();
        contents.assert_shown(&read);
        // A process may be killed when its commit stands and is not reported yet.
        let most = newest + kills;
        let found = contents.commits;
        assert!((newest..=most).contains(&found), "{found} commits, and {newest} were reported");
        drop(read);
        assert_eq!(db.readers().unwrap(), [], "the snapshot of a process that ended counts");
        assert_sound(&db);
    }
}
