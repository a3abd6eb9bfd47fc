//! The verbs of one batch, and how far each of them is.

use kimbai_core::time::Micros;
use tokio_postgres::Row;

use super::Statements;
use super::queue::Queue;
use super::rows;
use super::statements::{Form, Kind};
use super::verb::{End, Found, Key, Verb};
use crate::StoreError;

/// Verbs of different grants, in the order of their kinds and keys: whoever locks rows locks them in this order.
pub(super) struct Batch {
    tasks: Vec<Task>,
}

/// One verb of a batch.
pub(super) struct Task {
    pub(super) verb: Verb,
    state: State,
}

/// Where a verb is within its batch.
#[derive(Debug)]
enum State {
    /// It is sent in this step.
    At(Step),
    /// Its end is known, once the batch is durable.
    Known(Found),
    /// Nothing was done; it is tried again.
    Again,
    /// Nothing was done, and nothing will be.
    Failed(StoreError),
}

/// The steps of a batch, each after the one before: a verb goes through one to three of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// With the others of its kind.
    Change,
    /// Alone, because the company failed, or might fail for its sake.
    ChangeAlone,
    /// The row was not changed and is looked at.
    Look,
    /// Alone, because the company failed.
    LookAlone,
}

impl Step {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 4] = [Self::Change, Self::ChangeAlone, Self::Look, Self::LookAlone];

    /// The form of its statements.
    pub(super) const fn form(self, statements: Statements) -> Form {
        match (self, statements) {
            (Self::Change | Self::Look, Statements::Batched) => Form::Rows,
            (Self::Change | Self::Look, Statements::Single) | (Self::ChangeAlone | Self::LookAlone, _) => Form::Row,
        }
    }

    const fn kind(self, verb: &Verb) -> Kind {
        match self {
            Self::Change | Self::ChangeAlone => verb.kind(),
            Self::Look | Self::LookAlone => Kind::Look,
        }
    }
}

/// What went wrong with a statement, of which nothing was done and whose connection is as good as before.
pub(super) enum Setback {
    /// A repetition may succeed.
    Again,
    /// Somebody else held a lock for too long.
    Locked,
    /// This is what the caller is told, if it is one verb's.
    Refused(StoreError),
}

/// Verbs that go out as one statement.
pub(super) struct Parcel<'t> {
    pub(super) kind: Kind,
    pub(super) form: Form,
    step: Step,
    tasks: Vec<&'t mut Task>,
}

impl Batch {
    /// These verbs, which are of different grants.
    pub(super) fn new(mut verbs: Vec<Verb>) -> Self {
        verbs.sort_unstable_by_key(|verb| (verb.kind(), verb.key));
        let tasks = verbs.into_iter().map(|verb| {
            let first = if verb.apart { Step::ChangeAlone } else { Step::Change };
            Task { verb, state: State::At(first) }
        });
        Self { tasks: tasks.collect() }
    }

    pub(super) const fn len(&self) -> usize {
        self.tasks.len()
    }

    /// What goes out in this step; of those that go alone, the next few.
    pub(super) fn parcels(&mut self, step: Step, statements: Statements) -> Vec<Parcel<'_>> {
        let form = step.form(statements);
        let most = if step == Step::ChangeAlone { APART_MAX } else { usize::MAX };
        let mut parcels: Vec<Parcel<'_>> = Vec::new();
        for task in self.tasks.iter_mut().filter(|task| task.is_at(step)).take(most) {
            let kind = step.kind(&task.verb);
            match parcels.last_mut() {
                Some(parcel) if form == Form::Rows && parcel.kind == kind => parcel.tasks.push(task),
                _ => parcels.push(Parcel { kind, form, step, tasks: vec![task] }),
            }
        }
        if step == Step::Look {
            // They come from verbs of all kinds.
            for parcel in &mut parcels {
                parcel.tasks.sort_unstable_by_key(|task| task.verb.key);
            }
        }
        parcels
    }

    /// How many were found locked by somebody else, and did nothing.
    pub(super) fn locked(&self) -> usize {
        self.tasks.iter().filter(|task| task.verb.apart && matches!(task.state, State::Again)).count()
    }

    /// The store's time in one of its statements.
    pub(super) fn time(&self) -> Option<Micros> {
        self.tasks.iter().find_map(|task| match &task.state {
            State::Known(found) => Some(found.now),
            State::At(_) | State::Again | State::Failed(_) => None,
        })
    }

    /// Whether an end rests on what was done before, of which nobody knows that it is durable.
    pub(super) fn rests_on_earlier(&self) -> bool {
        self.ends().any(|end| matches!(end, End::ChangedBefore | End::ChangedByAnother))
    }

    /// Whether it took a commit to know all ends, that of a barrier included.
    pub(super) fn has_committed(&self) -> bool {
        self.ends().any(|end| end != End::Unchanged)
    }

    fn ends(&self) -> impl Iterator<Item = End> {
        self.tasks.iter().filter_map(|task| match &task.state {
            State::Known(found) => Some(found.end),
            State::At(_) | State::Again | State::Failed(_) => None,
        })
    }

    /// Nobody knows what was done: all of it must be sent again.
    pub(super) fn put_back(self, queue: &Queue) {
        queue.put_back(self.tasks.into_iter().map(|mut task| {
            task.verb.doubt();
            task.verb
        }));
    }

    /// What is known is durable.
    pub(super) fn answer(self, queue: &Queue) {
        let mut again = Vec::new();
        for Task { mut verb, state } in self.tasks {
            match state {
                State::Known(found) => verb.answer(Ok(found)),
                State::Failed(error) => verb.answer(Err(error)),
                State::Again => {
                    verb.unsend();
                    again.push(verb);
                }
                // It was answered with something that is no row of it.
                State::At(_) => {
                    verb.doubt();
                    verb.answer(Err(StoreError::Unknown));
                }
            }
        }
        if !again.is_empty() {
            queue.put_back(again.into_iter());
        }
    }
}

