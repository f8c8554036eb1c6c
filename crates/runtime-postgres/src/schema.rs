//! The schema of the database: its versions, and who may use which.

use std::error::Error;
use std::fmt::Write as _;

use runtime_fleet::link::print_of;
use runtime_store::StoreDurability;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::error::{PgError, is_forbidden};

/// A version of the schema.
struct Migration {
    sql: &'static str,
    /// The oldest version whose programs can use this one.
    min_reader: i32,
}

/// From each version to the next, beginning with nothing.
const MIGRATIONS: &[Migration] = &[
    Migration { sql: include_str!("schema/v1.sql"), min_reader: 1 },
    Migration { sql: include_str!("schema/v2.sql"), min_reader: 1 },
    Migration { sql: include_str!("schema/v3.sql"), min_reader: 1 },
    Migration { sql: include_str!("schema/v4.sql"), min_reader: 1 },
    Migration { sql: include_str!("schema/v5.sql"), min_reader: 1 },
    Migration { sql: include_str!("schema/v6.sql"), min_reader: 1 },
    Migration { sql: include_str!("schema/v7.sql"), min_reader: 1 },
    Migration { sql: include_str!("schema/v8.sql"), min_reader: 1 },
];

/// The functions of a fleet, which each migration brings up to date.
const FLEET_FUNCTIONS: &str = concat!(
    include_str!("schema/fleet.sql"),
    include_str!("schema/fleet_accounts.sql"),
    include_str!("schema/fleet_corrections.sql"),
);

/// The version that has threads which only agents of their roles take.
pub(crate) const THREADS: i32 = 8;

/// The version that has what the processes of a fleet share.
#[cfg(feature = "fleet")]
pub(crate) const FLEET: i32 = 2;

/// The version that this one makes.
pub(crate) fn known() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// The name of a schema, which needs no escapes.
#[derive(Clone, Debug)]
pub(crate) struct Schema(String);

/// What a schema says of itself.
struct Meta {
    version: i32,
    min_reader: i32,
}

impl Schema {
    pub(crate) fn new(name: &str) -> Result<Self, PgError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let named = !name.is_empty() && name.len() <= 63 && name.bytes().all(fits);
        if !named || name.starts_with(|it: char| it.is_ascii_digit()) || name.starts_with("pg_") {
            return Err(PgError::config(format!(
                "a schema's name has 1 to 63 of `a-z`, `0-9` and `_`, and does not begin with a digit or `pg_`; \
                 found {name:?}"
            )));
        }
        Ok(Self(name.to_owned()))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Checks that this version can use the schema, which has to be of at least version `needed`. Returns what an
    /// acknowledged entry survives there.
    pub(crate) async fn check(
        &self,
        client: &Client,
        needed: i32,
    ) -> Result<StoreDurability, PgError> {
        let failed = PgError::failed("read the version of the schema");
        match self.meta(client).await.map_err(&failed)? {
            Some(meta) if meta.version >= needed && meta.min_reader <= known() => {}
            Some(meta) if meta.version > known() => return Err(self.newer(&meta)),
            meta => return Err(self.unmigrated(meta.as_ref(), needed)),
        }
        let sql = "select current_setting('fsync'), current_setting('synchronous_commit'), \
                   current_setting('synchronous_standby_names')";
        let row = client.query_typed_one(sql, &[]).await.map_err(&failed)?;
        let setting = |index| row.try_get::<_, &str>(index).map_err(&failed);
        Ok(match (setting(0)?, setting(1)?, setting(2)?) {
            ("off", _, _) | (_, "off", _) => StoreDurability::Os,
            (_, "local", _) | (_, _, "") => StoreDurability::Synced,
            _ => StoreDurability::Replicated,
        })
    }

    /// Makes the schema, or brings it to the version that this one knows, in one transaction.
    pub(crate) async fn migrate(&self, client: &Client) -> Result<(), PgError> {
        match self.bring_up(client).await {
            Err(PgError::Failed { source, .. }) if is_forbidden(&*source) => {
                Err(self.not_owner(client, source).await)
            }
            migrated => migrated,
        }
    }

