//! `techrevati migrate`: makes the schema of a database, or brings it up to date.

use std::env;
use std::io::{self, Write as _};

use runtime_postgres::{PgConfig, PgStore};

use crate::Error;
use crate::arguments::Migrate;

pub(crate) fn run(options: &Migrate) -> Result<(), Error> {
    let mut config = PgConfig::new(&options.url);
    if let Some(schema) = &options.schema {
        config = config.schema(schema);
    }
    if let Ok(password) = env::var("PGPASSWORD") {
        config = config.password(password);
    }
    let failed = |error: &(dyn std::error::Error + 'static)| Error::Migrate(with_causes(error));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| failed(&error))?;
    runtime.block_on(PgStore::migrate(config)).map_err(|error| failed(&error))?;
    writeln!(io::stdout(), "the schema is up to date")?;
    Ok(())
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
