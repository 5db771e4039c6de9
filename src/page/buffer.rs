//! `Buffer`: bytes in memory, aligned for every record type, so that an edited leaf can be used as
//! a slice of records. The trees hold edited leaves in it.

use bytemuck::cast_slice;

const WORD_BYTES: usize = size_of::<u128>();

/// A growable vector of bytes that starts at a multiple of 16.
#[derive(Clone, Default, Debug)]
pub(crate) struct Buffer {
    words: Vec<u128>,
    len: usize,
    /// Where the last insert put its bytes, if the length has not changed since.
    inserted_at: Option<usize>,
}

impl Buffer {
    /// An empty buffer with room for `bytes` bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Buffer {
        Buffer { words: Vec::with_capacity(bytes.div_ceil(WORD_BYTES)), len: 0, inserted_at: None }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &cast_slice(&self.words)[..self.len]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }

    /// Appends the bytes.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let at = self.len;
        self.resize(at + bytes.len());
        self.as_mut_slice()[at..].copy_from_slice(bytes);
    }

    /// Inserts the bytes at `at`, and moves those behind them.
    pub(crate) fn insert(&mut self, at: usize, bytes: &[u8]) {
        let end = self.len;
        self.resize(end + bytes.len());
        let all = self.as_mut_slice();
        all.copy_within(at..end, at + bytes.len());
        all[at..at + bytes.len()].copy_from_slice(bytes);
        self.inserted_at = Some(at);
    }

    /// Where the last [`insert`](Buffer::insert) put its bytes, if the length has not changed
    /// since.
    pub(crate) fn inserted_at(&self) -> Option<usize> {
        self.inserted_at
    }

    /// Removes `len` bytes at `at`, and moves those behind them.
    pub(crate) fn remove(&mut self, at: usize, len: usize) {
        self.as_mut_slice().copy_within(at + len.., at);
        self.resize(self.len - len);
    }

    /// Truncates it to this length.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.resize(self.len.min(len));
    }

    fn resize(&mut self, len: usize) {
        self.words.resize(len.div_ceil(WORD_BYTES), 0);
        (self.len, self.inserted_at) = (len, None);
    }
}
