//! A static search tree in memory: the limit of look-ups by key. An S+ tree: the keys in order, in
//! blocks of 16, and above them levels of blocks of 16 separators with 17 children each. A search
//! reads one block per level and compares all its keys at once, without a branch that depends on
//! the key.

/// The keys of a block: two cache lines, which the processor fetches together.
const KEYS: usize = 16;
/// How many searches should go down the levels side by side.
pub(super) const LANES: usize = 32;

/// Keys in ascending order, as signed numbers, because only those have a comparison instruction.
#[derive(Clone, Copy)]
#[repr(align(128))]
struct Block([i64; KEYS]);

/// The levels from the root down; the last one has all keys.
pub(super) struct SearchTree {
    levels: Vec<Vec<Block>>,
    /// Whether the processor can compare four keys at once.
    wide: bool,
}

fn signed(key: u64) -> i64 {
    (key ^ (1 << 63)).cast_signed()
}

/// How many keys of the block are less.
#[inline(always)]
fn rank(block: &Block, key: i64) -> usize {
    block.0.iter().map(|&other| i64::from(other < key)).sum::<i64>() as usize
}

/// Blocks of these keys. The places that are left hold the largest number, which is never less.
fn blocks(keys: &[i64], keys_a_block: usize) -> Vec<Block> {
    let block = |keys: &[i64]| {
        let mut block = Block([i64::MAX; KEYS]);
        let keys = &keys[..keys.len().min(KEYS)];
        block.0[..keys.len()].copy_from_slice(keys);
        block
    };
    let mut blocks = in_large_pages(keys.len().div_ceil(keys_a_block));
    blocks.extend(keys.chunks(keys_a_block).map(block));
    blocks
}

/// An empty `Vec` in pages of 2 MiB, where the system has them: with pages of 4 KiB, a search would
/// also wait for the addresses of pages.
#[expect(unsafe_code, reason = "advice for the system")]
pub(super) fn in_large_pages<T>(capacity: usize) -> Vec<T> {
    const PAGE_BYTES: usize = 4096;
    let mut memory: Vec<T> = Vec::with_capacity(capacity);
    let bytes = memory.spare_capacity_mut();
    let (begin, end) = (bytes.as_mut_ptr_range().start as usize, bytes.as_mut_ptr_range().end as usize);
    let (begin, end) = (begin.next_multiple_of(PAGE_BYTES), end / PAGE_BYTES * PAGE_BYTES);
    if begin < end {
        // SAFETY: the pages belong to `memory`, and the advice does not change what they hold. If
        // it fails, the pages are small.
        unsafe { libc::madvise(begin as *mut libc::c_void, end - begin, libc::MADV_HUGEPAGE) };
    }
    memory
}

impl SearchTree {
    /// A tree of keys in ascending order.
    pub(super) fn new(keys: &[u64]) -> SearchTree {
        let keys: Vec<i64> = keys.iter().map(|&key| signed(key)).collect();
        let mut levels = vec![blocks(&keys, KEYS)];
        // The largest key of each block of the level below. It separates the block from the next.
        let mut largest: Vec<i64> = keys.chunks(KEYS).map(|block| block[block.len() - 1]).collect();
        while largest.len() > 1 {
            let above = largest.chunks(KEYS + 1).map(|children| children[children.len() - 1]).collect();
            // Nothing is to the right of the last block.
            if let Some(last) = largest.last_mut() {
                *last = i64::MAX;
            }
            levels.insert(0, blocks(&largest, KEYS + 1));
            largest = above;
        }
        #[cfg(target_arch = "x86_64")]
        let wide = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("popcnt");
        #[cfg(not(target_arch = "x86_64"))]
        let wide = false;
        SearchTree { levels, wide }
    }

    #[inline(always)]
    fn search<const LANES: usize>(&self, keys: &[u64; LANES]) -> [usize; LANES] {
        let mut places = [0; LANES];
        let Some((leaves, branches)) = self.levels.split_last() else { return places };
        for level in branches {
            for (place, &key) in places.iter_mut().zip(keys) {
                *place = *place * (KEYS + 1) + rank(&level[*place], signed(key));
            }
        }
        for (place, &key) in places.iter_mut().zip(keys) {
            *place = *place * KEYS + rank(&leaves[*place], signed(key));
        }
        places
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,popcnt")]
    fn search_wide<const LANES: usize>(&self, keys: &[u64; LANES]) -> [usize; LANES] {
        self.search(keys)
    }

    /// The places of the first keys that are not less. Searches that wait for memory overlap.
    #[inline]
    #[expect(unsafe_code, reason = "instructions that not every processor has")]
    pub(super) fn places<const LANES: usize>(&self, keys: &[u64; LANES]) -> [usize; LANES] {
        #[cfg(target_arch = "x86_64")]
        if self.wide {
            // SAFETY: `wide` is only set if the processor has these instructions.
            return unsafe { self.search_wide(keys) };
        }
        self.search(keys)
    }

    /// Whether the key is at this place.
    #[inline]
    pub(super) fn holds(&self, place: usize, key: u64) -> bool {
        let block = self.levels.last().and_then(|leaves| leaves.get(place / KEYS));
        block.is_some_and(|block| block.0[place % KEYS] == signed(key))
    }
}
