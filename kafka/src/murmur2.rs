//! The partitioner of Kafka's Java client: murmur2 of the key, sign bit cleared, modulo the partition count.
//!
//! Pure. Whoever produces with another client lands on the same partition, so keys co-locate across languages.

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;

/// The partition of `key` among `partitions` partitions, as Kafka's Java producer places it.
///
/// # Panics
/// If `partitions` is not positive.
#[must_use]
pub fn partition_for(key: &[u8], partitions: i32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition");
    // Clearing the sign bit leaves 31 bits, which always fit.
    let positive = i32::try_from(murmur2(key) & 0x7fff_ffff).expect("31 bits fit in an i32");
    positive % partitions
}

/// Java's `Utils.murmur2`, as unsigned bits.
#[must_use]
pub fn murmur2(data: &[u8]) -> u32 {
    // Kafka limits a key far below 4 GiB; Java's length is 32 bits as well.
    let length = u32::try_from(data.len() & 0xffff_ffff).expect("masked to 32 bits");
    let mut hash = SEED ^ length;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        k = k.wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn the_hash_equals_that_of_the_java_client() {
        let cases: [(&str, i32); 7] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
            ("", 275_646_681),
        ];
        for (key, expected) in cases {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), expected, "{key}");
        }
    }

    #[test]
    fn a_negative_hash_still_gives_a_partition() {
        assert_eq!(partition_for(b"21", 12), (-973_932_308_i32 & 0x7fff_ffff) % 12);
        for key in 0..1_000_u32 {
            let partition = partition_for(&key.to_le_bytes(), 12);
            assert!((0..12).contains(&partition));
        }
    }
}
