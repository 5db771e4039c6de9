//! `EditedLeaves`: the leaves of a tree that are edited in memory, in slots of a few large pieces.
//! `TreeWriter` holds it; `leaf_edit.rs` changes it, and views read from it.
//!
//! ```text
//! branch: children [slot 3 | stored | slot 0 …]     piece 0: slot 0
//!                      |                            piece 1: slots 1 and 2
//!                      '--------------------------> piece 2: slots 3 to 6, and so on
//! ```
//!
//! From a branch it is one step to the rows: no other memory is read on the way but their number,
//! twelve bytes for each leaf.
//!
//! A leaf that gets rows is cut into parts of at most [`part_bytes`](EditedLeaves::part_bytes), so
//! that an insert moves rows of one part. A flush joins them again. So there are slots of two
//! sizes: for parts, and for whole leaves.

use super::layout::Layout;
use super::split::Order;
use crate::page::Memory;

/// A leaf in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot(u32);

/// The bit of a [`Slot`] that says that it has room for a whole leaf.
const WHOLE: u32 = 1 << 31;

impl Slot {
    #[inline(always)]
    fn number(self) -> usize {
        (self.0 & !WHOLE) as usize
    }
}

/// Slots start at a multiple of this, so that no two leaves share a cache line.
const LINE_BYTES: usize = 64;

/// A part of a leaf: large enough that branches stay small, small enough that an insert moves few
/// bytes.
const PART_BYTES: usize = 4096;

/// A part has at least this many rows.
const PART_ROWS: usize = 16;

/// The mark of a leaf into which nothing was inserted since its length changed otherwise.
const NONE: u32 = u32::MAX;

/// Leaves in memory.
#[derive(Debug)]
pub(super) struct EditedLeaves {
    parts: Slots,
    whole: Slots,
}

/// Slots of one size.
#[derive(Debug)]
struct Slots {
    bytes: usize,
    /// Piece `k` has `2^k` slots.
    pieces: Vec<Memory>,
    states: Vec<SlotState>,
    /// The numbers of the slots that are not in use.
    free: Vec<u32>,
}

/// What is known of the bytes in a slot.
#[derive(Clone, Copy, Debug)]
struct SlotState {
    len: u32,
    /// Where the last insert put its bytes.
    inserted_at: u32,
    /// How many inserts in a row went right behind the one before; negative if right before it.
    streak: i16,
}

impl SlotState {
    const fn of_len(len: usize) -> SlotState {
        SlotState { len: len as u32, inserted_at: NONE, streak: 0 }
    }

    /// Notes an insert of `width` bytes.
    #[inline(always)]
    fn note(&mut self, at: usize, width: usize) {
        self.streak = match self.inserted_at as usize {
            last if last + width == at => self.streak.max(0).saturating_add(1),
            last if last == at => self.streak.min(0).saturating_sub(1),
            _ => 0,
        };
        self.len += width as u32;
        self.inserted_at = at as u32;
    }
}

/// After this many inserts in order, more will probably come in that order.
const STREAK: i16 = 3;

impl EditedLeaves {
    pub(super) fn new(layout: &Layout) -> EditedLeaves {
        let part = PART_BYTES.max(PART_ROWS * layout.width()).min(layout.leaf_bytes());
        EditedLeaves {
            parts: Slots::new(part.next_multiple_of(LINE_BYTES)),
            whole: Slots::new(layout.leaf_bytes().next_multiple_of(LINE_BYTES)),
        }
    }

    /// Forgets all leaves. Their memory is kept for the next ones: new memory costs more than to
    /// write it once.
    pub(super) fn clear(&mut self) {
        for slots in [&mut self.parts, &mut self.whole] {
            slots.states.clear();
            slots.free.clear();
        }
    }

    /// The bytes of a part. A longer leaf is cut before rows are inserted.
    #[inline(always)]
    pub(super) fn part_bytes(&self) -> usize {
        self.parts.bytes
    }

    /// The memory of the slots that are in use.
    pub(super) fn bytes_in_use(&self) -> usize {
        self.parts.bytes_in_use() + self.whole.bytes_in_use()
    }

