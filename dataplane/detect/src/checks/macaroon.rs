//! PyPI's tokens: macaroons in their second binary format, under base64url.

use super::result::CheckResult;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

const VERSION: u8 = 2;
/// Kinds of packets; zero ends a section.
const LOCATION: u8 = 1;
const IDENTIFIER: u8 = 2;
const SIGNATURE: u8 = 6;
const SIGNATURE_LENGTH: usize = 32;

/// Checks `pypi-` and a macaroon: version, location, identifier, sections of caveats, a signature, and no more.
pub(super) fn validate(text: &[u8]) -> CheckResult {
    let Some(dash) = memchr::memchr(b'-', text) else { return CheckResult::Unknown };
    match LENIENT.decode(&text[dash + 1..]) {
        Ok(bytes) if bytes.first() == Some(&VERSION) && whole(&bytes[1..]).is_some() => CheckResult::Valid,
        _ => CheckResult::Invalid,
    }
}

/// Reads all packets; `None` where something is amiss.
fn whole(packets: &[u8]) -> Option<()> {
    let mut rest = packets;
    let host = packet(&mut rest, LOCATION)?.strip_suffix(b".org")?;
    if !matches!(host, b"pypi" | b"test.pypi") {
        return None;
    }
    packet(&mut rest, IDENTIFIER)?;
    section_ends(&mut rest)?;
    while rest.first() != Some(&0) {
        packet(&mut rest, IDENTIFIER)?;
        section_ends(&mut rest)?;
    }
    section_ends(&mut rest)?;
    let signature = packet(&mut rest, SIGNATURE)?;
    (signature.len() == SIGNATURE_LENGTH && rest.is_empty()).then_some(())
}

/// Takes a packet of the given kind: the kind, the length in groups of seven bits, the bytes.
fn packet<'a>(rest: &mut &'a [u8], kind: u8) -> Option<&'a [u8]> {
    let (&found, mut after) = rest.split_first()?;
    let mut length = 0usize;
    for shift in [0, 7] {
        let (&byte, next) = after.split_first()?;
        after = next;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let (body, next) = after.split_at_checked(length)?;
            *rest = next;
            return (found == kind).then_some(body);
        }
    }
    None
}

fn section_ends(rest: &mut &[u8]) -> Option<()> {
    *rest = rest.strip_prefix(&[0])?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_macaroon_must_be_whole() {
        for token in [
            "pypi-AgEIcHlwaS5vcmcCJDVmMGMyYTdlLTZiMWQtNGMzOS05ZTg0LTFhMmIzYzRkNWU2ZgACJXsidmVyc2lvbiI6IDEsICJwZXJtaXNzaW9ucyI6ICJ1c2VyIn0AAAYgOLTmUuRNp_I3DZ4mDicTZVCko6bQf1wMMy-LEiQIP9I",
            "pypi-AgENdGVzdC5weXBpLm9yZwIkMGQ5ZThmN2EtMTIzNC00YWJjLThkZWYtMDEyMzQ1Njc4OWFiAAKlAVsxLCBbImEtcHJvamVjdC13aXRoLWEtbG9uZy1uYW1lYS1wcm9qZWN0LXdpdGgtYS1sb25nLW5hbWVhLXByb2plY3Qtd2l0aC1hLWxvbmctbmFtZWEtcHJvamVjdC13aXRoLWEtbG9uZy1uYW1lYS1wcm9qZWN0LXdpdGgtYS1sb25nLW5hbWVhLXByb2plY3Qtd2l0aC1hLWxvbmctbmFtZSJdXQACDVsyLCBbIjhjMWQiXV0AAAYgK5AviRHoGBj4yZ1dXZgxlXUE2Q6UXeLo9U7ngcx19jY",
        ] {
            assert_eq!(validate(token.as_bytes()), CheckResult::Valid, "{token}");
            assert_eq!(validate(&token.as_bytes()[..token.len() - 2]), CheckResult::Invalid, "cut");
            assert_eq!(validate(format!("{token}AAAA").as_bytes()), CheckResult::Invalid, "longer");
        }
        assert_eq!(validate(b"pypi-AgEIcHlwaS54eXoCJDVmMGMyYTdlLTZiMWQtNGMzOS05ZTg0LTFhMmIzYzRkNWU2ZgAABiDYUJkJWqMAFlpnA2-bVA1rjwviESQXnD3Z9zgXzm4RjQ"), CheckResult::Invalid);
        assert_eq!(validate(b"pypi-AgEIcHlwaS5vcmcCJGFiY2RlZg"), CheckResult::Invalid);
        assert_eq!(validate(b"pypi"), CheckResult::Unknown);
    }
}
