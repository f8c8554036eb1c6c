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
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?;
    let certificate = certificate.signed_by(&key, &authority)?;
    server.write("server.crt", &certificate.pem());
    server.write("server.key", &key.serialize_pem());
    server.begin();
    Ok(Some((server, authority)))
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
