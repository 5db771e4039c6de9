//! What a power cut can leave of a disk: everything that is certain, and any part of the rest.
//! `explore` and `together` open what it leaves. It knows nothing of rows.

use std::collections::HashSet;
use std::fmt;

use drystone::simulation::Event;

use crate::random::Random;

const SECTOR: usize = 512;
/// The meta pages come first.
const META_BYTES: usize = 8192;

/// A disk partway through a recording: what is certain by now, and what is not.
#[derive(Clone)]
pub struct Disk {
    /// Everything before the first event that is still uncertain.
    base: Vec<u8>,
    pending: Vec<Pending>,
    /// Whether a sync leaves changes of the length uncertain: a planted bug.
    lengths_stay_uncertain: bool,
}

#[derive(Clone)]
struct Pending {
    change: Change,
    certainty: Certainty,
}

#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Box<[u8]> },
    Length(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Certainty {
    /// Not synced.
    Open,
    /// Synced.
    Certain,
    /// Part of a sync that failed: no later sync makes it certain.
    Doubtful,
}

/// One possible outcome of a power cut.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// For each uncertain write, which of its sectors arrive: bit n for sector n (modulo 64).
    sectors: Vec<u64>,
    /// How many of the uncertain changes of the length have happened. The file system makes them in
    /// order.
    lengths: usize,
}

const WHOLE: u64 = u64::MAX;

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("of which arrive:")?;
        for sectors in &self.sectors {
            match *sectors {
                0 => f.write_str(" nothing")?,
                WHOLE => f.write_str(" all")?,
                some => write!(f, " sectors {some:b}")?,
            }
        }
        write!(f, ", {} lengths", self.lengths)
    }
}

impl Disk {
    /// A disk that certainly holds this.
    pub fn new(image: Vec<u8>, lengths_stay_uncertain: bool) -> Disk {
        Disk { base: image, pending: Vec::new(), lengths_stay_uncertain }
    }

    /// Advances by one event.
    pub fn advance(&mut self, event: &Event) {
        match event {
            Event::Write { bytes, .. } if bytes.is_empty() => {}
            Event::Write { offset, bytes } => {
                self.push(Change::Write { offset: *offset as usize, bytes: bytes.clone() });
            }
            Event::Length(len) => self.push(Change::Length(*len as usize)),
            Event::Sync => self.settle(),
            Event::FailedSync => {
                let writes = |pending: &&mut Pending| matches!(pending.change, Change::Write { .. });
                for pending in self.pending.iter_mut().filter(writes) {
                    if pending.certainty == Certainty::Open {
                        pending.certainty = Certainty::Doubtful;
                    }
                }
            }
        }
    }

    fn push(&mut self, change: Change) {
        self.pending.push(Pending { change, certainty: Certainty::Open });
    }

    fn settle(&mut self) {
        for pending in &mut self.pending {
            let stays = self.lengths_stay_uncertain && matches!(pending.change, Change::Length(_));
            if pending.certainty == Certainty::Open && !stays {
                pending.certainty = Certainty::Certain;
            }
        }
        // A later event can cover an uncertain one, so only the front becomes final.
        let certain =
            self.pending.iter().take_while(|pending| pending.certainty == Certainty::Certain).count();
        for pending in self.pending.drain(..certain) {
            pending.change.happen(&mut self.base, WHOLE);
        }
    }

    fn uncertain(&self) -> impl Iterator<Item = &Change> {
        let uncertain = |pending: &&Pending| pending.certainty != Certainty::Certain;
        self.pending.iter().filter(uncertain).map(|pending| &pending.change)
    }

    /// Possible outcomes of a cut at this moment, all different: every subset of the uncertain
    /// writes while there are at most `all_up_to` of them, else some subsets; each with every
    /// possible length of the file; and each `tears` times with a torn write.
    pub fn outcomes(&self, limits: Limits, random: &mut Random) -> Vec<Outcome> {
        let mut meta = None;
        let mut writes: Vec<usize> = Vec::new();
        for change in self.uncertain() {
            if let Change::Write { offset, bytes } = change {
                if *offset < META_BYTES {
                    meta = Some(writes.len());
                }
                writes.push(bytes.len().div_ceil(SECTOR));
            }
        }
        let lengths = self.uncertain().count() - writes.len();
        let mut outcomes = Vec::new();
        for subset in subsets(writes.len(), limits, random) {
            let sectors: Vec<u64> = subset.iter().map(|persists| if *persists { WHOLE } else { 0 }).collect();
            for lengths in 0..=lengths {
                outcomes.push(Outcome { sectors: sectors.clone(), lengths });
            }
            // Only the beginning of a newly written meta page: everything but the end of a long
            // list.
            if let Some(meta) =
                meta.filter(|meta| limits.tears > 0 && *meta + 1 == writes.len() && subset[*meta])
            {
                let mut sectors = sectors.clone();
                sectors[meta] = 1;
                outcomes.push(Outcome { sectors, lengths });
            }
            let torn: Vec<usize> = (0..writes.len()).filter(|index| subset[*index]).collect();
            for _ in 0..if torn.is_empty() { 0 } else { limits.tears } {
                // Every other tear hits the newest meta page, on which most depends.
                let index = match meta.filter(|meta| subset[*meta]) {
                    Some(meta) if random.one_in(2) => meta,
                    _ => torn[random.below(torn.len() as u64) as usize],
                };
                let mut sectors = sectors.clone();
                sectors[index] = tear(writes[index], random);
                let lengths =
                    if random.one_in(4) { random.below(lengths as u64 + 1) as usize } else { lengths };
                outcomes.push(Outcome { sectors, lengths });
            }
        }
        let mut seen = HashSet::new();
        outcomes.retain(|outcome| seen.insert(outcome.clone()));
        outcomes
    }

