//! What a handshake that failed says: a certificate that is not trusted, or a server that speaks no TLS, stays so
//! however often it is tried, and is the user's to mend.

use rustls::{CertificateError, Error as Tls, InvalidMessage};
use std::error::Error;

/// What is to be mended, if `error` or one of its causes is such a fault.
pub fn to_mend(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = handshake(error) {
            return remedy(found);
        }
        cause = error.source();
    }
    None
}

/// The handshake's error, also within errors of input and output, whose `source` passes over what they hold.
fn handshake<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Tls> {
    if let Some(tls) = error.downcast_ref::<Tls>() {
        return Some(tls);
    }
    let held = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    handshake(held)
}

fn remedy(error: &Tls) -> Option<&'static str> {
    use CertificateError as Bad;
    Some(match error {
        Tls::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "the server's certificate has expired: renew it"
        }
        Tls::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            "the server's certificate is not valid yet: look at this machine's clock"
        }
        Tls::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "the server's certificate is for another name: write that name into `urls`"
        }
        // What `openssl req -x509` makes unless it is told otherwise.
        Tls::InvalidCertificate(Bad::Other(other))
            if format!("{other:?}").contains("CaUsedAsEndEntity") =>
        {
            "the server's certificate is that of an authority (CA:TRUE): let it show one of its own, and name the \
             authority's PEM file in the environment variable SSL_CERT_FILE"
        }
        Tls::InvalidCertificate(_) => {
            "the server's certificate is not trusted here: put the authority that signed it into this machine's \
             store, or name its PEM file in the environment variable SSL_CERT_FILE"
        }
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the server does not speak TLS there: write `http://` into `urls`, or its TLS port"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::to_mend;
    use rustls::{CertificateError, Error as Tls};
    use std::io;

    #[test]
    fn a_fault_is_found_however_deep_it_lies() {
        let tls = Tls::InvalidCertificate(CertificateError::UnknownIssuer);
        let deep = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert!(to_mend(&deep).is_some_and(|help| help.contains("SSL_CERT_FILE")));
        let expired = io::Error::other(Tls::InvalidCertificate(CertificateError::Expired));
        assert!(to_mend(&expired).is_some_and(|help| help.contains("renew")));
        assert_eq!(to_mend(&io::Error::other(Tls::HandshakeNotComplete)), None);
        assert_eq!(to_mend(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
    }
}
