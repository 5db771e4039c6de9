//! Free space: which pages are taken, which become free once no state reaches them, and where the
//! next run is written.
//!
//! Nothing of this is stored. The caller walks the live trees and marks what it finds; the rest of
//! the file is free.

use std::collections::{BTreeMap, HashMap};

use super::commit_list::WrittenRun;
use crate::error::{Result, bail};
use crate::page::{FIRST_ADDRESS, PAGE_BYTES, page_of};

/// If less than one page in this many is free, a commit that fits into no gap is written to the end
/// in one piece, several times as fast as over many gaps.
const FREE_PART: u64 = 5;

/// Bytes that a transaction stopped using.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Freed {
    address: u64,
    bytes: u64,
    /// The transaction that wrote them: snapshots before it do not see them.
    born: u64,
    /// The transaction that no longer reaches them: snapshots from it on do not see them.
    freed: u64,
}

/// The map of the file's pages, for the one writer.
///
/// A page can hold the end of one node and the start of the next, never more. So two bits per page
/// are enough: `starts` and `crossed`. A page is free when neither is set.
#[derive(Default)]
pub(crate) struct Allocator {
    /// A node starts in this page.
    starts: Bits,
    /// A node that started in an earlier page reaches into this one.
    crossed: Bits,
    /// Handed out by the running transaction: taken even where no node lies yet.
    fresh: Bits,
    /// Listed by the durable commit: not written, whether taken or not.
    listed: Bits,
    fresh_runs: Vec<(u64, u64)>,
    /// Freed by commits that are not durable yet.
    young: Vec<Freed>,
    /// Freed, but seen by a snapshot: kept under the number of one that sees it.
    held: BTreeMap<u64, Vec<Freed>>,
    /// Freed by the running transaction.
    leaving: Vec<Freed>,
    /// Free, but not given back to the file system since it was written; and how many pages that
    /// are.
    stale: Bits,
    stale_pages: u64,
    /// Bytes that commits freed since gaps were last given back, less those that they took. In
    /// steady use commits take as much as they free, and this stays near 0. What snapshots hold is
    /// not counted.
    loose: u64,
    /// When pages were written, where a snapshot is older than that.
    births: HashMap<u64, u64>,
    /// While snapshots of before the walk are held: the nodes that they reach. What else the walk
    /// found is younger than they.
    old: Bits,
    /// The transaction whose state the walk found.
    walked: u64,
    /// Where the last search ended.
    cursor: u64,
    /// The shortest gap that was searched for without success since pages last became free.
    missed: u64,
    /// While marking: pages of which one part is taken, and the offset at which that part starts or
    /// ends.
    edges: HashMap<u64, u64>,
    /// The transaction whose tree this map describes.
    transaction: u64,
    /// A bug that a test has planted.
    unknown_is_young: bool,
}

/// A commit that frees less than this keeps the room for the next one.
const REWRITTEN_BYTES: u64 = 16 << 20;

impl Allocator {
    /// An empty map for the state of this transaction; [`mark`](Allocator::mark) what it reaches,
    /// then [`marked`](Allocator::marked).
    pub(crate) fn new(transaction: u64) -> Allocator {
        let mut allocator =
            Allocator { transaction, walked: transaction, missed: u64::MAX, ..Allocator::default() };
        for page in 0..page_of(FIRST_ADDRESS) {
            allocator.starts.set(page);
        }
        allocator
    }

    /// Plants the bug `UnknownIsYoung`.
    pub(crate) fn plant_unknown_is_young(&mut self) {
        self.unknown_is_young = true;
    }

    /// The transaction whose tree this map describes.
    pub(crate) fn transaction(&self) -> u64 {
        self.transaction
    }

    /// Notes a node that a live root reaches. A node that overlaps one that is marked already is
    /// damage.
    pub(crate) fn mark(&mut self, address: u64, bytes: u64) -> Result<()> {
        let (first, last) = span(address, bytes);
        let start = address % PAGE_BYTES as u64;
        let end = (address + bytes) % PAGE_BYTES as u64;
        let mut sound = !self.starts.get(first);
        if self.crossed.get(first) {
            sound &= self.edges.remove(&first).is_some_and(|end_before| end_before <= start);
        } else if start > 0 {
            self.edges.insert(first, start);
        }
        for page in first + 1..=last {
            sound &= !self.crossed.get(page);
            let whole = page < last || end == 0;
            if whole {
                sound &= !self.starts.get(page);
            } else if self.starts.get(page) {
                sound &= self.edges.remove(&page).is_some_and(|start_behind| end <= start_behind);
            } else {
                self.edges.insert(page, end);
            }
        }
        if !sound {
            bail!(
                Corrupt,
                "two nodes share the {bytes} bytes at {address} (page {first}): the file is damaged and must not be written; \
                 restore it from a backup"
            );
        }
        self.take(address, bytes);
        Ok(())
    }