    /// The bytes as processes see them, which a cut leaves if everything arrives.
    pub fn whole(&self) -> Vec<u8> {
        let mut image = self.base.clone();
        self.pending.iter().for_each(|pending| pending.change.happen(&mut image, WHOLE));
        image
    }

    /// The bytes that are left on the disk.
    pub fn image(&self, outcome: &Outcome) -> Vec<u8> {
        let mut image = self.base.clone();
        let mut sectors = outcome.sectors.iter();
        let mut lengths = outcome.lengths;
        for pending in &self.pending {
            let certain = pending.certainty == Certainty::Certain;
            match pending.change {
                Change::Write { .. } => {
                    let sectors = if certain { WHOLE } else { sectors.next().copied().unwrap_or(0) };
                    pending.change.happen(&mut image, sectors);
                }
                Change::Length(_) if certain => pending.change.happen(&mut image, WHOLE),
                Change::Length(_) if lengths > 0 => {
                    lengths -= 1;
                    pending.change.happen(&mut image, WHOLE);
                }
                Change::Length(_) => {}
            }
        }
        image
    }
}

impl Change {
    /// A write beyond the end is lost: the file has not grown there.
    fn happen(&self, image: &mut Vec<u8>, sectors: u64) {
        match self {
            Change::Length(len) => image.resize(*len, 0),
            Change::Write { offset, bytes } => {
                for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                    let start = offset + index * SECTOR;
                    if sectors >> (index % 64) & 1 == 1 && start < image.len() {
                        let end = (start + sector.len()).min(image.len());
                        image[start..end].copy_from_slice(&sector[..end - start]);
                    }
                }
            }
        }
    }
}

/// How many outcomes of one cut to try.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Try every subset of up to this many uncertain writes.
    pub all_up_to: usize,
    /// With more, try the subsets that leave out, hold, or end with one of this many last writes.
    pub singles: usize,
    /// And this many other subsets.
    pub samples: usize,
    /// How many torn variants of each to try.
    pub tears: usize,
}

fn subsets(writes: usize, limits: Limits, random: &mut Random) -> Vec<Vec<bool>> {
    if writes <= limits.all_up_to {
        return (0..1_u64 << writes)
            .map(|mask| (0..writes).map(|index| mask >> index & 1 == 1).collect())
            .collect();
    }
    // All, none, all but one, one alone, the first ones; then random ones.
    let each = |keep: fn(usize, usize) -> bool| {
        (writes.saturating_sub(limits.singles)..writes)
            .map(move |at| (0..writes).map(|index| keep(index, at)).collect::<Vec<bool>>())
    };
    let mut subsets = vec![vec![true; writes], vec![false; writes]];
    subsets.extend(each(|index, at| index != at));
    subsets.extend(each(|index, at| index == at));
    subsets.extend(each(|index, at| index <= at));
    for _ in 0..limits.samples {
        subsets.push((0..writes).map(|_| random.one_in(2)).collect());
    }
    subsets
}

/// Some sectors of a write, seldom all.
fn tear(sectors: usize, random: &mut Random) -> u64 {
    let at = random.below(sectors.min(64) as u64);
    let all = if sectors < 64 { (1 << sectors) - 1 } else { WHOLE };
    let arrive = all
        & match random.below(4) {
            0 => (1 << at) - 1,
            1 => WHOLE << at,
            2 => WHOLE ^ (1 << at),
            _ => random.word(),
        };
    if arrive == all { WHOLE } else { arrive }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(offset: u64, byte: u8, len: usize) -> Event {
        Event::Write { offset, bytes: vec![byte; len].into() }
    }

    fn images(disk: &Disk) -> Vec<Vec<u8>> {
        let limits = Limits { all_up_to: 8, singles: 0, samples: 0, tears: 0 };
        disk.outcomes(limits, &mut Random::new(1)).iter().map(|outcome| disk.image(outcome)).collect()
    }

    #[test]
    fn what_was_synced_is_in_every_image() {
        let mut disk = Disk::new(vec![0; 1024], false);
        for event in [write(0, 1, 512), Event::Sync, write(512, 2, 512)] {
            disk.advance(&event);
        }
        let images = images(&disk);
        assert_eq!(images.len(), 2);
        assert!(images.iter().all(|image| image[0] == 1));
        assert!(images.iter().any(|image| image[512] == 0) && images.iter().any(|image| image[512] == 2));
    }

    #[test]
    fn a_failed_sync_leaves_doubt_that_only_a_new_write_ends() {
        let mut disk = Disk::new(vec![0; 512], false);
        for event in [write(0, 1, 512), Event::FailedSync, Event::Sync] {
            disk.advance(&event);
        }
        assert_eq!(images(&disk).len(), 2);
        disk.advance(&write(0, 2, 512));
        disk.advance(&Event::Sync);
        assert!(images(&disk).iter().all(|image| image[0] == 2));
    }

    #[test]
    fn growth_can_be_lost_and_takes_writes_with_it() {
        let mut disk = Disk::new(vec![0; 512], false);
        disk.advance(&Event::Length(1024));
        disk.advance(&write(512, 1, 512));
        let lengths: Vec<(usize, u8)> =
            images(&disk).iter().map(|image| (image.len(), *image.last().unwrap())).collect();
        assert_eq!(lengths, [(512, 0), (1024, 0), (512, 0), (1024, 1)]);
    }
}
