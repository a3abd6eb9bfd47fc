//! The suite on SQLite, in memory and in a directory.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod memory {
    use std::sync::Arc;

    use kimbai_store::Clock;
    use kimbai_store::sqlite::{Location, Options, SqliteStore};
    use kimbai_store::suite::Subject;

    fn fresh() -> Subject {
        let clock = Clock::default();
        let store = SqliteStore::open(Location::Memory, clock.clone(), Options::default()).unwrap();
        Subject::new(Arc::new(store), clock, ())
    }

    kimbai_store::suite!(fresh);
}

mod directory {
    use std::sync::Arc;

    use kimbai_store::Clock;
    use kimbai_store::sqlite::{Location, Options, SqliteStore};
    use kimbai_store::suite::Subject;

    fn fresh() -> Subject {
        let (clock, directory) = (Clock::default(), tempfile::tempdir().unwrap());
        let location = Location::Directory(directory.path().join("store"));
        let store = SqliteStore::open(location, clock.clone(), Options::default()).unwrap();
        Subject::new(Arc::new(store), clock, directory)
    }

    kimbai_store::suite!(fresh);
}
