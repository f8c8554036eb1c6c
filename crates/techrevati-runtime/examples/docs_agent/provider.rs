//! Which model answers: one of our own, or one that somebody else serves.

use std::error::Error;
use std::sync::Arc;

use techrevati_runtime::resilience::BoxError;
use techrevati_runtime::usage::{ModelPricing, PricingTable, Usd};

use crate::cli::{Endpoint, Options};
use crate::client::Client;
use crate::progress::Progress;
use crate::{model, server};

/// What the extractive model costs: a pretended price, for there must be something to count.
const INPUT_PRICE: Usd = Usd::from_cents(15);
const OUTPUT_PRICE: Usd = Usd::from_cents(60);

/// A client for the model that the options ask for, and what it costs.
///
/// # Errors
///
/// If the key is not set, TLS cannot be set up, or the server cannot be started.
pub(crate) async fn connect(
    options: &Options,
    progress: Progress,
) -> Result<(Arc<Client>, PricingTable), BoxError> {
    let prices = PricingTable::new();
    let Some(endpoint) = &options.endpoint else {
        let routes = server::start(options.seed, options.timeout * 3).await?;
        progress.line(
            "provider",
            &format!(
                "{} at {}: it ranks and quotes passages, it is no language model, and it fails on \
             purpose (seed {})",
                model::NAME,
                routes[0],
                options.seed,
            ),
        );
        prices.register(model::NAME, ModelPricing::per_million(INPUT_PRICE, OUTPUT_PRICE))?;
        let client = Client::new(model::NAME, None, routes.to_vec(), true)?;
        return Ok((Arc::new(client), prices));
    };
    if let Some(pricing) = endpoint.price {
        prices.register(&endpoint.model, pricing)?;
    }
    progress.line("provider", &format!("{} at {}", endpoint.model, endpoint.base_url));
    let client =
        Client::new(&endpoint.model, key(endpoint)?, vec![endpoint.base_url.clone()], false)?;
    Ok((Arc::new(client), prices))
}

fn key(endpoint: &Endpoint) -> Result<Option<String>, Box<dyn Error + Send + Sync>> {
    let Some(name) = &endpoint.api_key_env else { return Ok(None) };
    match std::env::var(name) {
        Ok(key) if !key.trim().is_empty() => Ok(Some(key.trim().into())),
        _ => Err(format!("the environment variable `{name}` (--api-key-env) holds no key").into()),
    }
}
