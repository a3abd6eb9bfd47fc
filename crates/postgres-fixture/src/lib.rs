//! A PostgreSQL of one's own for tests and benchmarks: started on a new directory, gone with its owner.
