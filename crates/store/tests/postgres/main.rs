//! PostgreSQL: the suite in both forms of its statements on two versions, and each trap that only this store has.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod batches;
mod outages;
mod resources;
mod scene;
mod servers;
mod tls;

/// The suite on one version, which is among those under test.
macro_rules! suites {
    ($($room:ident: $version:expr, $statements:expr;)*) => {
        $(mod $room {
            use kimbai_postgres_fixture::Version;
            use kimbai_store::postgres::Statements;
            use kimbai_store::suite::Subject;

            fn fresh() -> Subject {
                crate::scene::subject(*$version.unwrap(), $statements)
            }

            kimbai_store::suite!(fresh);
        })*
    };
}

suites! {
    batched_oldest: Version::under_test().first(), Statements::Batched;
    batched_newest: Version::under_test().last(), Statements::Batched;
    single_oldest: Version::under_test().first(), Statements::Single;
    single_newest: Version::under_test().last(), Statements::Single;
}
