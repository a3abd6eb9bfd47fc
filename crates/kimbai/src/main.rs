//! Kimbai.
fn main() {}
