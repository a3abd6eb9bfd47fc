//! What a command's end tells the shell.

use std::process::ExitCode;

use kimbai_engine::admin::AdminError;

use crate::config::Problems;

/// How a command ended; scripts rely on these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// 0: what was asked for is done.
    Done,
    /// 1: it failed while it ran.
    Failed,
    /// 2: wrong usage or configuration; nothing was begun. The command line's parser ends with it too.
    WrongUsage,
    /// 2 as well: `apply --plan` found something that would change.
    Differs,
}

impl ExitStatus {
    /// That of a command which ended with this error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let is_refused = matches!(error.downcast_ref(), Some(AdminError::Invalid(_)));
        if is_refused || error.is::<Problems>() { Self::WrongUsage } else { Self::Failed }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Done => 0,
            ExitStatus::Failed => 1,
            ExitStatus::WrongUsage | ExitStatus::Differs => 2,
        })
    }
}
