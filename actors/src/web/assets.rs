//! The web client, embedded in the binary: served from memory, compressed once at the start.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

use super::WebState;
use super::error::ApiError;
use super::ranges;

#[derive(RustEmbed)]
#[folder = "../web/dist"]
struct Dist;

/// The files of the web client by path, `index.html` among them.
#[derive(Debug)]
pub struct Assets {
    files: HashMap<String, Asset>,
}

#[derive(Debug)]
struct Asset {
    plain: Bytes,
    /// Present where it is smaller by a tenth at least.
    gzip: Option<Bytes>,
    mime: String,
    etag: String,
}

impl Assets {
    /// Reads the embedded files.
    pub fn load() -> Self {
        let files = Dist::iter().filter_map(|path| {
            let file = Dist::get(&path)?;
            let plain = match file.data {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => Bytes::from(bytes),
            };
            let mime = with_charset(file.metadata.mimetype());
            let etag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
            Some((path.into_owned(), Asset { gzip: gzip(&plain), plain, mime, etag }))
        });
        Self { files: files.collect() }
    }

    /// The address of the script with which whoever holds a link records an answer. `None` in a
    /// binary without the web client.
    pub fn answer_script(&self) -> Option<&str> {
        let is_it = |path: &&String| path.starts_with("assets/answer-") && path.ends_with(".js");
        self.files.keys().find(is_it).map(String::as_str)
    }

    fn answer(&self, path: &str, request: &HttpRequest) -> Option<HttpResponse> {
        let asset = self.files.get(path)?;
        let text = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
        let caching =
            if is_hashed(path) { "public, max-age=31536000, immutable" } else { "no-cache" };
        let zipped = asset.gzip.as_ref().filter(|_| accepts_gzip(text(header::ACCEPT_ENCODING)));
        // Each representation has its own validator (RFC 9110 section 8.8.3.3).
        let etag = match zipped {
            Some(_) => format!("{}-gz\"", asset.etag.trim_end_matches('"')),
            None => asset.etag.clone(),
        };
        let mut response = if ranges::none_match_names(text(header::IF_NONE_MATCH), &etag) {
            HttpResponse::NotModified()
        } else {
            HttpResponse::Ok()
        };
        response
            .insert_header((header::CACHE_CONTROL, caching))
            .insert_header((header::ETAG, etag.clone()))
            .insert_header((header::VARY, "Accept-Encoding"));
        if ranges::none_match_names(text(header::IF_NONE_MATCH), &etag) {
            return Some(response.finish());
        }
        response.content_type(asset.mime.as_str());
        Some(match zipped {
            Some(zipped) => {
                response.insert_header((header::CONTENT_ENCODING, "gzip")).body(zipped.clone())
            }
            None => response.body(asset.plain.clone()),
        })
    }
}

/// Serves a file of the web client; a path that the client routes itself gets its page.
///
/// # Errors
/// [`ApiError::NotFound`] for files that do not exist.
pub async fn serve(
    request: HttpRequest,
    state: web::Data<WebState>,
) -> Result<HttpResponse, ApiError> {
    let path = request.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    if let Some(response) = state.assets.answer(path, &request) {
        return Ok(response);
    }
    let reserved = ["api/", "m/", "ws", "assets/"].iter().any(|p| path.starts_with(p));
    let last = path.rsplit('/').next().unwrap_or_default();
    if reserved || last.contains('.') {
        return Err(ApiError::NotFound("page"));
    }
    state.assets.answer("index.html", &request).ok_or(ApiError::NotFound("page"))
}

/// Vite puts a hash of the content into the names of what lies in `assets/`.
fn is_hashed(path: &str) -> bool {
    path.strip_prefix("assets/").is_some_and(|name| name.contains('-') && name.contains('.'))
}

fn with_charset(mime: &str) -> String {
    let is_text = mime.starts_with("text/") || mime.ends_with("javascript");
    if is_text { format!("{mime}; charset=utf-8") } else { mime.to_owned() }
}

fn accepts_gzip(header: Option<&str>) -> bool {
    header.is_some_and(|value| {
        value.split(',').any(|coding| {
            let (name, params) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = params.trim().replace(' ', "").starts_with("q=0")
                && !params.contains(|c: char| ('1'..='9').contains(&c));
            name.trim().eq_ignore_ascii_case("gzip") && !refused
        })
    })
}

fn gzip(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).ok()?;
    let zipped = encoder.finish().ok()?;
    (zipped.len() < plain.len() - plain.len() / 10).then(|| zipped.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_always_there() {
        assert!(Assets::load().files.contains_key("index.html"));
    }

    #[test]
    fn only_hashed_files_are_immutable() {
        assert!(is_hashed("assets/index-Dk3f9a.js"));
        assert!(!is_hashed("index.html"));
        assert!(!is_hashed("favicon-x.svg"));
    }

    #[test]
    fn gzip_is_asked_for() {
        assert!(accepts_gzip(Some("br, gzip;q=0.5")));
        assert!(accepts_gzip(Some("deflate,GZIP")));
        assert!(!accepts_gzip(Some("gzip;q=0")));
        assert!(!accepts_gzip(Some("gzip; q=0.0")));
        assert!(!accepts_gzip(Some("identity")));
        assert!(!accepts_gzip(None));
    }
}
