//! The headers of a reply, of any type.

use std::marker::PhantomData;

/// The headers of a reply.
///
/// It is implemented for lists of names and values, and by [`header_lookup`] for closures, so no HTTP
/// library is needed. Names are asked for in lower case and must be found in any case.
///
/// ```
/// use std::collections::HashMap;
/// use runtime_resilience::{Headers, header_lookup};
///
/// let headers: &[(&str, &str)] = &[("Retry-After", "7")];
/// assert_eq!(headers.header("retry-after"), Some("7"));
///
/// let map = HashMap::from([("retry-after", "7".to_owned())]);
/// let headers = header_lookup(|name| map.get(name).map(String::as_str));
/// assert_eq!(headers.header("retry-after"), Some("7"));
/// ```
pub trait Headers {
    /// The value of the first header of this name, if it is text.
    fn header(&self, name: &str) -> Option<&str>;
}

impl<N: AsRef<str>, V: AsRef<str>> Headers for [(N, V)] {
    fn header(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(n, _)| n.as_ref().len() == name.len() && n.as_ref().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_ref())
    }
}

impl<N: AsRef<str>, V: AsRef<str>, const COUNT: usize> Headers for [(N, V); COUNT] {
    fn header(&self, name: &str) -> Option<&str> {
        self.as_slice().header(name)
    }
}

impl<N: AsRef<str>, V: AsRef<str>> Headers for Vec<(N, V)> {
    fn header(&self, name: &str) -> Option<&str> {
        self.as_slice().header(name)
    }
}

impl<H: Headers + ?Sized> Headers for &H {
    fn header(&self, name: &str) -> Option<&str> {
        (**self).header(name)
    }
}

/// No headers at all.
impl Headers for () {
    fn header(&self, _: &str) -> Option<&str> {
        None
    }
}

/// Headers that a closure looks up, for use with any HTTP library.
pub const fn header_lookup<'h, F: Fn(&str) -> Option<&'h str>>(find: F) -> impl Headers {
    Lookup { find, values: PhantomData }
}

struct Lookup<'h, F> {
    find: F,
    values: PhantomData<&'h str>,
}

impl<'h, F: Fn(&str) -> Option<&'h str>> Headers for Lookup<'h, F> {
    fn header(&self, name: &str) -> Option<&str> {
        (self.find)(name)
    }
}
