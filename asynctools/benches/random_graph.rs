//! A graph of calls that need two others each: for `graphs`, and for the program that measures features.

use std::hint::black_box;

/// The value of a node, by those of the two that it needs.
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    black_box(a.rotate_left(5) ^ b.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// For each node but the first the two that it needs, anywhere before it; the same in every run.
pub(crate) fn edges(nodes: u64) -> Vec<(usize, usize)> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut below = move |limit: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % limit).expect("a node has a small number")
    };
    (1..nodes).map(|node| (below(node), below(node))).collect()
}

/// The sum of all values, without any call.
pub(crate) fn expected(edges: &[(usize, usize)]) -> u64 {
    let mut values = vec![1];
    for &(a, b) in edges {
        values.push(mix(values[a], values[b]));
    }
    values.into_iter().fold(0, u64::wrapping_add)
}
