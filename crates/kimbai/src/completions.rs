//! `kimbai completions`: what completes this command line in a shell.

use clap::{Args, Command, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::Arguments;
use crate::admin::print;

/// Writes what completes this command line in a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kimbai completions bash > /etc/bash_completion.d/kimbai
  kimbai completions zsh > /usr/local/share/zsh/site-functions/_kimbai
  kimbai completions fish > ~/.config/fish/completions/kimbai.fish")]
pub(crate) struct CompletionsArgs {
    /// For which shell.
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    generate(args.shell, &mut shown(), "kimbai", &mut script);
    print(&String::from_utf8(script)?)
}

/// The command line without what is hidden, which bash would offer.
pub(crate) fn shown() -> Command {
    let whole = Arguments::command();
    let texts = [whole.get_about(), whole.get_after_help()].map(|text| text.cloned().unwrap_or_default());
    let [about, after_help] = texts;
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    Command::new("kimbai").version(env!("CARGO_PKG_VERSION")).about(about).after_help(after_help).subcommands(shown)
}