    /// Notes a node that only the snapshot of an earlier transaction reaches, unless the newest
    /// state reaches it too.
    ///
    /// The pages of a state that is held are not used for anything else. If they are, the state is
    /// not held: a reader has only just entered it in the table, and will find that it came too
    /// late. Its nodes must not be noted, because pages of the newest state would become free with
    /// them.
    pub(crate) fn mark_held(&mut self, address: u64, bytes: u64, snapshot: u64) -> Result<()> {
        let (first, last) = span(address, bytes);
        if self.starts.get(first) {
            self.old.set(first);
            return Ok(());
        }
        let starts_page = address.is_multiple_of(PAGE_BYTES as u64);
        let ends_page = (address + bytes).is_multiple_of(PAGE_BYTES as u64);
        let others = (first + 1..=last)
            .any(|page| self.crossed.get(page) || self.starts.get(page) && (page < last || ends_page));
        if others || starts_page && self.crossed.get(first) {
            bail!(
                Corrupt,
                "the {bytes} bytes at {address} (page {first}) belong to the snapshot of transaction {snapshot} and to a newer \
                 state: the reader table or the file is damaged; close all users of the database and open it again"
            );
        }
        self.old.set(first);
        self.take(address, bytes);
        let freed = Freed { address, bytes, born: 0, freed: self.transaction };
        self.held.entry(snapshot).or_default().push(freed);
        Ok(())
    }

