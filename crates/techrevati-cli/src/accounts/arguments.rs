//! The command line of `techrevati accounts`.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use runtime_fleet::{AccountPath, OnLoss};
use runtime_usage::Usd;

#[derive(Debug, Args)]
pub(crate) struct Accounts {
    #[command(subcommand)]
    pub(super) command: AccountsCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum AccountsCommand {
    /// Open an account, or change its amount and rules. What is spent stays.
    ///
    /// The accounts above have to be there: `company` before `company/search`. Of an account that is there, rules
    /// that are not given stay as they are. A new one is enforced, with marks at 80 and 100 per cent.
    #[command(group = ArgGroup::new("rule"))]
    Set {
        #[command(flatten)]
        place: Place,
        /// The account, such as company/search.
        #[arg(value_name = "ACCOUNT")]
        account: AccountPath,
        /// The amount that the fleet may spend, in US dollars, such as 500 or 12.50.
        #[arg(value_name = "AMOUNT")]
        amount: Usd,
        /// Refuse calls that would spend more.
        #[arg(long, group = "rule")]
        enforced: bool,
        /// Refuse calls that would spend more, and let each call take its exact sum from the database.
        #[arg(long, group = "rule")]
        strict: bool,
        /// Refuse nothing.
        #[arg(long, group = "rule")]
        recorded: bool,
        /// Percentages of the amount that are told when they are reached, with commas between them.
        #[arg(long, value_name = "PERCENT", value_delimiter = ',')]
        marks: Option<Vec<u16>>,
        /// What becomes of money that a process held which is not heard of any more.
        #[arg(long, value_enum, value_name = "RULE")]
        on_loss: Option<Loss>,
        /// Print the account as one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// List all accounts: what each may spend, has spent, and has left.
    List {
        #[command(flatten)]
        place: Place,
        /// Print a JSON object for each account.
        #[arg(long)]
        json: bool,
    },
    /// Give back money that counts as spent by an estimate, since its process was lost, and was not billed.
    ///
    /// At most the estimate is given back, to the account and to all above. Only for a process that has ended: one that
    /// still runs may go on to spend what it holds. `statement` names the holders. The line that is printed says
    /// who has corrected what, and why.
    Correct {
        #[command(flatten)]
        place: Place,
        /// The account, such as company/search.
        #[arg(value_name = "ACCOUNT")]
        account: AccountPath,
        /// The holder of the money, as `statement` names it.
        #[arg(value_name = "HOLDER")]
        holder: String,
        /// The amount that was not billed, in US dollars, such as 0.25.
        #[arg(value_name = "AMOUNT")]
        amount: Usd,
        /// Who corrects it.
        #[arg(long, value_name = "NAME")]
        who: String,
        /// Why, such as the number of an invoice.
        #[arg(long, value_name = "TEXT")]
        note: String,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Show an account with its rules, the accounts above, which limit it, those below, and who holds its money.
    Statement {
        #[command(flatten)]
        place: Place,
        /// The account, such as company/search.
        #[arg(value_name = "ACCOUNT")]
        account: AccountPath,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Where the accounts are.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The database or server: `postgres://USER:PASSWORD@HOST:PORT/DATABASE` or `redis://USER:PASSWORD@HOST:PORT`.
    #[arg(value_name = "URL")]
    pub(super) url: String,
    /// The schema of a Postgres database [default: that of the URL, or techrevati].
    #[cfg(feature = "postgres")]
    #[arg(long, value_name = "NAME")]
    pub(super) schema: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Loss {
    /// It counts as spent, as an estimate: the calls may have been made.
    Spend,
    /// It is given back: if the calls were made, it is spent twice.
    Return,
}

impl From<Loss> for OnLoss {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::Spend => Self::Spend,
            Loss::Return => Self::Return,
        }
    }
}
