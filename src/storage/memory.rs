//! `Memory`: zeroed memory for many small things that are read in random order. The trees keep
//! edited leaves in it.

use bytemuck::{cast_slice, cast_slice_mut};
use memmap2::{Advice, MmapMut};

/// From this size on, memory is asked for on large pages.
const LARGE_BYTES: usize = 2 << 20;

/// Zeroed bytes that start at a multiple of 16.
///
/// A random read of memory on pages of 4 KiB often waits for the page table too. On pages of 2 MiB
/// it does not, so large pieces are mapped, and the system is asked for large pages.
#[derive(Debug)]
pub(crate) enum Memory {
    Heap(Vec<u128>),
    Map(MmapMut),
}

impl Memory {
    /// At least this many bytes.
    pub(crate) fn zeroed(bytes: usize) -> Memory {
        if bytes >= LARGE_BYTES
            && let Ok(map) = MmapMut::map_anon(bytes)
        {
            // Without large pages it works all the same.
            let _ = map.advise(Advice::HugePage);
            return Memory::Map(map);
        }
        Memory::Heap(vec![0; bytes.div_ceil(size_of::<u128>())])
    }

    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Memory::Heap(words) => cast_slice(words),
            Memory::Map(map) => map,
        }
    }

    #[inline(always)]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        match self {
            Memory::Heap(words) => cast_slice_mut(words),
            Memory::Map(map) => map,
        }
    }
}
