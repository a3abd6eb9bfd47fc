//! PostgreSQL: the suite in both forms of its statements, and each trap that only this store has.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod batches;
mod outages;
mod resources;
mod scene;
mod servers;
mod tls;

mod batched {
    use kimbai_store::postgres::Statements;
    use kimbai_store::suite::Subject;

    fn fresh() -> Subject {
        super::scene::subject(Statements::Batched)
    }

    kimbai_store::suite!(fresh);
}

mod single {
    use kimbai_store::postgres::Statements;
    use kimbai_store::suite::Subject;

    fn fresh() -> Subject {
        super::scene::subject(Statements::Single)
    }

    kimbai_store::suite!(fresh);
}
