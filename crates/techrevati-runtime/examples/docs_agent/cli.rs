//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use techrevati_runtime::usage::{ModelPricing, Usd};

/// The text of `--help`.
pub(crate) const HELP: &str = "\
Two agents answer a question about a folder of documents.

Usage: docs_agent [OPTIONS] FOLDER QUESTION

Without --base-url a small extractive model is started on a loopback port. It is no language
model: it ranks and quotes passages, and it fails now and then on purpose.

Options:
  --base-url URL      an OpenAI-compatible endpoint, such as https://api.openai.com/v1
  --model NAME        its model (needed with --base-url)
  --api-key-env VAR   the environment variable that holds its key
  --price IN/OUT      its price in USD per million tokens, such as 0.15/0.60
  --budget USD        what one agent may spend [default: 0.05, with --base-url 1]
  --timeout SECONDS   how long one model call may take; the first piece of a streamed reply half
                      of it, each further one a quarter [default: 2, with --base-url 60]
  --out DIR           where answer.md, run.jsonl and run.html go, replacing what is there
                      [default: the current directory]
  --durable FILE      a database that keeps what each call came to: after Ctrl-C or a crash the same
                      command goes on where it was; run.jsonl then has all runs
  --seed N            which calls of the extractive model fail, and how [default: 1]
  --quiet             no progress, only the answer and the table
  --help              this text

Exit code: 0 answered, 1 failed or nothing found, 2 wrong usage or no such folder,
3 answered although a document could not be read, 130 interrupted.";

/// The parsed options.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) folder: PathBuf,
    pub(crate) question: String,
    pub(crate) endpoint: Option<Endpoint>,
    /// The budget of one agent.
    pub(crate) budget: Usd,
    pub(crate) timeout: Duration,
    pub(crate) out: PathBuf,
    /// The store of a run that survives its process.
    pub(crate) durable: Option<PathBuf>,
    pub(crate) seed: u64,
    pub(crate) quiet: bool,
}

/// A model at another server.
#[derive(Debug, PartialEq)]
pub(crate) struct Endpoint {
    pub(crate) base_url: String,
    pub(crate) model: String,
    pub(crate) api_key_env: Option<String>,
    pub(crate) price: Option<ModelPricing>,
}

/// The command.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    Run(Box<Options>),
}

/// Reads the arguments that follow the program's name.
///
/// # Errors
///
/// An error that names the missing, unknown or invalid argument.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut arguments = arguments.into_iter();
    let mut plain = Vec::new();
    let (mut base_url, mut model, mut api_key_env, mut price) = (None, None, None, None);
    let (mut budget, mut timeout, mut out, mut durable, mut seed) = (None, None, None, None, None);
    let mut quiet = false;
    let mut only_plain = false;
    while let Some(argument) = arguments.next() {
        if only_plain || !argument.starts_with('-') || argument == "-" {
            plain.push(argument);
            continue;
        }
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        let slot = match name {
            "--help" | "-h" => return Ok(Command::Help),
            "--quiet" | "-q" => {
                quiet = true;
                continue;
            }
            "--" => {
                only_plain = true;
                continue;
            }
            "--base-url" => &mut base_url,
            "--model" => &mut model,
            "--api-key-env" => &mut api_key_env,
            "--price" => &mut price,
            "--budget" => &mut budget,
            "--timeout" => &mut timeout,
            "--out" => &mut out,
            "--durable" => &mut durable,
            "--seed" => &mut seed,
            _ => return Err(format!("unknown option `{name}`")),
        };
        *slot = Some(
            inline.or_else(|| arguments.next()).ok_or_else(|| format!("`{name}` needs a value"))?,
        );
    }

    let endpoint = endpoint(base_url, model, api_key_env, price)?;
    let default_budget = if endpoint.is_some() { "1" } else { "0.05" };
    let budget = dollars(budget.as_deref().unwrap_or(default_budget), "--budget")?;
    let default_timeout = if endpoint.is_some() { 60.0 } else { 2.0 };
    let timeout = timeout.map_or(Ok(default_timeout), |text| number(&text, "--timeout"))?;
    let timeout =
        Duration::try_from_secs_f64(timeout).ok().filter(|timeout| !timeout.is_zero()).ok_or_else(
            || format!("`--timeout` must be a positive number of seconds, not `{timeout}`"),
        )?;
    let seed = seed.map_or(Ok(1), |text| number(&text, "--seed"))?;
    let Ok([folder, question]) = <[String; 2]>::try_from(plain) else {
        return Err("two arguments are needed: FOLDER and QUESTION (in quotes)".into());
    };
    if question.trim().is_empty() {
        return Err("QUESTION is empty".into());
    }
    Ok(Command::Run(Box::new(Options {
        folder: folder.into(),
        question: question.trim().into(),
        endpoint,
        budget,
        timeout,
        out: out.unwrap_or_else(|| ".".into()).into(),
        durable: durable.map(PathBuf::from),
        seed,
        quiet,
    })))
}

