//! The headers of the crate `http`.

use http::HeaderMap;

use super::headers::Headers;

/// With feature `http`.
impl Headers for HeaderMap {
    fn header(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str().ok()
    }
}
