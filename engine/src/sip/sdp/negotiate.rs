//! Offer and answer (RFC 3264).

use std::net::SocketAddr;

use sdp_types::{Attribute, Connection, Media, Origin, Session, Time};

use super::{
    Direction, Local, MediaDescription, Negotiated, OFFERED_DTMF, SdpError, SessionDescription,
};
use crate::media::codec::Codec;

/// What we put in a packet where nobody asks for anything else.
const USUAL_PTIME: u32 = 20;

/// Answers an offer: our description, and what is agreed. The first audio line that fits is
/// taken, with one codec, so that no phone changes it in mid-call; every other line is refused
/// in its place with port 0 (RFC 3264 section 6).
pub fn answer(
    offer: &SessionDescription,
    local: &Local<'_>,
) -> Result<(String, Negotiated), SdpError> {
    let mut failure = SdpError::NoAudio;
    let mut taken = None;
    for (at, media) in offer.media.iter().enumerate().filter(|(_, m)| m.is_usable_audio()) {
        match agree(media, local) {
            Ok(negotiated) => {
                taken = Some((at, negotiated));
                break;
            }
            Err(error) => failure = error,
        }
    }
    let (taken, negotiated) = taken.ok_or(failure)?;
    let mut session = session(local);
    session.medias = offer
        .media
        .iter()
        .enumerate()
        .map(
            |(at, media)| {
                if at == taken { accepted(media, &negotiated, local) } else { refused(media) }
            },
        )
        .collect();
    Ok((text(&session), negotiated))
}

/// Our offer: every codec of `local`, telephone events, 20 ms packets.
pub fn offer(local: &Local<'_>) -> String {
    let mut session = session(local);
    let mut formats: Vec<u8> = local.codecs.iter().map(|c| c.static_payload_type()).collect();
    formats.push(OFFERED_DTMF);
    let mut media = media_line("audio", local.addr.port(), "RTP/AVP", &formats);
    for codec in local.codecs {
        describe(&mut media, *codec, codec.static_payload_type());
    }
    describe_events(&mut media, OFFERED_DTMF);
    finish(&mut media, USUAL_PTIME, local.direction);
    session.medias.push(media);
    text(&session)
}

/// What the answer to our [`offer`] agrees upon.
pub fn negotiated(local: &Local<'_>, answer: &SessionDescription) -> Result<Negotiated, SdpError> {
    // Our offer has one line, so the answer has one that counts.
    let media = answer.media.first().filter(|m| m.is_usable_audio()).ok_or(SdpError::NoAudio)?;
    let mut negotiated = agree(media, local)?;
    // What is sent to us has the number that we gave it (RFC 3264 section 5.1), and the keys
    // that we hear matter more than those that we press.
    negotiated.dtmf_payload_type = negotiated.dtmf_payload_type.map(|_| OFFERED_DTMF);
    // We did not offer it, so nobody can accept it (RFC 5761 section 5.1.1).
    negotiated.rtcp_mux = false;
    Ok(negotiated)
}

fn agree(media: &MediaDescription, local: &Local<'_>) -> Result<Negotiated, SdpError> {
    let (codec, payload_type) = media
        .payloads
        .iter()
        .filter_map(|payload| Some((payload.codec()?, payload.payload_type)))
        .find(|(codec, _)| local.codecs.contains(codec))
        .ok_or(SdpError::NoCodec)?;
    let address = media.address.ok_or(SdpError::NoAddress)?;
    Ok(Negotiated {
        remote: SocketAddr::new(address, media.port),
        codec,
        payload_type,
        dtmf_payload_type: media.dtmf(),
        ptime_ms: ptime(media),
        send: local.direction.sends() && media.wants_media(),
        receive: local.direction.receives() && media.direction.sends(),
        rtcp_mux: media.rtcp_mux,
    })
}

/// What the other side wants in a packet, within what it bears and we do.
fn ptime(media: &MediaDescription) -> u32 {
    let most = media.max_ptime.unwrap_or(60).clamp(10, 60);
    media.ptime.unwrap_or(USUAL_PTIME).clamp(10, most) / 10 * 10
}

fn session(local: &Local<'_>) -> Session {
    let ip = local.addr.ip();
    let mut origin = Origin::with_ip_addr(local.session_id, local.session_version, ip);
    origin.username = Some("hark".to_owned());
    let mut session = Session::new(origin, "hark");
    session.connection = Some(Connection::from_ip_addr(ip));
    session.times.push(Time::new(0, 0));
    session
}

fn media_line(kind: &str, port: u16, proto: &str, formats: &[u8]) -> Media {
    let formats: Vec<_> = formats.iter().map(u8::to_string).collect();
    let mut media = Media::new(sdp_types::MediaType::Audio, port, proto.into(), formats.join(" "));
    kind.clone_into(&mut media.media);
    media
}

fn accepted(offered: &MediaDescription, agreed: &Negotiated, local: &Local<'_>) -> Media {
    let formats: Vec<u8> =
        [Some(agreed.payload_type), agreed.dtmf_payload_type].into_iter().flatten().collect();
    let mut media = media_line(&offered.kind, local.addr.port(), &offered.proto, &formats);
    describe(&mut media, agreed.codec, agreed.payload_type);
    if let Some(payload_type) = agreed.dtmf_payload_type {
        describe_events(&mut media, payload_type);
    }
    if let Some(mid) = &offered.mid {
        media.attributes.push(Attribute::with_value("mid", mid));
    }
    if agreed.rtcp_mux {
        media.attributes.push(Attribute::new("rtcp-mux"));
    }
    finish(&mut media, agreed.ptime_ms, Direction::of(agreed.send, agreed.receive));
    media
}

fn refused(offered: &MediaDescription) -> Media {
    let mut media = media_line(&offered.kind, 0, &offered.proto, &[]);
    media.fmt.clone_from(&offered.formats);
    media
}

fn describe(media: &mut Media, codec: Codec, payload_type: u8) {
    let value = format!("{payload_type} {}/{}", codec.name(), codec.clock_rate());
    media.attributes.push(Attribute::with_value("rtpmap", value));
}

fn describe_events(media: &mut Media, payload_type: u8) {
    let map = format!("{payload_type} telephone-event/8000");
    media.attributes.push(Attribute::with_value("rtpmap", map));
    media.attributes.push(Attribute::with_value("fmtp", format!("{payload_type} 0-15")));
}

fn finish(media: &mut Media, ptime: u32, direction: Direction) {
    media.attributes.push(Attribute::with_value("ptime", ptime));
    media.attributes.push(Attribute::new(direction.name()));
}

fn text(session: &Session) -> String {
    let mut octets = Vec::new();
    // A Vec takes everything.
    let _ = session.write(&mut octets);
    String::from_utf8_lossy(&octets).into_owned()
}