    /// Bytes that are kept for snapshots alone.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.held.values().flatten().map(|freed| freed.bytes).sum()
    }

    /// The walk is over.
    pub(crate) fn marked(&mut self) {
        self.edges = HashMap::new();
    }

    /// Makes pages available that no snapshot, and no state that a crash may fall back to, reaches
    /// any more, nor its list names.
    pub(crate) fn release(&mut self, durable: u64, listed: &[WrittenRun], snapshots: &[u64]) {
        self.listed = Bits::default();
        self.missed = u64::MAX;
        for page in listed.iter().flat_map(WrittenRun::pages) {
            self.listed.set(page);
        }
        let mut candidates: Vec<Freed> = Vec::new();
        let mut young = std::mem::take(&mut self.young);
        young.retain(|freed| {
            let wait = freed.freed > durable;
            if !wait {
                candidates.push(*freed);
            }
            wait
        });
        self.young = young;
        let of_young = candidates.len();
        let released: Vec<u64> = self.held.keys().copied().filter(|held| !snapshots.contains(held)).collect();
        for snapshot in released {
            candidates.extend(self.held.remove(&snapshot).unwrap_or_default());
        }
        for (at, freed) in candidates.into_iter().enumerate() {
            match snapshots.iter().find(|snapshot| (freed.born..freed.freed).contains(snapshot)) {
                Some(snapshot) => {
                    self.held.entry(*snapshot).or_default().push(freed);
                    self.loose = self.loose.saturating_sub(if at < of_young { freed.bytes } else { 0 });
                }
                None => {
                    self.clear(freed.address, freed.bytes);
                    self.loose += if at < of_young { 0 } else { freed.bytes };
                }
            }
        }
        if snapshots.iter().all(|snapshot| *snapshot >= self.transaction) {
            self.births = HashMap::new();
            self.old = Bits::default();
        }
    }

    /// Hands out a run of free pages: `wanted` of them if there is such a run in the file. If not,
    /// they come from the file's end as long as little of the file is free; then from gaps that
    /// hold the half of them, or the half of that, but at least `least`. Returns the first page and
    /// how many.
    pub(crate) fn allocate(&mut self, wanted: u64, least: u64) -> (u64, u64) {
        let mut size = wanted;
        let mut found = None;
        while size < self.missed || size > least {
            if size < self.missed {
                found = self.search(size, wanted);
                if found.is_some() {
                    break;
                }
                self.missed = size;
                if size == wanted && self.free_pages() <= self.end() / FREE_PART {
                    break;
                }
            }
            size = (size / 2).max(least);
        }
        let (page, pages) = found.unwrap_or((self.end(), wanted));
        self.hand_out(page, pages);
        (page, pages)
    }

    /// Takes at most `pages` pages from the start of the first gap of at least `gap` pages, or at
    /// the end. The run can be lengthened up to the end of the gap.
    pub(crate) fn allocate_run(&mut self, gap: u64, pages: u64) -> (u64, u64) {
        let (page, pages) =
            self.search(gap, gap).map_or((self.end(), pages), |(page, gap)| (page, gap.min(pages)));
        self.hand_out(page, pages);
        (page, pages)
    }

    /// The same from the lowest gap that there is.
    pub(crate) fn allocate_low(&mut self, gap: u64, pages: u64) -> (u64, u64) {
        self.cursor = 0;
        self.allocate_run(gap, pages)
    }

    /// The first page of the lowest gap of this many pages, below the end.
    pub(crate) fn lowest_gap(&self, pages: u64) -> Option<u64> {
        self.first_run(0, self.end(), pages, pages).map(|(page, _)| page)
    }

    /// Hands out pages behind everything that is taken, where a run can be lengthened.
    pub(crate) fn allocate_at_end(&mut self, pages: u64) -> (u64, u64) {
        let page = self.end();
        self.hand_out(page, pages);
        (page, pages)
    }

    /// Lengthens a run that was handed out by the pages behind it, if they are free.
    pub(crate) fn extend(&mut self, next_page: u64, pages: u64) -> bool {
        let free = (next_page..next_page + pages).all(|page| self.is_free(page));
        if free {
            self.hand_out(next_page, pages);
        }
        free
    }

    /// Takes back what is left of a run.
    pub(crate) fn give_back(&mut self, page: u64, pages: u64) {
        self.missed = self.missed.max(pages + 1);
        for page in page..page + pages {
            self.fresh.clear(page);
        }
    }

    /// Notes a node that was placed in a run that was handed out.
    pub(crate) fn place(&mut self, address: u64, bytes: u64) {
        self.take(address, bytes);
    }

    /// The running transaction no longer reaches this node.
    pub(crate) fn free(&mut self, address: u64, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let (first, last) = span(address, bytes);
        if self.fresh.get(first) {
            self.clear(address, bytes);
            self.loose += bytes;
            for page in first..=last {
                if !self.starts.get(page) && !self.crossed.get(page) {
                    self.fresh.clear(page);
                }
            }
            return;
        }
        let born = match self.births.get(&first) {
            Some(born) => *born,
            None if self.unknown_is_young || self.old.end() > 0 && !self.old.get(first) => self.walked,
            None => 0,
        };
        let freed = self.transaction + 1;
        // Neighbours that a load laid down side by side leave as one, unless the last page is
        // shared by what starts in it.
        if let Some(before) = self.leaving.last_mut()
            && before.address + before.bytes == address
            && before.born == born
            && (first < last || (address + bytes).is_multiple_of(PAGE_BYTES as u64))
        {
            before.bytes += bytes;
            return;
        }
        self.leaving.push(Freed { address, bytes, born, freed });
    }

    /// Where the file may end: behind the last page that is taken.
    pub(crate) fn end(&self) -> u64 {
        self.starts.end().max(self.crossed.end()).max(self.fresh.end()).max(self.listed.end())
    }

    /// The running transaction was committed: its pages stay, and those that it freed become free
    /// when no state reaches them.
    pub(crate) fn commit(&mut self, snapshots: &[u64]) {
        self.transaction += 1;
        let runs = std::mem::take(&mut self.fresh_runs);
        if snapshots.iter().any(|snapshot| *snapshot < self.transaction) {
            for page in runs.iter().flat_map(|(page, pages)| *page..page + pages) {
                if self.starts.get(page) && self.fresh.get(page) {
                    self.births.insert(page, self.transaction);
                }
            }
        }
        let taken = self.forget_fresh(&runs) * PAGE_BYTES as u64;
        let freed = self.leaving.iter().map(|freed| freed.bytes).sum::<u64>();
        self.loose = (self.loose + freed).saturating_sub(taken);
        // Rows were inserted all over the table: a large part of the file was written again, and as
        // much room is free now. It need not be kept: to take it from the file system again costs
        // little beside writing it. Updates, which do not grow the table, keep it.
        let is_large = freed > REWRITTEN_BYTES && freed > self.end() * PAGE_BYTES as u64 / 4;
        if is_large && taken > freed + freed / 64 {
            self.loose += freed;
        }
        self.young.append(&mut self.leaving);
    }

    /// The running transaction was dropped: its pages are free, and those that it freed stay.
    pub(crate) fn abort(&mut self) {
        let runs = std::mem::take(&mut self.fresh_runs);
        for page in runs.iter().flat_map(|(page, pages)| *page..page + pages) {
            if self.fresh.get(page) {
                self.starts.clear(page);
                self.crossed.clear(page);
                self.set_stale(page);
            }
        }
        self.loose += self.forget_fresh(&runs) * PAGE_BYTES as u64;
        self.leaving.clear();
    }

    /// Returns how many of the pages were taken.
    fn forget_fresh(&mut self, runs: &[(u64, u64)]) -> u64 {
        self.missed = u64::MAX;
        let mut taken = 0;
        for page in runs.iter().flat_map(|(page, pages)| *page..page + pages) {
            taken += u64::from(self.fresh.get(page));
            self.fresh.clear(page);
        }
        taken
    }

    fn hand_out(&mut self, page: u64, pages: u64) {
        for page in page..page + pages {
            self.fresh.set(page);
        }
        self.cursor = page + pages;
        match self.fresh_runs.last_mut() {
            Some((first, len)) if *first + *len == page => *len += pages,
            _ => self.fresh_runs.push((page, pages)),
        }
    }

    fn take(&mut self, address: u64, bytes: u64) {
        let (first, last) = span(address, bytes);
        self.starts.set(first);
        for page in first + 1..=last {
            self.crossed.set(page);
        }
        for page in first..=last {
            if self.stale.get(page) {
                self.stale.clear(page);
                self.stale_pages -= 1;
            }
        }
    }

    /// Clears the marks of one node, or of neighbours that are freed as one: nodes that start
    /// inside go with it, a node that starts in the last page behind it stays.
    fn clear(&mut self, address: u64, bytes: u64) {
        let (first, last) = span(address, bytes);
        self.starts.clear(first);
        for page in first + 1..=last {
            self.crossed.clear(page);
            let whole = page < last || (address + bytes).is_multiple_of(PAGE_BYTES as u64);
            if whole {
                self.starts.clear(page);
            }
        }
        for page in first..=last {
            if !self.starts.get(page) && !self.crossed.get(page) {
                self.set_stale(page);
            }
        }
        self.cursor = self.cursor.min(first);
        self.missed = u64::MAX;
    }

    fn is_free(&self, page: u64) -> bool {
        ![&self.starts, &self.crossed, &self.fresh, &self.listed].iter().any(|taken| taken.get(page))
    }

    /// The first run of at least `least` free pages below the end, cut to `wanted`. Looks from
    /// where the last search ended, and then from the beginning.
    fn search(&self, least: u64, wanted: u64) -> Option<(u64, u64)> {
        let end = self.end();
        let from = self.cursor.min(end);
        self.first_run(from, end, least, wanted).or_else(|| self.first_run(0, end, least, wanted))
    }

    /// The first run of at least `least` free pages in this range, cut to `wanted`. Reads the
    /// maps word by word: O(pages / 64) and the gaps between them.
    fn first_run(&self, from: u64, end: u64, least: u64, wanted: u64) -> Option<(u64, u64)> {
        let (mut start, mut page) = (from, from);
        while page < end {
            let taken = self.taken_word(page / 64) >> (page % 64);
            let left = 64 - page % 64;
            // Free pages at `page`, taken ones behind them.
            let free = u64::from(taken.trailing_zeros()).min(left);
            page = (page + free).min(end);
            if page - start >= least.max(1) && (free < left || page - start >= wanted || page == end) {
                return Some((start, (page - start).min(wanted)));
            }
            if free < left {
                page += u64::from((taken >> free).trailing_ones());
                start = page;
            }
        }
        None
    }

    /// The gaps of at least `least` pages below the end: first page and length. O(pages / 64).
    pub(crate) fn gaps(&self, least: u64) -> impl Iterator<Item = (u64, u64)> {
        let end = self.end();
        let next = move |(page, pages): (u64, u64)| self.first_run(page + pages, end, least, u64::MAX);
        std::iter::successors(next((0, 0)), move |gap| next(*gap))
    }

    /// Whether enough was freed that a search for gaps to give back to the file system pays: free
    /// pages take more than `least` bytes there, and enough was freed since the last search to pay
    /// for another one of the whole map. O(1).
    pub(crate) fn is_loose(&self, least: u64) -> bool {
        // What this commit freed is stale only after `release`.
        let stale = (self.stale_pages * PAGE_BYTES as u64).max(self.loose);
        stale > least && self.loose > (stale / 256).max(self.end() * PAGE_BYTES as u64 / 16_384)
    }

    /// The gaps of at least `least` pages below the end that the caller gives back to the file
    /// system now. Gaps that were given back before are left out. O(pages / 64), and the pages in
    /// the gaps.
    pub(crate) fn give_up_gaps(&mut self, least: u64) -> Vec<(u64, u64)> {
        let mut gaps: Vec<(u64, u64)> = self.gaps(least).collect();
        gaps.retain(|(page, pages)| (*page..page + pages).any(|page| self.stale.get(page)));
        // Pages behind the end are given back with the tail of the file.
        let tail = (self.end(), self.stale.end().saturating_sub(self.end()));
        for page in gaps.iter().chain([&tail]).flat_map(|(page, pages)| *page..page + pages) {
            self.stale_pages -= u64::from(self.stale.get(page));
            self.stale.clear(page);
        }
        self.loose = 0;
        gaps
    }

    fn set_stale(&mut self, page: u64) {
        self.stale_pages += u64::from(!self.stale.get(page));
        self.stale.set(page);
    }

    /// How many pages below the end are free. O(pages / 64).
    pub(crate) fn free_pages(&self) -> u64 {
        let end = self.end();
        let taken =
            (0..end.div_ceil(64)).map(|word| u64::from(self.taken_word(word).count_ones())).sum::<u64>();
        end - taken.min(end)
    }

    fn taken_word(&self, word: u64) -> u64 {
        let maps = [&self.starts, &self.crossed, &self.fresh, &self.listed];
        maps.iter().fold(0, |taken, bits| taken | bits.word(word as usize))
    }
}

