//! A log or a thread as a cassette for tests.

use std::io::{self, Write as _};
use std::path::Path;

use runtime_events::AgentEvent;
use runtime_report::show::line;
use runtime_testkit::cassette::Export;

use crate::arguments::CassetteOf;
use crate::check::many;
use crate::input::check_output;
use crate::{Error, source, threads};

pub(crate) fn run(options: &CassetteOf) -> Result<(), Error> {
    if let Some(out) = &options.out {
        check_output(Path::new(&options.source), out)?;
    }
    let (export, from) = match &options.thread {
        Some(thread) => {
            let entries = threads::journal(&options.source, options.schema(), thread)?;
            (Export::of_journal(&entries), format!("thread {thread}"))
        }
        None => (of_log(options)?, file_name(Path::new(&options.source))),
    };
    for missing in export.missing() {
        writeln!(io::stderr(), "warning: {}", line(missing))?;
    }
    if export.recordings().is_empty() {
        return Err(Error::Refused("there is no call that a cassette could play".to_owned()));
    }
    let Some(out) = &options.out else {
        return Ok(io::stdout().write_all(export.to_text(&from).as_bytes())?);
    };
    let failed = |cause| Error::WriteFile { path: out.clone(), cause };
    std::fs::write(out, export.to_text(&from)).map_err(failed)?;
    let calls = many(export.recordings().len() as u64, "call");
    Ok(writeln!(io::stdout(), "{}: {calls}", out.display())?)
}

fn of_log(options: &CassetteOf) -> Result<Export, Error> {
    let mut log = source::read(Path::new(&options.source))?;
    if let Some(id) = &options.session {
        let is_of = |event: &AgentEvent| {
            event.session_id.as_deref().is_some_and(|it| it.starts_with(id.as_str()))
        };
        log.events.retain(is_of);
        if log.events.is_empty() {
            return Err(Error::Refused(format!("no session has an id that begins with `{id}`")));
        }
    }
    Ok(Export::of_events(&log.events))
}

/// The name of the log: a folder is of this machine alone.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

impl CassetteOf {
    #[cfg(feature = "postgres")]
    fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    #[cfg(not(feature = "postgres"))]
    #[expect(clippy::unused_self, reason = "only Postgres has schemas")]
    const fn schema(&self) -> Option<&str> {
        None
    }
}