    /// The bytes that a slot has room for.
    #[inline(always)]
    pub(super) fn room(&self, slot: Slot) -> usize {
        self.slots(slot).bytes
    }

    #[inline(always)]
    fn slots(&self, slot: Slot) -> &Slots {
        if slot.0 & WHOLE == 0 { &self.parts } else { &self.whole }
    }

    #[inline(always)]
    fn slots_mut(&mut self, slot: Slot) -> &mut Slots {
        if slot.0 & WHOLE == 0 { &mut self.parts } else { &mut self.whole }
    }

    #[inline(always)]
    pub(super) fn get(&self, slot: Slot) -> &[u8] {
        let slots = self.slots(slot);
        &slots.room(slot.number())[..slots.states[slot.number()].len as usize]
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut [u8] {
        let len = self.len(slot);
        &mut self.slots_mut(slot).room_mut(slot.number())[..len]
    }

    #[inline(always)]
    pub(super) fn len(&self, slot: Slot) -> usize {
        self.slots(slot).states[slot.number()].len as usize
    }

    /// A new leaf of `len` bytes, which `fill` writes, with room for a whole leaf.
    pub(super) fn add_whole<E>(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Slot, E> {
        let slot = Slot(self.whole.take() | WHOLE);
        self.whole.set_len(slot.number(), len);
        match fill(self.get_mut(slot)) {
            Ok(()) => Ok(slot),
            Err(error) => {
                self.release(slot);
                Err(error)
            }
        }
    }

    /// A new leaf with these records, in a slot that has room for as many bytes as `room`.
    pub(super) fn add(&mut self, records: &[u8], room: usize) -> Slot {
        let slot = match room {
            room if room <= self.parts.bytes => Slot(self.parts.take()),
            _ => Slot(self.whole.take() | WHOLE),
        };
        self.extend(slot, records);
        slot
    }

    /// Gives a slot back. Nothing refers to it any more.
    pub(super) fn release(&mut self, slot: Slot) {
        let slots = self.slots_mut(slot);
        slots.set_len(slot.number(), 0);
        slots.free.push(slot.number() as u32);
    }

    /// Appends records, which must fit.
    pub(super) fn extend(&mut self, slot: Slot, records: &[u8]) {
        let (len, slots) = (self.len(slot), self.slots_mut(slot));
        slots.room_mut(slot.number())[len..len + records.len()].copy_from_slice(records);
        slots.set_len(slot.number(), len + records.len());
    }

    /// Inserts a record at `at`, and moves those behind it. It must fit.
    #[inline]
    pub(super) fn insert(&mut self, slot: Slot, at: usize, record: &[u8]) {
        let (len, width, slots) = (self.len(slot), record.len(), self.slots_mut(slot));
        let room = &mut slots.room_mut(slot.number())[..len + width];
        room.copy_within(at..len, at + width);
        room[at..at + width].copy_from_slice(record);
        slots.states[slot.number()].note(at, width);
    }

    /// Where the last [`insert`](EditedLeaves::insert) put its bytes, if the length has not changed
    /// since.
    pub(super) fn inserted_at(&self, slot: Slot) -> Option<usize> {
        let at = self.slots(slot).states[slot.number()].inserted_at;
        (at != NONE).then_some(at as usize)
    }

    /// The order of the last inserts of `width` bytes, if the last one ends or begins the slot, and
    /// was one of several in a row.
    pub(super) fn order(&self, slot: Slot, width: usize) -> Order {
        let SlotState { len, inserted_at, streak } = self.slots(slot).states[slot.number()];
        match inserted_at as usize {
            at if streak >= STREAK && at + width == len as usize => Order::Ascending,
            0 if streak <= -STREAK => Order::Descending,
            _ => Order::None,
        }
    }

    /// Removes `bytes` bytes at `at`, and moves those behind them.
    pub(super) fn remove(&mut self, slot: Slot, at: usize, bytes: usize) {
        let len = self.len(slot);
        self.get_mut(slot).copy_within(at + bytes.., at);
        self.truncate(slot, len - bytes);
    }

    /// Keeps the first `len` bytes.
    pub(super) fn truncate(&mut self, slot: Slot, len: usize) {
        let len = len.min(self.len(slot));
        self.slots_mut(slot).set_len(slot.number(), len);
    }

    /// Moves the bytes from `at` on to a new leaf with room for `more` bytes behind them.
    pub(super) fn split_off(&mut self, slot: Slot, at: usize, more: usize) -> Slot {
        let bytes = self.len(slot) - at;
        let right = self.add(&[], bytes + more);
        self.move_tail(slot, at, right);
        right
    }

    /// Puts the bytes of a leaf behind those of another one, and gives its slot back. Returns the
    /// slot of both: a larger one where they do not fit.
    pub(super) fn join(&mut self, into: Slot, from: Slot) -> Slot {
        let mut joined = into;
        if self.len(into) + self.len(from) > self.room(into) {
            joined = self.add(&[], self.whole.bytes);
            self.move_tail(into, 0, joined);
            self.release(into);
        }
        self.move_tail(from, 0, joined);
        self.release(from);
        joined
    }

    /// Moves the bytes from `at` on to the end of another leaf, where they must fit.
    fn move_tail(&mut self, from: Slot, at: usize, to: Slot) {
        let moved = self.get(from)[at..].to_vec();
        self.extend(to, &moved);
        self.truncate(from, at);
    }
}

impl Slots {
    fn new(bytes: usize) -> Slots {
        Slots { bytes, pieces: Vec::new(), states: Vec::new(), free: Vec::new() }
    }

    fn bytes_in_use(&self) -> usize {
        (self.states.len() - self.free.len()) * self.bytes
    }

    /// An empty slot.
    fn take(&mut self) -> u32 {
        if let Some(number) = self.free.pop() {
            return number;
        }
        let number = self.states.len();
        let (piece, _) = self.place(number);
        if piece == self.pieces.len() {
            self.pieces.push(Memory::zeroed(self.bytes << piece));
        }
        self.states.push(SlotState::of_len(0));
        number as u32
    }

    /// Where a slot lies: its piece, and the offset there.
    #[inline(always)]
    fn place(&self, number: usize) -> (usize, usize) {
        let piece = (number + 1).ilog2() as usize;
        (piece, (number + 1 - (1 << piece)) * self.bytes)
    }

    #[inline(always)]
    fn room(&self, number: usize) -> &[u8] {
        let (piece, at) = self.place(number);
        &self.pieces[piece].as_slice()[at..at + self.bytes]
    }

    #[inline(always)]
    fn room_mut(&mut self, number: usize) -> &mut [u8] {
        let (piece, at) = self.place(number);
        &mut self.pieces[piece].as_mut_slice()[at..at + self.bytes]
    }

    fn set_len(&mut self, number: usize, len: usize) {
        self.states[number] = SlotState::of_len(len);
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
        let mut leaves = EditedLeaves { parts: Slots::new(64), whole: Slots::new(128) };
        let mut model: Vec<(Slot, Vec<u8>)> = Vec::new();
        for step in 0..20_000_u32 {
            let byte = step as u8;
            let pick = random.usize(..model.len().max(1));
            match random.u8(..8) {
                0 | 1 => model.push((leaves.add(&[byte; 20], random.usize(20..128)), vec![byte; 20])),
                2 | 3 => {
                    if let Some((slot, bytes)) =
                        model.get_mut(pick).filter(|(slot, bytes)| bytes.len() + 5 <= leaves.room(*slot))
                    {
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
                        let right = (leaves.split_off(*slot, at, 5), bytes.split_off(at));
                        model.push(right);
                    }
                }
                6 if model.len() > 1 => {
                    let (slot, bytes) = model.swap_remove(pick);
                    let to = random.usize(..model.len());
                    if model[to].1.len() + bytes.len() <= 128 {
                        model[to].0 = leaves.join(model[to].0, slot);
                        model[to].1.extend(&bytes);
                    } else {
                        leaves.release(slot);
                    }
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
        assert!(leaves.parts.pieces.len() > 7 && leaves.whole.pieces.len() > 7);
        let room: usize = model.iter().map(|(slot, _)| leaves.room(*slot)).sum();
        assert_eq!(leaves.bytes_in_use(), room);
        leaves.clear();
        assert_eq!(leaves.add(&[1], 1), Slot(0));
    }
}
