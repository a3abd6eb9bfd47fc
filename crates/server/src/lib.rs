//! Kimbai.
