//! Many short byte strings, each with a number of holders, side by side in one list: a block of its own for each would take half as
//! much again.

use std::collections::BTreeMap;

use super::NameId;
use crate::room::grow;

/// Cells of whole units, found by how many units lie before them.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Of each cell how many hold it, the length of its bytes with two flags, its bytes.
    bytes: Vec<u8>,
    /// By the units of a cell the one last freed. A free cell says instead of its holders which was freed before it.
    free: BTreeMap<usize, NameId>,
}

/// Bytes of a unit.
const UNIT: usize = size_of::<u32>();
/// Bytes of a cell before its own.
const HEAD: usize = 2 * UNIT;
/// Beside the length: the cell is free.
const FREE: u32 = 1 << 31;
/// Beside the length: the flag that the owner gave it.
const FLAG: u32 = 1 << 30;
const LENGTH: u32 = FLAG - 1;
/// Follows the cell that was freed first.
const NONE: NameId = NameId(u32::MAX);

impl Cells {
    /// A cell with these bytes, which nobody holds.
    pub(super) fn put(&mut self, bytes: &[u8], flag: bool) -> NameId {
        let id = self.vacant(units(bytes.len()));
        self.set(id, [0, said(bytes.len(), flag)]);
        let start = at(id) + HEAD;
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        id
    }

    fn vacant(&mut self, units: usize) -> NameId {
        if let Some(id) = self.free.remove(&units) {
            let [before, _] = self.head(id);
            if NameId(before) != NONE {
                self.free.insert(units, NameId(before));
            }
            return id;
        }
        let start = self.bytes.len();
        grow(&mut self.bytes, units * UNIT);
        self.bytes.resize(start + units * UNIT, 0);
        NameId(short(start / UNIT))
    }

    /// Whether a cell, which may be free or none at all, has these bytes and this flag.
    pub(super) fn has(&self, id: NameId, bytes: &[u8], flag: bool) -> bool {
        let rest = self.bytes.get(at(id) + UNIT..).and_then(<[u8]>::split_first_chunk);
        rest.is_some_and(|(said_of_it, rest)| {
            u32::from_le_bytes(*said_of_it) == said(bytes.len(), flag) && rest.starts_with(bytes)
        })
    }

    /// The bytes of a cell, and its flag.
    pub(super) fn get(&self, id: NameId) -> (&[u8], bool) {
        let [_, said] = self.head(id);
        let start = at(id) + HEAD;
        (&self.bytes[start..start + (said & LENGTH) as usize], said & FLAG != 0)
    }

    /// One more holds it.
    pub(super) fn hold(&mut self, id: NameId) {
        let [held, said] = self.head(id);
        self.set(id, [held + 1, said]);
    }

    /// One less holds it. Returns how many do.
    pub(super) fn release(&mut self, id: NameId) -> u32 {
        let [held, said] = self.head(id);
        self.set(id, [held - 1, said]);
        held - 1
    }

    /// Frees a cell, unless somebody holds it or it is free already.
    pub(super) fn free(&mut self, id: NameId) {
        let [held, said] = self.head(id);
        if said & FREE == 0 && held == 0 {
            let before = self.free.insert(units((said & LENGTH) as usize), id).unwrap_or(NONE);
            self.set(id, [before.0, said | FREE]);
        }
    }

    /// Bytes that the cells take.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// The cells that are not free, each with how many hold it.
    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<(NameId, u32)> {
        let (mut all, mut id) = (Vec::new(), NameId(0));
        while at(id) < self.bytes.len() {
            let [held, said] = self.head(id);
            if said & FREE == 0 {
                all.push((id, held));
            }
            id.0 += short(units((said & LENGTH) as usize));
        }
        all
    }

    fn head(&self, id: NameId) -> [u32; 2] {
        let head: &[u8; HEAD] = self.bytes[at(id)..].first_chunk().expect("a cell lies within the list");
        let [a, b, c, d, e, f, g, h] = *head;
        [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
    }

    fn set(&mut self, id: NameId, [held, said]: [u32; 2]) {
        let head = &mut self.bytes[at(id)..at(id) + HEAD];
        head[..UNIT].copy_from_slice(&held.to_le_bytes());
        head[UNIT..].copy_from_slice(&said.to_le_bytes());
    }
}

/// Where a cell begins.
fn at(id: NameId) -> usize {
    id.0 as usize * UNIT
}

/// Units of a cell of so many bytes.
fn units(len: usize) -> usize {
    (HEAD + len).div_ceil(UNIT)
}

fn said(len: usize, flag: bool) -> u32 {
    let len = short(len);
    assert!(len <= LENGTH, "a name takes less than 1 GiB");
    len | if flag { FLAG } else { 0 }
}

fn short(number: usize) -> u32 {
    u32::try_from(number).expect("names take less than 16 GiB")
}
