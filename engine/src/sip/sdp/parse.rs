//! Reading session descriptions, forgiving what real phones get wrong.

use std::net::IpAddr;

use sdp_types::{Attribute, Connection, Media, RtpMap, Session};

use super::{Direction, MediaDescription, Payload, SdpError, SessionDescription};

/// More media lines than this are nobody's phone call.
const MAX_MEDIA: usize = 32;
/// More lines than this neither.
const MAX_LINES: usize = 2048;
/// More payload types than RTP has.
const MAX_FORMATS: usize = 128;

/// Reads a session description.
///
/// Line ends of every kind, missing `s=` and `t=`, spaces too many, lines that mean nothing to
/// us, and octets after the end are forgiven; a media line that cannot be read is not.
pub fn parse(octets: &[u8]) -> Result<SessionDescription, SdpError> {
    let session = Session::parse(tidy(octets)?.as_bytes()).map_err(|_| SdpError::Malformed)?;
    if session.medias.is_empty() {
        return Err(SdpError::NoAudio);
    }
    let origin = (!session.origin.sess_id.is_empty())
        .then(|| (session.origin.sess_id.clone(), session.origin.sess_version));
    let media = session.medias.iter().map(|media| media_description(&session, media)).collect();
    Ok(SessionDescription { origin, media })
}

/// The lines that matter, in a form that sdp-types reads: a session's version, origin,
/// connection and attributes, and a medium's line, connection and attributes.
fn tidy(octets: &[u8]) -> Result<String, SdpError> {
    let text = String::from_utf8_lossy(octets);
    let mut out = String::from("v=0\r\n");
    let (mut media, mut origin, mut connection, mut lines) = (0, false, false, 0);
    for line in text.split(['\r', '\n', '\0']).filter(|line| !line.is_empty()) {
        lines += 1;
        let Some((key, value)) = line.trim_start().split_once('=') else { continue };
        let words = || value.split_ascii_whitespace().collect::<Vec<_>>();
        let tidied = match key {
            "m" => {
                media += 1;
                words().join(" ")
            }
            "c" => {
                // Only the first counts, in the session as in each medium.
                let first = !std::mem::replace(&mut connection, true);
                match words().as_slice() {
                    [net, family, address, ..] if first => format!("{net} {family} {address}"),
                    _ => continue,
                }
            }
            "o" if media == 0 && !std::mem::replace(&mut origin, true) => {
                match words().as_slice() {
                    [user, id, version, net, family, address, ..]
                        if version.parse::<u64>().is_ok() && sdp_tokens(&[net, family]) =>
                    {
                        format!("{user} {id} {version} {net} {family} {address}")
                    }
                    _ => continue,
                }
            }
            "a" => value.trim().to_owned(),
            _ => continue,
        };
        if key == "m" {
            connection = false;
        }
        out.push_str(key);
        out.push('=');
        out.push_str(&tidied);
        out.push_str("\r\n");
    }
    if media > MAX_MEDIA || lines > MAX_LINES { Err(SdpError::TooLong) } else { Ok(out) }
}

fn sdp_tokens(words: &[&str]) -> bool {
    words.iter().all(|word| word.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn media_description(session: &Session, media: &Media) -> MediaDescription {
    let attribute = |name: &str| {
        first_value(&media.attributes, name).or_else(|| first_value(&session.attributes, name))
    };
    let number = |name: &str| {
        let value: f64 = attribute(name)?.trim().parse().ok()?;
        // Some write 20.0; the cast saturates.
        (value >= 1.0).then_some(value as u32)
    };
    let direction = |attributes: &[Attribute]| {
        attributes.iter().find_map(|attribute| Direction::named(&attribute.attribute))
    };
    let connection = media.connections.first().or(session.connection.as_ref());
    MediaDescription {
        kind: media.media.clone(),
        port: media.port,
        proto: media.proto.clone(),
        formats: media.fmt.clone(),
        address: connection.and_then(unicast),
        payloads: payloads(media),
        ptime: number("ptime"),
        max_ptime: number("maxptime"),
        direction: direction(&media.attributes)
            .or_else(|| direction(&session.attributes))
            .unwrap_or_default(),
        rtcp_mux: media.has_attribute("rtcp-mux"),
        crypto: media.get_attribute_values("crypto").flatten().map(str::to_owned).collect(),
        mid: first_value(&media.attributes, "mid").map(str::to_owned),
    }
}

fn first_value<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes.iter().find(|a| a.attribute.eq_ignore_ascii_case(name))?.value.as_deref()
}

fn unicast(connection: &Connection) -> Option<IpAddr> {
    let ip = connection.try_address().ok()?.ip;
    (!ip.is_multicast()).then_some(ip)
}

/// The formats of the media line with their meaning: by `a=rtpmap`, else by RFC 3551.
fn payloads(media: &Media) -> Vec<Payload> {
    let maps: Vec<RtpMap> = media.attributes_typed::<RtpMap>().filter_map(Result::ok).collect();
    let parameters: Vec<(u8, &str)> = media
        .get_attribute_values("fmtp")
        .flatten()
        .filter_map(|value| {
            let (payload_type, parameters) = value.split_once(' ')?;
            Some((payload_type.parse().ok()?, parameters.trim()))
        })
        .collect();
    media
        .fmt
        .split_ascii_whitespace()
        .filter_map(|format| format.parse().ok().filter(|&payload_type: &u8| payload_type < 128))
        .take(MAX_FORMATS)
        .filter_map(|payload_type| {
            let (name, clock, channels) = match maps.iter().find(|m| m.payload_type == payload_type)
            {
                Some(map) => {
                    let channels = map.encoding_params.as_deref().map(str::parse);
                    (map.encoding_name.clone(), map.clock_rate, channels.and_then(Result::ok))
                }
                None => (static_name(payload_type)?.to_owned(), 8000, None),
            };
            let fmtp = parameters.iter().find(|(pt, _)| *pt == payload_type);
            Some(Payload {
                payload_type,
                name,
                clock,
                channels: channels.unwrap_or(1),
                fmtp: fmtp.map(|(_, text)| (*text).to_owned()),
            })
        })
        .collect()
}

/// The static payload types that a phone may leave unexplained (RFC 3551 table 4). Others of
/// that table are nothing that we speak.
const fn static_name(payload_type: u8) -> Option<&'static str> {
    match payload_type {
        0 => Some("PCMU"),
        3 => Some("GSM"),
        8 => Some("PCMA"),
        9 => Some("G722"),
        18 => Some("G729"),
        _ => None,
    }
}
