//! The options of a URL. No text of an error has a part of it that could be of a password.

/// A URL without its options, and these, as they are written.
///
/// ```
/// let (base, mut options) = runtime_fleet::link::url::divided("redis://u:a?b@host/0?push=no&x");
/// assert_eq!(base, "redis://u:a?b@host/0");
/// assert_eq!(options.collect::<Vec<_>>(), [("push", "no"), ("x", "")]);
/// ```
pub fn divided(url: &str) -> (&str, impl Iterator<Item = (&str, &str)>) {
    // A `?` before the `@` belongs to the password.
    let host = url.find('@').unwrap_or(0);
    let query = url.get(host..).and_then(|rest| rest.find('?')).map(|at| host + at);
    let (base, query) = match query {
        Some(at) => (url.get(..at).unwrap_or(url), url.get(at + 1..).unwrap_or_default()),
        None => (url, ""),
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    (base, pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))))
}

/// A text with `%XX` in the place of bytes. `None` if it is none.
///
/// ```
/// use runtime_fleet::link::url::decoded;
///
/// assert_eq!(decoded("%2Fetc/a%40b").as_deref(), Some("/etc/a@b"));
/// assert_eq!(decoded("%zz"), None);
/// ```
pub fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                let (high, low) = digit(rest.next()).zip(digit(rest.next()))?;
                u8::try_from(16 * high + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// What an option says that is `yes` or `no`.
///
/// # Errors
///
/// A text, if it is neither.
pub fn yes(option: &str, word: &str) -> Result<bool, String> {
    match word {
        "yes" => Ok(true),
        "no" => Ok(false),
        // What was written could be a part of a password.
        _ => Err(format!("the URL's option `{option}` is `yes` or `no`")),
    }
}

/// The certificates in the file that the option `sslrootcert` names.
///
/// # Errors
///
/// A text, if it cannot be read.
pub fn root_certificates(file: &str) -> Result<String, String> {
    std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read sslrootcert `{file}`: {error}"))
}