    async fn bring_up(&self, client: &Client) -> Result<(), PgError> {
        let failed = PgError::failed("migrate the schema");
        client.batch_execute("begin").await.map_err(&failed)?;
        // Two programs that migrate at the same time wait for each other here.
        let lock = format!(
            "select pg_advisory_xact_lock(hashtextextended('techrevati {}', 0)) is null",
            self.0
        );
        client.batch_execute(&lock).await.map_err(&failed)?;
        // In this transaction, a statement that fails would end it; so it is asked first whether it is there.
        let there = format!(
            "select to_regclass('{0}.meta') is not null, to_regnamespace('{0}') is not null",
            self.0
        );
        let row = client.query_typed_one(&there, &[]).await.map_err(&failed)?;
        let meta: bool = row.try_get(0).map_err(&failed)?;
        let named: bool = row.try_get(1).map_err(&failed)?;
        let meta = if meta { self.meta(client).await.map_err(&failed)? } else { None };
        let found = meta.as_ref().map_or(0, |meta| meta.version);
        if meta.as_ref().is_some_and(|meta| meta.version > known()) {
            client.batch_execute("rollback").await.map_err(&failed)?;
            let meta = meta.filter(|meta| meta.min_reader > known());
            return meta.map_or(Ok(()), |meta| Err(self.newer(&meta)));
        }
        let mut sql = String::new();
        // Even `if not exists` needs the right to make one.
        if !named {
            sql = format!("create schema \"{}\";\n", self.0);
        }
        let name = format!("\"{}\".", self.0);
        for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            sql += &migration.sql.replace("@.", &name);
        }
        if found < known() {
            let min_reader = MIGRATIONS.last().map_or(0, |migration| migration.min_reader);
            let written_by = concat!("runtime-postgres ", env!("CARGO_PKG_VERSION"));
            // A `String` takes any text.
            let _ = writeln!(
                sql,
                "insert into {name}meta (schema, min_reader, written_by) \
                 values ({version}, {min_reader}, '{written_by}') on conflict (one) do update \
                 set schema = {version}, min_reader = {min_reader}, written_by = '{written_by}';",
                version = known(),
            );
        }
        let functions = self.fleet_functions(client).await.map_err(&failed)?;
        // A migration may have dropped some.
        if found < known() || functions != Some(print_of(FLEET_FUNCTIONS)) {
            sql += &FLEET_FUNCTIONS.replace("@.", &name);
            let _ = writeln!(
                sql,
                "create or replace function {name}fleet_functions() returns text language sql immutable \
                 as $$ select '{}' $$;",
                print_of(FLEET_FUNCTIONS),
            );
        }
        client.batch_execute(&format!("{sql}commit")).await.map_err(&failed)
    }

    /// Which functions of a fleet the schema has, if any.
    async fn fleet_functions(
        &self,
        client: &Client,
    ) -> Result<Option<String>, tokio_postgres::Error> {
        let there = format!("select to_regprocedure('{}.fleet_functions()') is not null", self.0);
        if !client.query_typed_one(&there, &[]).await?.try_get::<_, bool>(0)? {
            return Ok(None);
        }
        let print = format!("select \"{}\".fleet_functions()", self.0);
        client.query_typed_one(&print, &[]).await?.try_get(0).map(Some)
    }

    async fn meta(&self, client: &Client) -> Result<Option<Meta>, tokio_postgres::Error> {
        let sql = format!("select schema, min_reader from \"{}\".meta", self.0);
        let row = match client.query_typed_opt(&sql, &[]).await {
            Ok(row) => row,
            Err(error) => {
                let absent = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
                let is_absent = error.code().is_some_and(|code| absent.contains(code));
                return if is_absent { Ok(None) } else { Err(error) };
            }
        };
        let meta = |row: tokio_postgres::Row| {
            Ok(Meta { version: row.try_get(0)?, min_reader: row.try_get(1)? })
        };
        row.map(meta).transpose()
    }

    /// The role that may migrate, if this one may not: it has made the tables, or may make the schema.
    async fn not_owner(&self, client: &Client, source: Box<dyn Error + Send + Sync>) -> PgError {
        let failed = PgError::failed("find out who owns the schema");
        let owners = format!(
            "select current_user::text, pg_get_userbyid(coalesce( \
               (select relowner from pg_class c join pg_namespace n on n.oid = relnamespace \
                where nspname = '{0}' and relname = 'meta'), \
               (select nspowner from pg_namespace where nspname = '{0}'), datdba))::text \
             from pg_database where datname = current_database()",
            self.0
        );
        let asked = async {
            client.batch_execute("rollback").await?;
            let row = client.query_typed_one(&owners, &[]).await?;
            Ok::<_, tokio_postgres::Error>((row.try_get(0)?, row.try_get(1)?))
        };
        match asked.await {
            Ok((role, owner)) => PgError::NotOwner { schema: self.0.clone(), role, owner, source },
            Err(error) => failed(error),
        }
    }

    fn newer(&self, meta: &Meta) -> PgError {
        PgError::Newer { schema: self.0.clone(), found: meta.version, known: known() }
    }

    fn unmigrated(&self, meta: Option<&Meta>, needed: i32) -> PgError {
        let found = meta.map(|meta| meta.version);
        PgError::Unmigrated { schema: self.0.clone(), found, needed }
    }
}
