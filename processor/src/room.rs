//! Room in lists of which there are many, or that are now and then very long.
//!
//! Doubling, as lists do by themselves, leaves a third of the memory of a large state idle; and a list keeps for good the room
//! of the largest transaction there ever was. [`crate::Scorer`] and [`crate::Normalizer`] ask here instead.

/// Makes room for so many more, in steps of an eighth to a quarter. They are the steps in which allocators hand out memory,
/// four from one power of two to the next, so that none of a block lies beside what was asked for.
pub(crate) fn grow<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        let bytes = (list.len() + more) * size_of::<T>();
        let block = bytes.next_multiple_of((bytes.next_power_of_two() / 8).max(8));
        list.reserve_exact(block / size_of::<T>() - list.len());
    }
}

/// Room for more than so many times what a transaction took goes back, as long as more than a little is left.
const KEPT_TIMES: usize = 4;
const KEPT_BYTES_MIN: usize = 64 << 10;

/// Empties a list of what a transaction did, keeping room for the next one.
pub(crate) fn empty<T>(list: &mut Vec<T>) {
    list.shrink_to((list.len() * KEPT_TIMES).max(KEPT_BYTES_MIN / size_of::<T>()));
    list.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_grows_by_an_eighth_to_a_quarter_and_only_when_it_must() {
        let mut list: Vec<[u8; 12]> = Vec::new();
        let mut steps = 0;
        for len in 0..100_000 {
            let before = list.capacity();
            grow(&mut list, 1);
            assert!(list.capacity() > len && (list.capacity() <= 8 || list.capacity() <= 1 + len + len / 4));
            assert!(list.capacity() == before || len == before, "room is left");
            steps += usize::from(list.capacity() > before);
            list.push([0; 12]);
        }
        assert!(steps < 70, "{steps}");
    }

    #[test]
    fn the_room_of_a_far_larger_transaction_goes_back_and_that_of_a_usual_one_stays() {
        let mut list = vec![0_u64; 1_000_000];
        empty(&mut list);
        assert!(list.is_empty() && list.capacity() >= 1_000_000);
        list.extend(0..300_000);
        empty(&mut list);
        assert!(list.capacity() >= 1_000_000, "less than four times");
        list.extend(0..20_000);
        empty(&mut list);
        assert!((20_000..=100_000).contains(&list.capacity()));
        empty(&mut list);
        assert!((8_192..=10_000).contains(&list.capacity()), "{}", list.capacity());
    }
}
