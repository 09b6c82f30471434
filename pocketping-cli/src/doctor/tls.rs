//! What a server proves to be over TLS. The only file here that names rustls and x509_parser.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use pocketping_sdk::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::nom::Parser;
use x509_parser::oid_registry::{
    OID_DOMAIN_COMPONENT, OID_X509_COMMON_NAME, OID_X509_COUNTRY_NAME, OID_X509_EXT_SUBJECT_ALT_NAME,
    OID_X509_LOCALITY_NAME, OID_X509_ORGANIZATION_NAME, OID_X509_ORGANIZATIONAL_UNIT, OID_X509_STATE_OR_PROVINCE_NAME,
};
use x509_parser::prelude::{FromDer, GeneralName, SubjectAlternativeName, X509CertificateParser};
use x509_parser::x509::AttributeTypeAndValue;

/// What was seen of a handshake.
#[derive(Debug, Default)]
pub(crate) struct Handshake {
    /// `TLSv1.3`; none when it failed.
    pub(crate) version: Option<String>,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) problem: Option<Problem>,
}

/// What the server's certificate says of itself.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) names: Vec<String>,
    pub(crate) issuer: String,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Problem {
    Expired,
    NotYetValid,
    OtherName,
    UnknownIssuer,
    /// The certificate of an authority, which is none of a server.
    Authority,
    /// Another reason not to take the certificate.
    Untrusted(String),
    Other(String),
}

impl Problem {
    fn of(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(why) => match why {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::OtherName,
                CertificateError::UnknownIssuer => Self::UnknownIssuer,
                // By its name: the crate that has the type is another one on every platform.
                CertificateError::Other(why) if why.0.to_string() == "CaUsedAsEndEntity" => Self::Authority,
                CertificateError::Other(why) => Self::Untrusted(why.0.to_string()),
                other => Self::Untrusted(other.to_string()),
            },
            other => Self::Other(other.to_string()),
        }
    }
}

/// Shakes hands on a connection as this program would, and writes down what it is shown.
pub(crate) async fn handshake(stream: TcpStream, host: &str) -> Handshake {
    match shake(stream, host).await {
        Ok(seen) => seen,
        Err(error) => Handshake { problem: Some(Problem::Other(error)), ..Handshake::default() },
    }
}

async fn shake(stream: TcpStream, host: &str) -> Result<Handshake, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let inner = Verifier::new(Arc::clone(&provider)).map_err(|error| error.to_string())?;
    let watching = Arc::new(Watching { inner, shown: Mutex::default() });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&watching) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let shown = watching.shown.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (der, refused) = shown.map_or((None, None), |(der, refused)| (Some(der), refused));
    let version = connected.as_ref().ok().and_then(|stream| stream.get_ref().1.protocol_version());
    let problem = match (&connected, refused) {
        (Ok(_), _) => None,
        (Err(_), Some(error)) => Some(Problem::of(&error)),
        (Err(error), None) => Some(Problem::Other(error.to_string())),
    };
    let version = version.and_then(|version| version.as_str()).map(|version| version.replace('_', "."));
    Ok(Handshake { version, certificate: der.and_then(|der| read(&der)), problem })
}

fn read(der: &[u8]) -> Option<Certificate> {
    // Its extensions are read one by one: most of them say nothing of interest here.
    let (_, certificate) = X509CertificateParser::new().with_deep_parse_extensions(false).parse(der).ok()?;
    let time = |seconds: i64| Timestamp::from_millis(seconds.checked_mul(1000)?).ok();
    let validity = certificate.validity();
    let names = certificate.extensions().iter().find(|extension| extension.oid == OID_X509_EXT_SUBJECT_ALT_NAME);
    let names = names.and_then(|names| SubjectAlternativeName::from_der(names.value).ok());
    let names = names.map(|(_, names)| names.general_names.iter().filter_map(name_of).collect());
    let issuer: Vec<_> = certificate.issuer().iter_attributes().map(attribute).collect();
    Some(Certificate {
        names: names.unwrap_or_default(),
        issuer: issuer.join(", "),
        not_before: time(validity.not_before.timestamp())?,
        not_after: time(validity.not_after.timestamp())?,
    })
}

/// `CN=R3`: with the type's number where it has no short name, and in hexadecimal digits what is no common text.
fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let known = [
        (OID_X509_COUNTRY_NAME, "C"),
        (OID_X509_STATE_OR_PROVINCE_NAME, "ST"),
        (OID_X509_LOCALITY_NAME, "L"),
        (OID_X509_ORGANIZATION_NAME, "O"),
        (OID_X509_ORGANIZATIONAL_UNIT, "OU"),
        (OID_X509_COMMON_NAME, "CN"),
        (OID_DOMAIN_COMPONENT, "DC"),
    ];
    let kind = attribute.attr_type();
    let name = known.iter().find(|(oid, _)| oid == kind);
    let name = name.map_or_else(|| kind.to_id_string(), |(_, name)| (*name).to_owned());
    let digits = || attribute.as_slice().iter().map(|byte| format!("{byte:02x}"));
    let value = attribute.as_str().map_or_else(|_| format!("#{}", digits().collect::<String>()), str::to_owned);
    format!("{name}={value}")
}

fn name_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            _ => Some(std::net::Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
        },
        _ => None,
    }
}

/// The system's verifier, and what it was asked.
struct Watching {
    inner: Verifier,
    shown: Mutex<Option<(Vec<u8>, Option<Error>)>>,
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watching")
    }
}

impl ServerCertVerifier for Watching {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let result = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let shown = (end_entity.to_vec(), result.as_ref().err().cloned());
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair};

    use super::*;

    #[test]
    fn a_certificate_says_who_it_is_for_and_who_made_it() {
        let names = ["example.com", "*.example.com", "192.0.2.7", "2001:db8::1"];
        let mut made = CertificateParams::new(names.map(str::to_owned)).unwrap();
        made.distinguished_name = DistinguishedName::new();
        for (kind, value) in [
            (DnType::CountryName, DnValue::from("FR")),
            (DnType::StateOrProvinceName, "Corse".into()),
            (DnType::LocalityName, "Bastia".into()),
            (DnType::OrganizationName, "Ex, Inc.".into()),
            (DnType::OrganizationalUnitName, "Chat".into()),
            (DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 25]), "example".into()),
            (DnType::CustomDnType(vec![1, 2, 3, 4]), "mine".into()),
            (DnType::CommonName, DnValue::BmpString("R3".try_into().unwrap())),
        ] {
            made.distinguished_name.push(kind, value);
        }
        let der = made.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = read(der.der()).unwrap();
        assert_eq!(read.names, names);
        assert_eq!(
            read.issuer,
            "C=FR, ST=Corse, L=Bastia, O=Ex, Inc., OU=Chat, DC=example, 1.2.3.4=mine, CN=#00520033"
        );
        assert!(read.not_before < read.not_after);
        assert!(super::read(&der.der()[..100]).is_none() && super::read(b"").is_none());
    }
}
