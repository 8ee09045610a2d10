//! The command line: one file per verb, holding its arguments, its help and its body.

mod apply;
mod banner;
mod brand;
mod client;
mod completions;
mod diff;
mod error;
mod events;
mod exit;
mod explain;
mod fmt;
mod init;
mod log;
mod output;
mod paths;
mod plan;
mod revision;
mod schema;
mod selection;
mod serve;
mod simulate;
mod sink;
mod status;
mod validate;
mod version;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use error::Failure;
pub use exit::Exit;
pub use output::{Color, FORMAT_VERSION, Format, Output, paint};

/// GitOps for SIP trunks: manifests in, a running trunk engine out.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    /// The form of the data: human or json; `plan` and `validate` name further ones.
    #[arg(short, long, global = true, value_name = "FORM[=FILE]", default_value = "human")]
    output: Vec<sink::Sink>,
    /// When to colour; `NO_COLOR` is respected.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    color: Color,
    #[command(subcommand)]
    verb: Verb,
}

/// What to do. One line here and one file beside this one per verb.
#[derive(Debug, Subcommand)]
enum Verb {
    Apply(apply::Args),
    Completions(completions::Args),
    Events(events::Args),
    Explain(explain::Args),
    #[command(alias = "format")]
    Fmt(fmt::Args),
    Init(init::Args),
    Plan(plan::Args),
    Schema(schema::Args),
    Serve(serve::Args),
    Simulate(simulate::Args),
    Status(status::Args),
    Validate(validate::Args),
    Version(version::Args),
}

impl Verb {
    /// The name under which a verb reports in JSON; the daemon and the schemas do not.
    fn reporting(&self) -> Option<&'static str> {
        match self {
            Self::Apply(_) => Some("apply"),
            Self::Completions(_) => Some("completions"),
            Self::Events(_) => Some("events"),
            Self::Explain(_) => Some("explain"),
            Self::Fmt(_) => Some("fmt"),
            Self::Init(_) => Some("init"),
            Self::Plan(_) => Some("plan"),
            Self::Simulate(_) => Some("simulate"),
            Self::Status(_) => Some("status"),
            Self::Validate(_) => Some("validate"),
            Self::Version(_) => Some("version"),
            Self::Schema(_) | Self::Serve(_) => None,
        }
    }

    fn run(&self, output: Output, sinks: &[sink::Sink]) -> Result<Exit, Failure> {
        if output.format == Format::Markdown && !matches!(self, Self::Plan(_)) {
            let failure = Failure::usage("only a plan is written as markdown");
            return Err(failure.help("give `-o human` or `-o json`"));
        }
        match self {
            Self::Apply(args) => apply::run(args, output),
            Self::Completions(args) => completions::run(args, Cli::command(), output),
            Self::Events(args) => events::run(args, output),
            Self::Explain(args) => explain::run(args, output),
            Self::Fmt(args) => fmt::run(args, output),
            Self::Init(args) => init::run(args, output),
            Self::Plan(args) => plan::run(args, output),
            Self::Schema(args) => schema::run(args, output),
            Self::Serve(args) => serve::run(args, output),
            Self::Simulate(args) => simulate::run(args, output),
            Self::Status(args) => status::run(args, output),
            Self::Validate(args) => validate::run(args, sinks, output),
            Self::Version(args) => version::run(args, output),
        }
    }
}

/// Runs the program with its arguments (the first one is its name).
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let parsed = Cli::command()
        .try_get_matches_from(&args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are data; anything else is wrong usage (clap would exit with 2).
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            drop(error.print());
            return exit;
        }
    };
    let format = if sink::count_given(&args) > cli.output.len() {
        let failure = Failure::usage("`-o` stands before and after the verb");
        Err(failure.help("give every `-o` on one side of the verb"))
    } else if matches!(cli.verb, Verb::Validate(_)) {
        sink::several(&cli.output)
    } else {
        sink::single(&cli.output)
    };
    let output = Output::new(*format.as_ref().unwrap_or(&Format::Human), cli.color);
    format.and_then(|_| cli.verb.run(output, &cli.output)).unwrap_or_else(|failure| {
        output.failure(&failure);
        if let (Format::Json, Some(command)) = (output.format, cli.verb.reporting()) {
            // Where stdout is what failed, this fails, too.
            drop(output.json(&failure.report(command)));
        }
        failure.exit
    })
}
