//! `techrevati migrate`: makes the schema of a database, or brings it up to date.

use std::env;
use std::io::{self, Write as _};

use futures_executor::block_on;
use runtime_postgres::{PgConfig, PgStore};

use crate::arguments::Migrate;
use crate::error::{Error, with_causes};

/// How to connect to a database. Its password is in the URL, or in the environment.
pub(crate) fn config(url: &str, schema: Option<&str>) -> PgConfig {
    let mut config = PgConfig::new(url);
    if let Some(schema) = schema {
        config = config.schema(schema);
    }
    if let Ok(password) = env::var("PGPASSWORD") {
        config = config.password(password);
    }
    config
}

pub(crate) fn run(options: &Migrate) -> Result<(), Error> {
    let config = config(&options.url, options.schema.as_deref());
    let failed = |error: &(dyn std::error::Error + 'static)| Error::Migrate(with_causes(error));
    block_on(PgStore::migrate(config)).map_err(|error| failed(&error))?;
    writeln!(io::stdout(), "the schema is up to date")?;
    Ok(())
}