fn endpoint(
    base_url: Option<String>,
    model: Option<String>,
    api_key_env: Option<String>,
    price: Option<String>,
) -> Result<Option<Endpoint>, String> {
    let Some(base_url) = base_url else {
        let stray = [("--model", &model), ("--api-key-env", &api_key_env), ("--price", &price)];
        return match stray.iter().find(|(_, value)| value.is_some()) {
            Some((name, _)) => Err(format!("`{name}` needs `--base-url`")),
            None => Ok(None),
        };
    };
    if !["http://", "https://"].iter().any(|scheme| base_url.starts_with(scheme)) {
        return Err(format!("`--base-url` must begin with http:// or https://, not `{base_url}`"));
    }
    let model = model.ok_or("`--base-url` needs `--model`")?;
    let price = price.map(|text| pricing(&text)).transpose()?;
    let base_url = base_url.trim_end_matches('/').into();
    Ok(Some(Endpoint { base_url, model, api_key_env, price }))
}

fn pricing(text: &str) -> Result<ModelPricing, String> {
    let (input, output) = text
        .split_once('/')
        .ok_or_else(|| format!("`--price` must be IN/OUT, such as 0.15/0.60, not `{text}`"))?;
    let (input, output) = (dollars(input, "--price")?, dollars(output, "--price")?);
    // Cached input may be cheaper; the budget overestimates rather than underestimates.
    Ok(ModelPricing::per_million(input, output).cache_read(input))
}

fn dollars(text: &str, name: &str) -> Result<Usd, String> {
    text.trim().parse().map_err(|error| format!("`{name}`: {error}"))
}

fn number<T: std::str::FromStr>(text: &str, name: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{name}` must be a number, not `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Result<Options, String> {
        match parse(arguments.iter().map(ToString::to_string))? {
            Command::Run(options) => Ok(*options),
            Command::Help => Err("help".into()),
        }
    }

    #[test]
    fn folder_and_question_are_enough() {
        let options = run(&["docs", " How? "]).unwrap();
        assert_eq!((options.folder, options.question), ("docs".into(), "How?".into()));
        assert_eq!((options.seed, options.timeout), (1, Duration::from_secs(2)));
        assert_eq!(options.endpoint, None);
    }

    #[test]
    fn endpoint_has_a_longer_timeout_and_needs_a_model() {
        let options =
            run(&["--base-url=https://x/v1/", "--model", "m", "--price", "1/2", "d", "q"]).unwrap();
        let (endpoint, one) = (options.endpoint.unwrap(), Usd::from_dollars(1));
        assert_eq!(endpoint.base_url, "https://x/v1");
        assert_eq!(
            endpoint.price,
            Some(ModelPricing::per_million(one, Usd::from_dollars(2)).cache_read(one))
        );
        assert_eq!(options.timeout, Duration::from_mins(1));
    }

    #[test]
    fn wrong_argument_is_named() {
        for (arguments, named) in [
            (&["docs"][..], "QUESTION"),
            (&["docs", " "], "QUESTION"),
            (&["a", "b", "c"], "two arguments"),
            (&["--sed", "1", "a", "b"], "--sed"),
            (&["--seed", "x", "a", "b"], "`x`"),
            (&["a", "b", "--seed"], "--seed"),
            (&["--timeout", "-1", "a", "b"], "--timeout"),
            (&["--budget", "-1", "a", "b"], "--budget"),
            (&["--timeout", "nan", "a", "b"], "--timeout"),
            (&["--model", "m", "a", "b"], "--base-url"),
            (&["--base-url", "https://x", "a", "b"], "--model"),
            (&["--base-url", "ftp://x", "--model", "m", "a", "b"], "ftp://x"),
            (&["--base-url", "https://x", "--model", "m", "--price", "1", "a", "b"], "--price"),
        ] {
            let error = run(arguments).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