/// The first and the last page that these bytes touch.
fn span(address: u64, bytes: u64) -> (u64, u64) {
    (page_of(address), page_of(address + bytes.max(1) - 1))
}

/// One bit per page. It grows as needed.
#[derive(Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn word(&self, word: usize) -> u64 {
        self.0.get(word).copied().unwrap_or(0)
    }

    fn get(&self, bit: u64) -> bool {
        self.word((bit / 64) as usize) >> (bit % 64) & 1 == 1
    }

    fn set(&mut self, bit: u64) {
        let word = (bit / 64) as usize;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (bit % 64);
    }

    fn clear(&mut self, bit: u64) {
        if let Some(word) = self.0.get_mut((bit / 64) as usize) {
            *word &= !(1 << (bit % 64));
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// One past the highest bit that is set.
    fn end(&self) -> u64 {
        self.0.last().map_or(0, |word| self.0.len() as u64 * 64 - u64::from(word.leading_zeros()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An allocator in which these pages are taken.
    fn with_taken(pages: impl IntoIterator<Item = u64>) -> Allocator {
        let mut allocator = Allocator::new(1);
        pages.into_iter().for_each(|page| allocator.starts.set(page));
        allocator
    }

    #[test]
    fn the_first_run_is_what_a_walk_page_by_page_finds() {
        for seed in 0..200u64 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut random = |below: u64| rng.u64(..below);
            let (end, share) = (random(400) + 2, random(9) + 1);
            let allocator = with_taken((0..end).filter(|page| *page + 1 == end || random(10) < share));
            for least in [1, 2, 3, 5, 63, 64, 65, 130] {
                for wanted in [least, least + 7] {
                    let from = random(end);
                    let run =
                        |page: u64| (page..end).take_while(|page| allocator.is_free(*page)).count() as u64;
                    let expected = (from..end)
                        .find(|page| run(*page) >= least)
                        .map(|page| (page, run(page).min(wanted)));
                    assert_eq!(
                        allocator.first_run(from, end, least, wanted),
                        expected,
                        "seed {seed}, {least}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_state_that_is_held_shares_no_page_with_the_newest() {
        let page = PAGE_BYTES as u64;
        let mut allocator = Allocator::new(9);
        allocator.mark(10 * page, 2 * page).unwrap();
        // The same node, and neighbours that share a page at their edges.
        allocator.mark_held(10 * page, 2 * page, 5).unwrap();
        allocator.mark_held(12 * page, page / 2, 5).unwrap();
        allocator.mark_held(8 * page, page + page / 2, 5).unwrap();
        for (address, bytes) in [(11 * page, page), (9 * page, 3 * page), (4 * page, 8 * page)] {
            let error = allocator.mark_held(address, bytes, 6).unwrap_err();
            assert!(error.to_string().contains("transaction 6"), "{error}");
        }
        allocator.release(9, &[], &[]);
        assert!(!allocator.is_free(10) && !allocator.is_free(11));
        assert!([4, 8, 9, 12].into_iter().all(|page| allocator.is_free(page)));
    }

    #[test]
    fn a_page_that_only_a_snapshot_reaches_is_free_once_the_snapshot_is_released() {
        let page = PAGE_BYTES as u64;
        let mut allocator = Allocator::new(9);
        allocator.mark_held(12 * page, page, 5).unwrap();
        allocator.release(9, &[], &[5]);
        assert!(!allocator.is_free(12), "snapshot 5 is held");
        allocator.release(9, &[], &[]);
        assert!(allocator.is_free(12));
    }

    #[test]
    fn gaps_are_told_from_first_to_last() {
        let allocator =
            with_taken((0..500).filter(|page| !(10..300).contains(page) && !(310..330).contains(page)));
        assert_eq!(allocator.gaps(20).collect::<Vec<_>>(), [(10, 290), (310, 20)]);
        assert_eq!(allocator.gaps(21).collect::<Vec<_>>(), [(10, 290)]);
        assert_eq!(with_taken([]).gaps(1).count(), 0);
    }

    #[test]
    fn a_commit_goes_to_the_end_until_a_fifth_is_free_and_then_to_the_longest_gaps() {
        let holes = |every: u64| with_taken((0..1000).filter(move |page| page % every != 5 || *page == 999));
        assert_eq!(holes(10).allocate(20, 2), (1000, 20), "a tenth is free");
        let mut gaps: Vec<u64> = (0..1000).filter(|page| page % 3 != 1 || *page == 999).collect();
        gaps.retain(|page| !(400..412).contains(page) && !(700..706).contains(page));
        let mut torn = with_taken(gaps);
        assert_eq!(torn.allocate(40, 2), (400, 13), "a third is free, this is the longest gap");
        assert_eq!(torn.allocate(27, 2), (700, 7));
        assert_eq!(torn.allocate(20, 2), (1000, 20), "no gap of two is left");
        assert_eq!(torn.allocate(1, 1), (4, 1));
    }

    #[test]
    fn a_commit_that_is_torn_takes_the_longest_gaps_first() {
        let free = |page: &u64| [10, 11].contains(page) || (50..54).contains(page) || page % 3 == 1;
        let mut torn = with_taken((0..200).filter(|page| *page == 199 || !free(page)));
        let (first, pages) = torn.allocate(16, 2);
        assert!((49..54).contains(&first) && pages >= 4, "{pages} pages at {first}");
    }

    #[test]
    fn pages_that_the_durable_list_names_are_not_handed_out() {
        let page = |page: u64| page * PAGE_BYTES as u64;
        let mut allocator = with_taken(2..10);
        let listed = WrittenRun { address: page(11), bytes: PAGE_BYTES as u32, checksum: 0 };
        allocator.release(1, &[listed], &[]);
        assert_eq!(allocator.end(), 12);
        assert!(allocator.extend(10, 1));
        assert!(!allocator.extend(11, 1), "over a listed page");
        assert_eq!(allocator.allocate(2, 2), (12, 2));
    }

    #[test]
    fn neighbours_that_were_written_by_two_transactions_are_freed_each_in_its_time() {
        let page = |page: u64| page * PAGE_BYTES as u64;
        let mut allocator = with_taken(2..6);
        // Page 2 was written by transaction 5, page 3 before there was any snapshot.
        (allocator.transaction, allocator.walked) = (5, 5);
        allocator.births.insert(2, 5);
        allocator.free(page(2), PAGE_BYTES as u64);
        allocator.free(page(3), PAGE_BYTES as u64);
        allocator.commit(&[4]);
        allocator.release(6, &[], &[4]);
        assert!(allocator.is_free(2), "snapshot 4 does not see page 2");
        assert!(!allocator.is_free(3), "snapshot 4 sees page 3");
    }
}
