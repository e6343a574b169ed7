//! A hash table from keys to slab positions, for look-up only.
//!
//! It cannot be iterated, so its order cannot show in any output, and its hash has no random seed. The keys stay in
//! the slab; a slot holds 32 bits of hash and a position. [`crate::Normalizer`] and [`crate::Scorer`] keep one each.

/// Positions by key. The owner says which key a position has.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyIndex {
    /// Hash in the upper half, position + 1 in the lower; 0 is an empty slot. A power of two of them, or none.
    slots: Vec<u64>,
    len: usize,
}

impl KeyIndex {
    /// The position of a key.
    pub(crate) fn get<'k>(&self, key: &str, key_at: impl Fn(u32) -> &'k str) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let hash = hash(key.as_bytes());
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            let position = position(slot);
            if hash_of(slot) == hash && key_at(position) == key {
                return Some(position);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Adds a key that is not in the table.
    pub(crate) fn insert(&mut self, key: &str, position: u32) {
        // At most three quarters full, so that probes stay short.
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            let larger = vec![0; (self.slots.len() * 2).max(16)];
            let old = std::mem::replace(&mut self.slots, larger);
            for slot in old.into_iter().filter(|slot| *slot != 0) {
                self.place(slot);
            }
        }
        self.place((u64::from(hash(key.as_bytes())) << 32) | (u64::from(position) + 1));
        self.len += 1;
    }

    /// Takes out a key with its position; nothing happens when it is not there.
    pub(crate) fn remove(&mut self, key: &str, position_of_key: u32) {
        if self.slots.is_empty() {
            return;
        }
        let mask = self.slots.len() - 1;
        let mut at = self.home(hash(key.as_bytes()));
        while self.slots[at] != 0 && position(self.slots[at]) != position_of_key {
            at = (at + 1) & mask;
        }
        if self.slots[at] == 0 {
            return;
        }
        self.len -= 1;
        // Entries behind the gap move into it when that brings them nearer to their home.
        let mut next = (at + 1) & mask;
        while self.slots[next] != 0 {
            let home = self.home(hash_of(self.slots[next]));
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(at) & mask) {
                self.slots[at] = self.slots[next];
                at = next;
            }
            next = (next + 1) & mask;
        }
        self.slots[at] = 0;
    }

    fn place(&mut self, slot: u64) {
        let mut at = self.home(hash_of(slot));
        while self.slots[at] != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted; it is never 0 in a used slot")]
fn position(slot: u64) -> u32 {
    slot as u32 - 1
}

fn hash_of(slot: u64) -> u32 {
    (slot >> 32) as u32
}

/// Eight bytes at a time, each folded into the state by the two halves of a 128-bit product.
#[expect(clippy::cast_possible_truncation, reason = "the halves of the product are wanted")]
pub(crate) fn hash(key: &[u8]) -> u32 {
    let fold = |value: u64| {
        let product = u128::from(value) * 0x9e37_79b9_7f4a_7c15_u128;
        (product as u64) ^ ((product >> 64) as u64)
    };
    let mut state = key.len() as u64 ^ 0x2545_f491_4f6c_dd1d;
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let (chunks, rest) = key.as_chunks();
    for chunk in chunks {
        state = fold(state ^ word(chunk));
    }
    // The last bytes, of a long key with some that were taken already.
    let last = key
        .last_chunk()
        .map_or_else(|| rest.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), word);
    state = fold(fold(state ^ last));
    (state ^ (state >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_finds_what_an_ordered_map_finds(steps in proptest::collection::vec((0..60_u32, any::<bool>()), 0..400)) {
            let (mut index, mut map) = (KeyIndex::default(), BTreeMap::new());
            let keys: Vec<_> = (0..60).map(|n| format!("facebook:12345:{n}")).collect();
            for (number, insert) in steps {
                let key = &keys[number as usize];
                if insert && !map.contains_key(key) {
                    index.insert(key, number);
                    map.insert(key, number);
                } else if !insert {
                    index.remove(key, number);
                    map.remove(key);
                }
                for key in &keys {
                    prop_assert_eq!(index.get(key, |at| &keys[at as usize]), map.get(key).copied());
                }
            }
        }
    }
}
