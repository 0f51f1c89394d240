//! Costs besides time.

fn main() {}
