//! The model and its address: the example's own, or another server's.

use std::error::Error;

use techrevati_runtime::resilience::{BoxError, Route, Routes};
use techrevati_runtime::usage::{ModelPricing, PricingTable, Usd};

use crate::cli::{Endpoint, Options};
use crate::client::Client;
use crate::faults::Met;
use crate::progress::Progress;
use crate::{model, server};

/// The pretended price of the extractive model, for the budget.
const INPUT_PRICE: Usd = Usd::from_cents(15);
const OUTPUT_PRICE: Usd = Usd::from_cents(60);

/// The model, its client and its price.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) model: String,
    pub(crate) client: Client,
    /// The routes of calls, each with its own breaker.
    pub(crate) routes: Routes,
    pub(crate) prices: PricingTable,
}

/// The provider by the options.
///
/// # Errors
///
/// If the key is not set, TLS cannot be set up, or the server cannot be started.
pub(crate) async fn connect(
    options: &Options,
    progress: Progress,
    met: &Met,
) -> Result<Connected, BoxError> {
    match &options.endpoint {
        None => our_own(options, progress, met).await,
        Some(endpoint) => somebodys(endpoint, progress),
    }
}

async fn our_own(options: &Options, progress: Progress, met: &Met) -> Result<Connected, BoxError> {
    let addresses = server::start(options.seed, options.timeout * 3, met).await?;
    let what = "ranks and quotes passages; it is no language model, and it fails on purpose";
    progress.line("provider", &format!("{} {what} (seed {})", model::NAME, options.seed));
    for (provider, address) in server::PROVIDERS.iter().zip(&addresses) {
        progress.line("", &format!("{provider:<9}{address}"));
    }

    let prices = PricingTable::new();
    prices.register(model::NAME, ModelPricing::per_million(INPUT_PRICE, OUTPUT_PRICE))?;
    let routes =
        Routes::ordered(server::PROVIDERS.map(|provider| Route::new(provider, model::NAME)));
    let addresses = server::PROVIDERS.map(str::to_owned).into_iter().zip(addresses);
    let client = Client::new(addresses, None, true)?;
    Ok(Connected { model: model::NAME.into(), client, routes, prices })
}

fn somebodys(endpoint: &Endpoint, progress: Progress) -> Result<Connected, BoxError> {
    let Endpoint { base_url, model, price, .. } = endpoint;
    progress.line("provider", &format!("{model} at {base_url}"));
    let prices = PricingTable::new();
    if let Some(price) = price {
        prices.register(model, *price)?;
    }
    let host = host(base_url).to_owned();
    let routes = Routes::ordered([Route::new(&*host, &**model)]);
    let loopback = ["127.", "localhost", "[::1]"].iter().any(|start| host.starts_with(start));
    let client = Client::new([(host, base_url.clone())], key(endpoint)?, loopback)?;
    Ok(Connected { model: model.clone(), client, routes, prices })
}

/// The name of the server: the host, and the port if there is one.
fn host(base_url: &str) -> &str {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn key(endpoint: &Endpoint) -> Result<Option<String>, Box<dyn Error + Send + Sync>> {
    let Some(name) = &endpoint.api_key_env else { return Ok(None) };
    match std::env::var(name) {
        Ok(key) if !key.trim().is_empty() => Ok(Some(key.trim().into())),
        _ => Err(format!("the environment variable `{name}` (--api-key-env) holds no key").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_is_named_by_its_host() {
        assert_eq!(host("https://api.openai.com/v1"), "api.openai.com");
        assert_eq!(host("http://me:secret@localhost:8080/v1?x"), "localhost:8080");
    }
}
