//! Taking secrets out of text that leaves the machine.
//!
//! Two ways together: secrets that are known are looked for as they are, and what has the shape of a secret goes whether
//! it is known or not. Too much taken out costs a word of a log; too little cannot be taken back.

use crate::secret::Secret;

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// Known secrets shorter than this are left: they would stand in half of all words, and guard nothing.
const SHORTEST: usize = 4;

/// Keys after which a value is a secret, in lower case; `client-key-data` and the like are found by their ends.
const KEYS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "token-id",
    "token-secret",
    "certificate-key",
    "certificatekey",
    "client-key-data",
    "authorization",
    "auth",
    "api-key",
    "apikey",
];

/// Takes secrets out of texts and counts them.
#[derive(Default)]
pub struct Redactor {
    known: Vec<Secret>,
}

impl Redactor {
    pub fn new(known: impl IntoIterator<Item = Secret>) -> Redactor {
        let mut known: Vec<Secret> =
            known.into_iter().filter(|secret| secret.expose().len() >= SHORTEST).collect();
        // The longer first: one may hold another.
        known.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        Redactor { known }
    }

    /// The text without secrets, and how many were taken out.
    pub fn text(&self, text: &str) -> (String, usize) {
        let mut count = 0;
        let mut out = text.to_owned();
        for secret in &self.known {
            for form in forms(secret.expose()) {
                count += out.matches(form.as_str()).count();
                out = out.replace(form.as_str(), REDACTED);
            }
        }
        let out = private_keys(&out, &mut count);
        let lines: Vec<String> = out.split('\n').map(|line| redact_line(line, &mut count)).collect();
        (lines.join("\n"), count)
    }
}

/// How a secret looks as it is, inside JSON, and as Kubernetes and registries encode it.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let mut forms = vec![secret.to_owned(), json.trim_matches('"').to_owned()];
    // At each of the three places where base64 may cut, without the characters that neighbours share.
    for skip in 0..3 {
        let padded = format!("{}{secret}", "\0".repeat(skip));
        let encoded = base64(padded.as_bytes());
        let begin = [0, 2, 3][skip];
        let whole = (padded.len() / 3) * 4;
        if whole > begin + 6 {
            forms.push(encoded[begin..whole].to_owned());
        }
    }
    forms.dedup();
    forms
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |at: u32| char::from(DIGITS[(at & 63) as usize]);
    let whole = bytes.chunks_exact(3);
    whole
        .flat_map(|three| {
            let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
            [digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), digit(bits)]
        })
        .collect()
}

/// PEM blocks of private keys, whole; one that is cut off goes to the end.
fn private_keys(text: &str, count: &mut usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find("-----BEGIN ") {
        let head_end = rest[begin + 11..].find("-----").map(|end| begin + 11 + end);
        let head = head_end.map_or("", |end| &rest[begin + 11..end]);
        if !head.ends_with("PRIVATE KEY") || head.len() > 40 {
            out.push_str(&rest[..begin + 11]);
            rest = &rest[begin + 11..];
            continue;
        }
        out.push_str(&rest[..begin]);
        out.push_str(REDACTED);
        *count += 1;
        let end = format!("-----END {head}-----");
        rest = rest.find(&end).map_or("", |at| &rest[at + end.len()..]);
    }
    out + rest
}

fn redact_line(line: &str, count: &mut usize) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    // Word by word, so that what is between words stays as it was.
    while let Some(at) = rest.find(is_word) {
        out.push_str(&rest[..at]);
        let end = rest[at..].find(|c| !is_word(c)).map_or(rest.len(), |end| at + end);
        let word = &rest[at..end];
        rest = &rest[end..];
        if looks_secret(word) {
            *count += 1;
            out.push_str(REDACTED);
            continue;
        }
        out.push_str(word);
        if let Some((between, after)) = secret_value(word, rest) {
            *count += 1;
            out.push_str(between);
            out.push_str(REDACTED);
            rest = after;
        }
    }
    out + rest
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// A bootstrap token (`[a-z0-9]{6}\.[a-z0-9]{16}`) or a JSON web token.
fn looks_secret(word: &str) -> bool {
    let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bootstrap = word.split_once('.').is_some_and(|(id, secret)| {
        id.len() == 6 && secret.len() == 16 && id.chars().all(small) && secret.chars().all(small)
    });
    bootstrap || (word.starts_with("eyJ") && word.len() > 30 && word.matches('.').count() == 2)
}

