use super::*;
#[test]
fn addresses_are_read_with_and_without_a_port() {
    let read =
        |text: &str| text.parse::<Address>().map(|address| address.to_string()).map_err(|error| error.0);
    for (text, address) in [
        ("https://10.0.0.5:8443/", "https://10.0.0.5:8443"),
        ("plant-7.example", "https://plant-7.example:9443"),
        ("https://[fd00::1]", "https://[fd00::1]:9443"),
        ("[fd00::1]:443", "https://[fd00::1]:443"),
    ] {
        assert_eq!(read(text).as_deref(), Ok(address), "{text}");
    }
    for text in [
        "",
        "http://10.0.0.5",
        "https://a b",
        "https://x:99999",
        "https://x/path",
        "[fd00::1",
        "fd00::1",
        "a\nb",
    ] {
        assert_eq!(read(text), Err(text.to_owned()));
    }
}

#[test]
fn a_fingerprint_is_read_as_people_paste_it() {
    let fingerprint = Fingerprint::of(b"abc");
    let openssl =
        "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";
    assert_eq!(fingerprint.to_string(), openssl);
    let sha256sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for text in [openssl, sha256sum, &format!("sha256:{sha256sum}"), &format!("SHA256:{openssl}")] {
        assert_eq!(text.parse::<Fingerprint>().unwrap(), fingerprint);
    }
    assert!("sha256:ba78".parse::<Fingerprint>().is_err());
}
