//! Proxies in front of us, and what they say of the request that they pass on. From anybody else these
//! headers are worth nothing: who writes them could choose the address that a signature covers.

use std::net::IpAddr;

use actix_web::{HttpRequest, http::header::HOST};
use ipnet::IpNet;

/// Networks whose `Forwarded` and `X-Forwarded-*` headers are believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// From `10.0.0.0/8, 192.168.1.7, fd00::/8`.
    ///
    /// # Errors
    /// The first part that is neither an address nor a network.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let network = |part: &str| {
            let alone = || part.parse::<IpAddr>().map(IpNet::from);
            part.parse()
                .or_else(|_| alone())
                .map_err(|_| format!("`{part}` is no address and no network such as 10.0.0.0/8"))
        };
        parts.map(network).collect::<Result<_, _>>().map(Self)
    }

    fn is_one(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    fn speaks(&self, request: &HttpRequest) -> bool {
        let peer = request.peer_addr();
        !self.0.is_empty() && peer.is_some_and(|peer| self.is_one(peer.ip()))
    }

    /// Scheme and host that the carrier called: as the proxy says, else as the request says.
    #[must_use]
    pub fn origin(&self, request: &HttpRequest) -> String {
        if self.speaks(request) {
            let connection = request.connection_info();
            return format!("{}://{}", connection.scheme(), connection.host());
        }
        let scheme = if request.app_config().secure() {
            "https"
        } else {
            "http"
        };
        let named = request.headers().get(HOST);
        // HTTP/2 has it in the request line.
        let host = named
            .and_then(|host| host.to_str().ok())
            .or_else(|| request.uri().authority().map(|host| host.as_str()))
            .unwrap_or_default();
        format!("{scheme}://{host}")
    }

    /// The address from which the request was sent: the last one that no trusted proxy has. A list can
    /// be begun by anybody, so it is read from its end.
    #[must_use]
    pub fn client(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip();
        let lists = request.headers().get_all("x-forwarded-for");
        let listed: Vec<&str> = lists
            .filter_map(|list| list.to_str().ok())
            .flat_map(|list| list.split(','))
            .collect();
        let mut client = peer;
        for hop in listed.iter().rev() {
            if !self.is_one(client) {
                break;
            }
            match hop.trim().parse() {
                Ok(address) => client = address,
                Err(_) => break,
            }
        }
        Some(client.to_canonical())
    }
}

/// The network that an address lies in, wide enough to name nobody.
#[must_use]
pub fn network(address: IpAddr) -> String {
    let bits = match address {
        IpAddr::V4(_) => 24,
        IpAddr::V6(_) => 48,
    };
    IpNet::new(address, bits)
        .map(|network| network.trunc().to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn proxies() -> Proxies {
        Proxies::parse("10.0.0.0/8, 192.0.2.7").unwrap()
    }

    fn request(peer: &str) -> HttpRequest {
        TestRequest::post()
            .peer_addr(format!("{peer}:4711").parse().unwrap())
            .insert_header(("host", "inside:8080"))
            .insert_header(("x-forwarded-host", "hooks.example.com"))
            .insert_header(("x-forwarded-proto", "https"))
            .insert_header(("x-forwarded-for", "198.51.100.9, 203.0.113.5, 10.1.1.1"))
            .to_http_request()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let check = |peer: &str, origin: &str, client: &str| {
            let request = request(peer);
            assert_eq!(proxies().origin(&request), origin, "{peer}");
            let found = proxies().client(&request);
            assert_eq!(found, Some(client.parse().unwrap()), "{peer}");
        };
        check("10.9.9.9", "https://hooks.example.com", "203.0.113.5");
        check("192.0.2.7", "https://hooks.example.com", "203.0.113.5");
        check("192.0.2.8", "http://inside:8080", "192.0.2.8");
        let nobody = Proxies::default();
        assert_eq!(nobody.origin(&request("10.9.9.9")), "http://inside:8080");
        assert_eq!(nobody.client(&request("10.9.9.9")), "10.9.9.9".parse().ok());
    }

    #[test]
    fn networks_and_addresses_are_read_and_nothing_else() {
        assert!(Proxies::parse(" ").unwrap().0.is_empty());
        assert_eq!(Proxies::parse("::1,10.0.0.0/8,").unwrap().0.len(), 2);
        assert!(
            Proxies::parse("10.0.0.0/8,localhost")
                .unwrap_err()
                .contains("localhost")
        );
    }

    #[test]
    fn a_network_names_nobody() {
        assert_eq!(network("203.0.113.5".parse().unwrap()), "203.0.113.0/24");
        assert_eq!(
            network("2001:db8:1:2::3".parse().unwrap()),
            "2001:db8:1::/48"
        );
    }
}