/// After a key that names a secret: what separates them, and what follows the value. `Bearer` takes the next word.
fn secret_value<'t>(word: &str, rest: &'t str) -> Option<(&'t str, &'t str)> {
    let lower = word.trim_start_matches('-').to_ascii_lowercase();
    let lower = lower.rsplit('.').next().unwrap_or_default();
    let named = KEYS
        .iter()
        .any(|key| lower == *key || lower.strip_suffix(key).is_some_and(|head| head.ends_with(['-', '_'])));
    let bearer = matches!(lower, "bearer" | "basic");
    if !named && !bearer {
        return None;
    }
    let quotes = |c: char| matches!(c, '"' | '\'' | '\\');
    let after_key = rest.trim_start_matches(quotes);
    let value = match after_key.strip_prefix([':', '=']) {
        Some(value) => value.trim_start_matches([' ', '\t']),
        None if bearer || word.starts_with("--") => after_key.strip_prefix(' ')?,
        None => return None,
    };
    let (value, ended): (&str, fn(char) -> bool) = match value.chars().next()? {
        '"' => (&value[1..], |c| c == '"'),
        '\'' => (&value[1..], |c| c == '\''),
        // A map or a list says where a secret is, or is none.
        '{' | '[' | '&' | '*' | '|' | '>' => return None,
        _ => (value, |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '}' | ']' | '"' | '\'')),
    };
    let end = value.find(ended).unwrap_or(value.len());
    let found = &value[..end];
    if matches!(found, "" | "null" | "true" | "false" | REDACTED) || matches!(found, "Bearer" | "Basic") {
        return None;
    }
    // "Basic System" names a target of systemd.
    if bearer && found.trim_end_matches('.').chars().all(char::is_alphabetic) {
        return None;
    }
    let start = rest.len() - value.len();
    Some((&rest[..start], &value[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str) -> String {
        Redactor::new([Secret::new("hunter2\"x"), Secret::new("abc")]).text(text).0
    }

    #[test]
    fn known_secrets_go_as_they_are_in_json_and_in_base64() {
        let secret = "correct-horse";
        let redactor = Redactor::new([Secret::new(secret)]);
        // `printf 'u:correct-horse' | base64` and with one and two letters before.
        for text in [
            "said correct-horse",
            "{\"x\":\"correct-horse\"}",
            "dTpjb3JyZWN0LWhvcnNl",
            "dXU6Y29ycmVjdC1ob3JzZQ==",
            "Y29ycmVjdC1ob3JzZQ==",
        ] {
            let (out, count) = redactor.text(text);
            assert!(count > 0 && out.contains(REDACTED), "{text} gave {out}");
        }
        assert_eq!(redacted(r#"a hunter2"x b hunter2\"x c"#), "a [redacted] b [redacted] c");
        assert_eq!(redacted("abc is too short to be looked for"), "abc is too short to be looked for");
    }

    #[test]
    fn what_looks_like_a_secret_goes_without_being_known() {
        for (text, wanted) in [
            ("Using token: abcdef.0123456789abcdef now", "Using token: [redacted] now"),
            ("kubeadm join --token abcdef.0123456789abcdef --x", "kubeadm join --token [redacted] --x"),
            ("password=hunter3, user=a", "password=[redacted], user=a"),
            ("  registry_password: 'two words' # x", "  registry_password: '[redacted]' # x"),
            ("{\"auth\": \"dXNlcjpwYXNz\", \"b\": 1}", "{\"auth\": \"[redacted]\", \"b\": 1}"),
            ("client-key-data: LS0tLS1CRUdJTg==", "client-key-data: [redacted]"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
            ("--certificate-key 0a1b", "--certificate-key [redacted]"),
            ("x eyJhbGciOiJSUzI1NiIs.eyJpc3MiOiJrdWJlcm5l.c2lnbmF0dXJl y", "x [redacted] y"),
            ("a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nb", "a\n[redacted]\nb"),
            ("-----BEGIN PRIVATE KEY-----\ncut off", "[redacted]"),
        ] {
            assert_eq!(redacted(text), wanted);
        }
    }

    #[test]
    fn ordinary_text_stays() {
        for text in [
            "password: {file: /root/p}",
            "\"password\": null, \"passwords\": 3",
            "the token was refused",
            "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----",
            "etcd 3.7.3-0 containerd.service k8s.gcr.io/pause:3.10",
            "author: me; tokens=3",
            "basic.target Basic System; basic setup.",
            "",
            "\n\n",
        ] {
            assert_eq!(redacted(text), text);
        }
    }
}
