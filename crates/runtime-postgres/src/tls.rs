//! Encrypted connections.

use tokio_postgres::config::SslMode;

use crate::error::PgError;

/// What `sslmode` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verify {
    /// Nothing is encrypted.
    Disable,
    /// It is encrypted if the server can, and the certificate is not looked at.
    #[default]
    Prefer,
    /// It is encrypted, and the certificate is the host's.
    Full,
}

impl Verify {
    pub(crate) fn named(mode: &str) -> Result<Self, PgError> {
        match mode {
            "disable" => Ok(Self::Disable),
            "prefer" => Ok(Self::Prefer),
            // There is no encryption for show: what would it be against?
            "require" | "verify-ca" | "verify-full" => Ok(Self::Full),
            _ => Err(PgError::config(
                "sslmode is disable, prefer, require, verify-ca or verify-full; the last three are the same here",
            )),
        }
    }

    pub(crate) const fn mode(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Full => SslMode::Require,
        }
    }
}

/// How a connection is encrypted.
#[derive(Clone)]
pub(crate) enum Tls {
    Never,
    #[cfg(feature = "tls")]
    Rustls(tokio_postgres_rustls::MakeRustlsConnect),
}

#[cfg(not(feature = "tls"))]
impl Tls {
    pub(crate) fn new(verify: Verify, _roots: Option<&str>) -> Result<Self, PgError> {
        match verify {
            Verify::Full => Err(PgError::config(
                "this sslmode needs feature `tls` of runtime-postgres, which is off",
            )),
            Verify::Disable | Verify::Prefer => Ok(Self::Never),
        }
    }
}

#[cfg(feature = "tls")]
impl Tls {
    pub(crate) fn new(verify: Verify, roots: Option<&str>) -> Result<Self, PgError> {
        use std::sync::Arc;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(|error| PgError::Failed { attempted: "set up TLS", source: error.into() })?;
        let config = match verify {
            Verify::Disable => return Ok(Self::Never),
            Verify::Prefer if roots.is_some() => {
                let what = "with root certificates, sslmode has to be require: prefer does not look at them";
                return Err(PgError::config(what));
            }
            Verify::Prefer => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(any::Any(provider)))
                .with_no_client_auth(),
            Verify::Full => builder.with_root_certificates(trusted(roots)?).with_no_client_auth(),
        };
        Ok(Self::Rustls(tokio_postgres_rustls::MakeRustlsConnect::new(config)))
    }
}

/// The roots that are trusted: these, or those of the operating system.
#[cfg(feature = "tls")]
fn trusted(pem: Option<&str>) -> Result<rustls::RootCertStore, PgError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    let mut store = rustls::RootCertStore::empty();
    let none = |from: &str| PgError::config(format!("there are no root certificates in {from}"));
    if let Some(pem) = pem {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let bad = || PgError::config("a root certificate cannot be read; it has to be PEM");
            store.add(certificate.map_err(|_| bad())?).map_err(|_| bad())?;
        }
        if store.is_empty() {
            return Err(none("what was given: they begin with `-----BEGIN CERTIFICATE-----`"));
        }
    } else {
        // Systems have some that cannot be read, so these are passed over.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if store.is_empty() {
            let system =
                "the operating system: install ca-certificates, or name a file with sslrootcert";
            return Err(none(system));
        }
    }
    Ok(store)
}

#[cfg(feature = "tls")]
mod any {
    //! Takes any certificate: with `sslmode=prefer` it proves nothing, as the server could have refused TLS.

    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::CryptoProvider;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    #[derive(Debug)]
    pub(super) struct Any(pub(super) Arc<CryptoProvider>);

    impl ServerCertVerifier for Any {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
