//! `EditedLeaves`: the leaves of a tree that are edited in memory, in slots of a few large pieces.
//! `TreeWriter` holds it; `leaf_edit.rs` changes it, and views read from it.
//!
//! ```text
//! branch: children [slot 3 | stored | slot 0 …]     piece 0: slot 0
//!                      |                            piece 1: slots 1 and 2
//!                      '--------------------------> piece 2: slots 3 to 6, and so on
//! ```
//!
//! From a branch it is one step to the rows: no other memory is read on the way but the lengths,
//! four bytes for each leaf.

use crate::page::Memory;

/// A leaf in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot(u32);

/// Slots start at a multiple of this, so that no two leaves share a cache line.
const LINE_BYTES: usize = 64;

/// The mark of a leaf into which nothing was inserted since its length changed otherwise.
const NONE: u32 = u32::MAX;

/// Leaves in memory, each of at most `leaf_bytes` bytes.
#[derive(Debug)]
pub(super) struct EditedLeaves {
    slot_bytes: usize,
    /// Piece `k` has `2^k` slots.
    pieces: Vec<Memory>,
    /// The bytes that each slot holds.
    lens: Vec<u32>,
    /// Where the last insert into each slot put its bytes.
    inserted_at: Vec<u32>,
    /// Slots that are not in use.
    free: Vec<Slot>,
}

