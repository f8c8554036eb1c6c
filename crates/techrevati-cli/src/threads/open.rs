//! Which store a word of the command line means.

use std::path::Path;

use runtime_store::Store;

use super::Error;

/// Opens a store: a SQLite file, or a Postgres database by its URL.
pub(super) fn open_store(name: &str, schema: Option<&str>) -> Result<Box<dyn Store>, Error> {
    if name.starts_with("postgres://") || name.starts_with("postgresql://") {
        return postgres(name, schema);
    }
    sqlite(Path::new(name))
}

#[cfg(feature = "sqlite")]
fn sqlite(path: &Path) -> Result<Box<dyn Store>, Error> {
    use runtime_sqlite::SqliteStore;

    use crate::input::is_database;

    // The store would make a file that is not there.
    let length = path.metadata().map_err(|error| Error::input(path, error))?.len();
    if length == 0 {
        return Err(Error::input(path, "it is empty, not a database of threads"));
    }
    if !is_database(path).map_err(|error| Error::input(path, error))? {
        return Err(Error::input(path, "it is not a SQLite file of threads"));
    }
    let store = SqliteStore::open(path).map_err(|error| Error::store(&error))?;
    Ok(Box::new(store))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(path: &Path) -> Result<Box<dyn Store>, Error> {
    Err(Error::input(path, "this command was built without feature `sqlite`"))
}

#[cfg(feature = "postgres")]
fn postgres(url: &str, schema: Option<&str>) -> Result<Box<dyn Store>, Error> {
    use runtime_postgres::PgStore;

    let config = crate::migrate::config(url, schema);
    let store = futures_executor::block_on(PgStore::connect(config));
    // The error names the database without its password.
    let store = store.map_err(|error| Error::store(&error))?;
    Ok(Box::new(store))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str, _: Option<&str>) -> Result<Box<dyn Store>, Error> {
    Err(Error::Store("this command was built without feature `postgres`".to_owned()))
}
