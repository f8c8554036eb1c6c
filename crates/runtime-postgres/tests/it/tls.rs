//! Encrypted connections, and those that are refused.

use std::error::Error;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use runtime_fleet::conformance::told;
use runtime_postgres::{PgConfig, PgError, PgStore};
use test_postgres::Server;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Result<Authority, Box<dyn Error>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// A server that takes encrypted connections alone, and the authority of its certificate, which is for
/// `localhost`.
fn server() -> Result<Option<(Server, Authority)>, Box<dyn Error>> {
    let Some(server) = Server::start() else { return Ok(None) };
    let authority = authority()?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?;
    let certificate = certificate.signed_by(&key, &authority)?;
    server.write("server.crt", &certificate.pem());
    server.write("server.key", &key.serialize_pem());
    server.write("pg_hba.conf", "hostssl all all all trust\n");
    server.stop();
    server.configure("ssl = on");
    server.begin();
    Ok(Some((server, authority)))
}

#[tokio::test]
async fn certificates_are_checked_unless_nothing_is_required() -> Result<(), Box<dyn Error>> {
    let Some((server, authority)) = server()? else { return Ok(()) };
    let url = |host: &str, options: &str| {
        format!("postgres://postgres@{host}:{}/postgres?{options}", server.port())
    };
    let ours = authority.pem();
    let with = |options: &str| PgConfig::new(url("localhost", options)).root_certificates(&ours);
    PgStore::migrate(with("sslmode=require")).await?;
    PgStore::connect(with("sslmode=verify-full")).await?;
    PgStore::connect(&url("127.0.0.1", "sslmode=prefer")).await?;
    // As libpq does.
    PgStore::connect(&url("127.0.0.1", "")).await?;

    let file = std::env::temp_dir().join(format!("runtime-postgres-root-{}", std::process::id()));
    std::fs::write(&file, &ours)?;
    let named = format!("sslmode=require&sslrootcert={}", file.display()).replace('/', "%2F");
    PgStore::connect(&url("localhost", &named)).await?;
    std::fs::remove_file(&file)?;
    let gone = PgStore::connect(&url("localhost", &named)).await.unwrap_err();
    assert!(gone.to_string().contains("sslrootcert"), "{gone}");

    let other = PgConfig::new(url("localhost", "sslmode=require"));
    let other = other.root_certificates(self::authority()?.pem());
    refused(other, "certificate").await;
    let wrong_host = PgConfig::new(url("127.0.0.1", "sslmode=require")).root_certificates(&ours);
    refused(wrong_host, "not valid for name").await;
    // The system does not trust it.
    refused(url("localhost", "sslmode=require").as_str().into(), "certificate").await;
    refused(url("localhost", "sslmode=disable").as_str().into(), "no pg_hba.conf entry").await;
    Ok(())
}

async fn refused(config: PgConfig, why: &str) {
    let error = PgStore::connect(config).await.unwrap_err();
    let told = told(&error);
    assert!(matches!(error, PgError::Failed { .. } | PgError::Config { .. }), "{told}");
    assert!(told.contains(why), "{told} and not {why}");
}

#[tokio::test]
async fn contradictions_are_named() {
    for (options, why) in
        [("sslmode=prefer", "has to be require"), ("sslmode=maybe", "verify-full")]
    {
        let config = PgConfig::new(format!("postgres://x@localhost:1/x?{options}"));
        let error = PgStore::connect(config.root_certificates("")).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    let config = PgConfig::new("postgres://x@localhost:1/x?sslmode=require");
    let error = PgStore::connect(config.root_certificates("nothing")).await.unwrap_err();
    assert!(error.to_string().contains("BEGIN CERTIFICATE"), "{error}");
}
