//! The one place that draws random bytes.

use aws_lc_rs::rand;

/// Fresh random bytes from the operating system's generator.
///
/// The library's generator reseeds itself and fails only if the operating system has none, in which case nothing that needs a
/// secret may go on: the process ends.
#[must_use]
pub fn random_array<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "this is the one place that draws random bytes")]
    let drawn = rand::fill(&mut bytes);
    if drawn.is_err() {
        std::process::abort();
    }
    bytes
}

/// 32 random bits.
#[must_use]
pub fn random_u32() -> u32 {
    u32::from_be_bytes(random_array())
}

/// 64 random bits.
#[must_use]
pub fn random_u64() -> u64 {
    u64::from_be_bytes(random_array())
}
