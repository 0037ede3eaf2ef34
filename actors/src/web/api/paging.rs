//! Lists page by page: `?limit=` and `?cursor=`, and a `Link` to the next page (RFC 8288).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hark_engine::id::MessageId;
use hark_engine::time::UnixMillis;
use uuid::Uuid;

use crate::store::pages::{LONGEST_PAGE, Place};
use crate::web::error::ApiError;

/// A page that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// What it follows.
    pub after: Place,
    /// How many entries it has at most.
    pub limit: u32,
}

impl Page {
    /// The page that `?limit=` and `?cursor=` ask for; `None` where neither is there.
    ///
    /// # Errors
    /// [`ApiError::Malformed`] names what is wrong.
    pub fn asked(limit: Option<u32>, cursor: Option<&str>) -> Result<Option<Self>, ApiError> {
        if limit.is_none() && cursor.is_none() {
            return Ok(None);
        }
        let limit = limit.unwrap_or(LONGEST_PAGE);
        if !(1..=LONGEST_PAGE).contains(&limit) {
            return Err(ApiError::Malformed(format!("limit is 1 to {LONGEST_PAGE}")));
        }
        let after = match cursor {
            None => Place::NEWEST,
            Some(cursor) => read(cursor).ok_or_else(|| {
                ApiError::Malformed("this cursor is none of ours: take it from a Link".into())
            })?,
        };
        Ok(Some(Self { after, limit }))
    }

    /// Cuts what was read for it (one more than its limit, where there is more) and makes the
    /// `Link` to what follows. `query` are the parameters that stay, each with its `&`.
    pub fn cut<T>(
        &self,
        entries: &mut Vec<T>,
        place: impl Fn(&T) -> Place,
        path: &str,
        query: &str,
    ) -> Option<String> {
        let limit = self.limit as usize;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| more)?;
        let cursor = write(place(last));
        Some(format!("<{path}?{query}limit={limit}&cursor={cursor}>; rel=\"next\""))
    }
}

fn write(place: Place) -> String {
    let mut bytes = place.at.0.to_be_bytes().to_vec();
    bytes.extend_from_slice(place.id.0.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read(cursor: &str) -> Option<Place> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (at, id) = bytes.split_first_chunk::<8>()?;
    let id = MessageId(Uuid::from_slice(id).ok()?);
    Some(Place { at: UnixMillis(i64::from_be_bytes(*at)), id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let place = Place { at: UnixMillis(5), id: MessageId(Uuid::from_u128(7)) };
        assert_eq!(read(&write(place)), Some(place));
        for bad in ["", "x", "////", &write(place)[1..]] {
            assert!(Page::asked(None, Some(bad)).is_err(), "{bad}");
        }
        assert_eq!(Page::asked(None, None).unwrap(), None);
        assert!(Page::asked(Some(0), None).is_err() && Page::asked(Some(201), None).is_err());
    }

    #[test]
    fn the_next_page_is_named_where_there_is_one() {
        let page = Page::asked(Some(2), None).unwrap().unwrap();
        let place = |n: &u128| Place { at: UnixMillis(5), id: MessageId(Uuid::from_u128(*n)) };
        let mut entries = vec![9, 8, 7];
        let link = page.cut(&mut entries, place, "/x", "folder=all&").unwrap();
        assert_eq!(entries, [9, 8]);
        let cursor = link.split("cursor=").nth(1).unwrap().split('>').next().unwrap();
        assert_eq!(read(cursor), Some(place(&8)));
        assert!(link.starts_with("</x?folder=all&limit=2&cursor="), "{link}");
        assert_eq!(page.cut(&mut entries, place, "/x", ""), None);
    }
}