impl Task {
    const fn is_at(&self, at: Step) -> bool {
        match self.state {
            State::At(step) => step as u8 == at as u8,
            State::Known(_) | State::Again | State::Failed(_) => false,
        }
    }
}

impl Parcel<'_> {
    pub(super) fn verbs(&self) -> impl Iterator<Item = &Verb> {
        self.tasks.iter().map(|task| &task.verb)
    }

    /// Takes what the server answered.
    pub(super) fn take(&mut self, rows: &[Row]) {
        if self.step == Step::Change || self.step == Step::ChangeAlone {
            self.tasks.iter_mut().for_each(|task| task.state = State::At(Step::Look));
        }
        for row in rows {
            if let Err(error) = self.take_row(row) {
                tracing::error!(%error, "an answer of PostgreSQL cannot be read");
            }
        }
    }

    fn take_row(&mut self, row: &Row) -> Result<(), StoreError> {
        let (now, key) = rows::head(row)?;
        let is_look = self.kind == Kind::Look;
        let Some(task) = self.task(key) else { return Ok(()) };
        task.state = match rows::seen(row, key.id) {
            Err(error) => {
                if !is_look {
                    // The row was changed.
                    task.verb.doubt();
                }
                State::Failed(error)
            }
            Ok(seen) if is_look => State::Known(task.verb.judge(now, seen)),
            // Not of this attempt: that cannot be, and is looked at.
            Ok(Some(seen)) if seen.grant.attempt != task.verb.attempt => return Ok(()),
            Ok(seen) => State::Known(Found { now, end: End::Changed, seen }),
        };
        Ok(())
    }

    fn task(&mut self, key: Key) -> Option<&mut Task> {
        let place = self.tasks.binary_search_by_key(&key, |task| task.verb.key).ok()?;
        self.tasks.get_mut(place).map(|task| &mut **task)
    }

    /// Takes what went wrong, in which nothing was done.
    pub(super) fn fail(&mut self, setback: &Setback) {
        let alone = self.tasks.len() == 1;
        let next =
            if matches!(self.step, Step::Change | Step::ChangeAlone) { Step::ChangeAlone } else { Step::LookAlone };
        for task in &mut self.tasks {
            task.state = match setback {
                Setback::Again | Setback::Locked | Setback::Refused(_) if !alone => State::At(next),
                Setback::Again => State::Again,
                Setback::Locked => {
                    task.verb.apart = true;
                    State::Again
                }
                Setback::Refused(error) => State::Failed(error.clone()),
            };
        }
    }
}

/// So many verbs whose rows may be locked go alone at a time, and so many such are in a batch from its start.
pub(super) const APART_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use kimbai_core::number::{AttemptId, GrantId, RealmNumber};

    use super::super::verb::Wish;
    use super::*;

    #[test]
    fn a_verb_that_was_sent_and_has_no_answer_is_unknown_and_not_sent_again() {
        let queue = Queue::new(Statements::Batched);
        let key = Key { realm: RealmNumber(1), id: GrantId(1) };
        let (verb, _, mut answer) = Verb::new(key, Wish::Look, AttemptId(1));
        let mut batch = Batch::new(vec![verb]);
        for mut parcel in batch.parcels(Step::Change, Statements::Batched) {
            parcel.take(&[]);
        }
        for mut parcel in batch.parcels(Step::Look, Statements::Batched) {
            parcel.take(&[]);
        }
        batch.answer(&queue);
        assert_eq!(answer.try_recv().unwrap().unwrap_err(), StoreError::Unknown);
        assert_eq!(queue.figures().0, 0);
    }
}
