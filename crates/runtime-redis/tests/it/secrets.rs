//! Encrypted connections, and texts without passwords.

use std::error::Error;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use runtime_fleet::SharedState as _;
use runtime_fleet::conformance::{refusal, told};
use runtime_redis::{RedisConfig, RedisFleet, RedisFleetError};
use test_redis::Server;

use crate::common::HOUR;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Result<Authority, Box<dyn Error>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// A server that takes encrypted connections alone, and the authority of its certificate, which is for
/// `localhost`.
fn server() -> Result<Option<(Server, Authority)>, Box<dyn Error>> {
    let certificate_of = "{folder}/server.crt";
    let options = [
        "--tls-port",
        "{port}",
        "--port",
        "0",
        "--tls-auth-clients",
        "no",
        "--tls-cert-file",
        certificate_of,
        "--tls-key-file",
        "{folder}/server.key",
        "--tls-ca-cert-file",
        certificate_of,
    ];
    let Some(server) = Server::new(&options) else { return Ok(None) };
    let authority = authority()?;
    certify(&server, &authority)?;
    server.begin();
    Ok(Some((server, authority)))
}

/// The server has a new certificate by this authority once it begins.
fn certify(server: &Server, authority: &Authority) -> Result<(), Box<dyn Error>> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?;
    let certificate = certificate.signed_by(&key, authority)?;
    server.write("server.crt", &certificate.pem());
    server.write("server.key", &key.serialize_pem());
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_changes_is_told_and_tried_for_ever() -> Result<(), Box<dyn Error>> {
    let Some((server, authority)) = server()? else { return Ok(()) };
    let config = RedisConfig::new(format!("rediss://localhost:{}", server.port()));
    let fleet = RedisFleet::connect(config.root_certificates(authority.pem())).await?;
    let pause = async || fleet.pause("api", HOUR).await;
    while pause().await.is_err() {}
    server.kill();
    certify(&server, &self::authority()?)?;
    server.begin();
    assert!(refusal(pause, "certificate").await.is_unavailable());
    server.kill();
    // Another one, of the authority that is trusted.
    certify(&server, &authority)?;
    server.begin();
    while pause().await.is_err() {}
    Ok(())
}

#[tokio::test]
async fn a_password_that_changes_is_told_and_tried_for_ever() {
    let Some(server) = Server::start(&["--requirepass", "hunter2"]) else { return };
    let admin = |password: &str, command: &[&str]| {
        server.cli(&[&["--no-auth-warning", "-a", password], command].concat())
    };
    let url = format!("redis://:hunter2@127.0.0.1:{}", server.port());
    let config = RedisConfig::new(url).timeout(Duration::from_secs(1));
    let fleet = RedisFleet::connect(config).await.unwrap();
    let pause = async || fleet.pause("api", HOUR).await;
    while pause().await.is_err() {}
    admin("hunter2", &["CONFIG", "SET", "requirepass", "hunter3"]);
    // While a connection lasts, nothing happens.
    while pause().await.is_err() {}
    for kind in ["normal", "pubsub"] {
        admin("hunter3", &["CLIENT", "KILL", "TYPE", kind]);
    }
    let error = refusal(pause, "WRONGPASS").await;
    assert!(error.is_unavailable() && !told(&error).contains("hunter"), "{}", told(&error));
    admin("hunter3", &["CONFIG", "SET", "requirepass", "hunter2"]);
    while pause().await.is_err() {}
}

#[tokio::test]
async fn certificates_are_checked() -> Result<(), Box<dyn Error>> {
    let Some((server, authority)) = server()? else { return Ok(()) };
    let url = |host: &str| format!("rediss://{host}:{}", server.port());
    let trusted = RedisConfig::new(url("localhost")).root_certificates(authority.pem());
    let fleet = RedisFleet::connect(trusted).await?;
    fleet.pause("api", HOUR).await?;

    let file = server.folder().join("root.pem");
    std::fs::write(&file, authority.pem())?;
    let named = format!("{}?sslrootcert={}", url("localhost"), file.display());
    RedisFleet::connect(&named).await?.pause("api", HOUR).await?;

    let brief = Duration::from_millis(500);
    let other = RedisConfig::new(url("localhost")).root_certificates(self::authority()?.pem());
    let wrong_host = RedisConfig::new(url("127.0.0.1")).root_certificates(authority.pem());
    // The system does not trust it.
    let system = RedisConfig::new(url("localhost"));
    for config in [other, wrong_host, system] {
        // A certificate that is refused may be a server that is being replaced: it is away.
        let fleet = RedisFleet::connect(config.timeout(brief)).await?;
        refusal(async || fleet.pause("api", HOUR).await, "certificate").await;
    }
    Ok(())
}

#[tokio::test]
async fn no_text_has_the_password() {
    let Some(server) = Server::start(&["--requirepass", "hunter2"]) else { return };
    let url = format!("redis://:hunter2@127.0.0.1:{}", server.port());
    let config = RedisConfig::new(&url).timeout(Duration::from_millis(300));
    let fleet = RedisFleet::connect(config.clone()).await.unwrap();
    let wrong = RedisFleet::connect(&url.replace("hunter2", "hunter2x")).await.unwrap_err();
    let mut texts = vec![format!("{fleet:?} {config:?}"), told(&wrong)];
    server.kill();
    texts.push(told(&fleet.open("api", 0, HOUR).await.unwrap_err()));
    texts.push(format!("{fleet:?}"));
    for text in &texts {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(texts[0].contains(&format!("127.0.0.1:{}", server.port())), "{}", texts[0]);
}

#[tokio::test]
async fn a_url_that_is_not_understood_is_not_quoted() {
    for url in [
        "hunter2",
        "postgres://x:hunter2@localhost/x",
        "redis://x:hunter2@localhost:hunter2/0",
        "redis://x:hunter2@localhost/hunter2",
        "redis://x:p@ss?hunter2=x@localhost/x",
        "redis://x:hunter2@localhost?hunter2=hunter2",
        "redis://x:hunter2@localhost?push=hunter2",
        "redis://x:hunter2@localhost?cluster=hunter2",
        "redis://x:hunter2@localhost?prefix=%7B{",
        "redis://x:hunter2@",
    ] {
        let error = RedisFleet::connect(url).await.unwrap_err();
        let told = told(&error);
        assert!(matches!(error, RedisFleetError::Config { .. }), "{url}: {told}");
        assert!(!told.contains("hunter2"), "{url}: {told}");
    }
    let error = RedisFleet::connect(RedisConfig::new("redis://x").root_certificates("")).await;
    assert!(error.unwrap_err().to_string().contains("rediss://"));
}