impl EditedLeaves {
    pub(super) fn new(leaf_bytes: usize) -> EditedLeaves {
        EditedLeaves {
            slot_bytes: leaf_bytes.next_multiple_of(LINE_BYTES),
            pieces: Vec::new(),
            lens: Vec::new(),
            inserted_at: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Forgets all leaves, and frees their memory.
    pub(super) fn clear(&mut self) {
        *self = EditedLeaves::new(self.slot_bytes);
    }

    /// Where a slot lies: its piece, and the offset there.
    #[inline(always)]
    fn place(&self, slot: Slot) -> (usize, usize) {
        let number = slot.0 as usize + 1;
        let piece = number.ilog2() as usize;
        (piece, (number - (1 << piece)) * self.slot_bytes)
    }

    #[inline(always)]
    pub(super) fn get(&self, slot: Slot) -> &[u8] {
        let (piece, at) = self.place(slot);
        &self.pieces[piece].as_slice()[at..at + self.lens[slot.0 as usize] as usize]
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut [u8] {
        let (piece, at) = self.place(slot);
        let len = self.lens[slot.0 as usize] as usize;
        &mut self.pieces[piece].as_mut_slice()[at..at + len]
    }

    #[inline(always)]
    pub(super) fn len(&self, slot: Slot) -> usize {
        self.lens[slot.0 as usize] as usize
    }

    /// A new leaf with these records.
    pub(super) fn add(&mut self, records: &[u8]) -> Slot {
        let slot = self.take();
        self.extend(slot, records);
        slot
    }

    /// An empty slot.
    fn take(&mut self) -> Slot {
        if let Some(slot) = self.free.pop() {
            return slot;
        }
        let slot = Slot(self.lens.len() as u32);
        let (piece, _) = self.place(slot);
        if piece == self.pieces.len() {
            self.pieces.push(Memory::zeroed(self.slot_bytes << piece));
        }
        self.lens.push(0);
        self.inserted_at.push(NONE);
        slot
    }

    /// Gives a slot back. Nothing refers to it any more.
    pub(super) fn release(&mut self, slot: Slot) {
        self.set_len(slot, 0);
        self.free.push(slot);
    }

    fn set_len(&mut self, slot: Slot, len: usize) {
        self.lens[slot.0 as usize] = len as u32;
        self.inserted_at[slot.0 as usize] = NONE;
    }

    /// The whole slot. A leaf never grows past it.
    #[inline(always)]
    fn whole(&mut self, slot: Slot) -> &mut [u8] {
        let (piece, at) = self.place(slot);
        &mut self.pieces[piece].as_mut_slice()[at..at + self.slot_bytes]
    }

    /// Appends records, which must fit.
    pub(super) fn extend(&mut self, slot: Slot, records: &[u8]) {
        let len = self.len(slot);
        self.whole(slot)[len..len + records.len()].copy_from_slice(records);
        self.set_len(slot, len + records.len());
    }

    /// Inserts a record at `at`, and moves those behind it. It must fit.
    #[inline]
    pub(super) fn insert(&mut self, slot: Slot, at: usize, record: &[u8]) {
        let (len, width) = (self.len(slot), record.len());
        let whole = &mut self.whole(slot)[..len + width];
        whole.copy_within(at..len, at + width);
        whole[at..at + width].copy_from_slice(record);
        self.lens[slot.0 as usize] = (len + width) as u32;
        self.inserted_at[slot.0 as usize] = at as u32;
    }

    /// Where the last [`insert`](EditedLeaves::insert) put its bytes, if the length has not changed
    /// since.
    pub(super) fn inserted_at(&self, slot: Slot) -> Option<usize> {
        let at = self.inserted_at[slot.0 as usize];
        (at != NONE).then_some(at as usize)
    }

    /// Removes `bytes` bytes at `at`, and moves those behind them.
    pub(super) fn remove(&mut self, slot: Slot, at: usize, bytes: usize) {
        let len = self.len(slot);
        self.get_mut(slot).copy_within(at + bytes.., at);
        self.set_len(slot, len - bytes);
    }

    /// Keeps the first `len` bytes.
    pub(super) fn truncate(&mut self, slot: Slot, len: usize) {
        let len = len.min(self.len(slot));
        self.set_len(slot, len);
    }

    /// Moves the bytes from `at` on to the end of another leaf, where they must fit.
    pub(super) fn move_tail(&mut self, from: Slot, at: usize, to: Slot) {
        let ((from_piece, from_at), (to_piece, to_at)) = (self.place(from), self.place(to));
        let (len, to_len) = (self.len(from), self.len(to));
        let (source, target) = (from_at + at..from_at + len, to_at + to_len);
        if from_piece == to_piece {
            self.pieces[from_piece].as_mut_slice().copy_within(source, target);
        } else if let Ok([from, to]) = self.pieces.get_disjoint_mut([from_piece, to_piece]) {
            let moved = &from.as_slice()[source];
            to.as_mut_slice()[target..target + moved.len()].copy_from_slice(moved);
        }
        self.set_len(to, to_len + len - at);
        self.set_len(from, at);
    }

    /// A new leaf with the bytes from `at` on, which leave this one.
    pub(super) fn split_off(&mut self, slot: Slot, at: usize) -> Slot {
        let right = self.take();
        self.move_tail(slot, at, right);
        right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same edits of slots and of plain vectors leave the same bytes, whichever pieces the
    /// slots are in.
    #[test]
    fn slots_hold_what_vectors_hold() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut leaves = EditedLeaves::new(100);
        let mut model: Vec<(Slot, Vec<u8>)> = Vec::new();
        for step in 0..20_000_u32 {
            let byte = step as u8;
            let pick = random.usize(..model.len().max(1));
            match random.u8(..8) {
                0 | 1 => model.push((leaves.add(&[byte; 20]), vec![byte; 20])),
                2 | 3 => {
                    if let Some((slot, bytes)) = model.get_mut(pick).filter(|(_, bytes)| bytes.len() <= 95) {
                        let at = random.usize(..=bytes.len());
                        leaves.insert(*slot, at, &[byte; 5]);
                        bytes.splice(at..at, [byte; 5]);
                        assert_eq!(leaves.inserted_at(*slot), Some(at));
                    }
                }
                4 => {
                    if let Some((slot, bytes)) = model.get_mut(pick).filter(|(_, bytes)| bytes.len() >= 5) {
                        let at = random.usize(..=bytes.len() - 5);
                        leaves.remove(*slot, at, 5);
                        bytes.drain(at..at + 5);
                        assert_eq!(leaves.inserted_at(*slot), None);
                    }
                }
                5 => {
                    if let Some((slot, bytes)) = model.get_mut(pick) {
                        let at = random.usize(..=bytes.len());
                        let right = (leaves.split_off(*slot, at), bytes.split_off(at));
                        model.push(right);
                    }
                }
                6 if model.len() > 1 => {
                    let (slot, bytes) = model.swap_remove(pick);
                    let to = random.usize(..model.len());
                    if model[to].1.len() + bytes.len() <= 100 {
                        leaves.move_tail(slot, 0, model[to].0);
                        model[to].1.extend(&bytes);
                    }
                    leaves.release(slot);
                }
                _ => {
                    if let Some((slot, bytes)) = model.get_mut(pick) {
                        let len = random.usize(..=bytes.len());
                        leaves.truncate(*slot, len);
                        bytes.truncate(len);
                    }
                }
            }
            if step % 100 == 0 {
                assert!(model.iter().all(|(slot, bytes)| leaves.get(*slot) == bytes), "step {step}");
            }
        }
        assert!(leaves.pieces.len() > 8);
        leaves.clear();
        assert_eq!(leaves.add(&[1]), Slot(0));
    }
}
