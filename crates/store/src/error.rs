//! What can go wrong in a store, by what the caller may conclude from it.

/// A failure of the store, never a refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It was certainly not carried out: the store is closed, overloaded or restarting. Answered 503.
    #[error("the store is not available")]
    NotDone,
    /// It may have been carried out: a flush or the connection failed in the middle. The caller may repeat the same attempt.
    #[error("the outcome is unknown")]
    Unknown,
    /// The store holds something this version cannot read: corruption, or a newer schema.
    #[error("the store is unreadable: {0}")]
    Unreadable(String),
    /// What the change was made from does not stand any more ([`crate::Change::ExpectMeta`], [`crate::Change::ReplaceKey`]); nothing
    /// was changed. Repeated after an unknown outcome, a change that replaces what it expects answers this about its own success.
    #[error("what the change was made from has been replaced meanwhile")]
    Changed,
    /// A name that must be unique is taken.
    #[error("the name is taken")]
    Taken,
}
