//! The page behind a capability link: one message, no account, nothing loaded from elsewhere.
//!
//! Its style and script stand in the page, and the policy names them by their SHA-256, so that
//! nothing else runs even if a sender's name were to carry markup past the escaping. Only the
//! recorder for an answer is a file of this server's own.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hark_engine::time::UnixMillis;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("link_page.css");
const SCRIPT: &str = include_str!("link_page.js");

/// The Content-Security-Policy of these pages.
pub static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}' 'self'; \
         worker-src 'self'; media-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        digest(STYLE),
        digest(SCRIPT),
    )
});

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// The link's path: `/m/TOKEN`.
    pub path: &'a str,
    /// Who spoke.
    pub sender: &'a str,
    /// Who is spoken to.
    pub recipient: &'a str,
    /// When it was committed.
    pub at: UnixMillis,
    /// How long it is.
    pub length_ms: u32,
    /// How loud it is, for the picture.
    pub peaks: &'a [u8],
    /// The recorder's script, where an answer can be given: a path without its first `/`.
    pub recorder: Option<&'a str>,
    /// The longest answer, in seconds.
    pub limit_seconds: u32,
    /// Whether numbers may be called to hear it there.
    pub calls: bool,
}

impl Page<'_> {
    /// The page as HTML.
    pub fn render(&self) -> String {
        let path = escape(self.path);
        let length = clock(self.length_ms);
        let body = format!(
            "<p class=\"to\">A voice message for {recipient}</p>\n\
             <h1>{sender}</h1>\n\
             <p class=\"when\"><time data-at=\"{at}\">{date}</time> · <span>{length}</span></p>\n\
             {picture}\
             <audio id=\"player\" controls preload=\"metadata\" data-heard=\"{path}/heard\">\n\
             <source src=\"{path}/audio\" type=\"audio/ogg; codecs=opus\">\n\
             <source src=\"{path}/audio?format=wav\" type=\"audio/wav\">\n\
             </audio>\n\
             <p class=\"keep\"><a href=\"{path}/audio\" download>Download</a></p>\n\
             {call}{answer}\
             <script>{SCRIPT}</script>\n{recorder}",
            recipient = escape(self.recipient),
            sender = escape(self.sender),
            at = self.at.0,
            date = date(self.at),
            picture = picture(self.peaks),
            call = if self.calls { call_form(&path) } else { String::new() },
            answer = self.recorder.map_or_else(String::new, |_| {
                answer_form(&path, self.sender, self.recipient, self.limit_seconds)
            }),
            recorder = self.recorder.map_or_else(String::new, |script| {
                format!("<script type=\"module\" src=\"/{}\"></script>", escape(script))
            }),
        );
        document(&format!("Message from {}", self.sender), &body)
    }
}

/// Have it played on a telephone.
fn call_form(path: &str) -> String {
    format!(
        "<form id=\"call\" data-testid=\"call\" data-calls=\"{path}/calls\">\n\
         <label for=\"number\">Hear it on a telephone</label>\n\
         <span class=\"row\"><input id=\"number\" data-testid=\"number\" type=\"tel\" autocomplete=\"tel\" required \
         maxlength=\"32\" placeholder=\"+49 30 1234567\">\n\
         <button data-testid=\"call-button\">Call</button></span>\n\
         <p id=\"call-state\" data-testid=\"call-state\" role=\"status\" data-state=\"\"></p>\n</form>\n"
    )
}

/// Answer by speaking.
fn answer_form(path: &str, sender: &str, recipient: &str, limit_seconds: u32) -> String {
    format!(
        "<section id=\"answer\" data-testid=\"answer\" data-answer=\"{path}/answer\" data-limit=\"{limit_seconds}\" \
         data-sender=\"{sender}\" data-recipient=\"{recipient}\" hidden>\n\
         <p class=\"row\"><button type=\"button\" id=\"answer-record\" data-testid=\"answer-record\">Answer {sender}</button>\n\
         <button type=\"button\" id=\"answer-send\" data-testid=\"answer-send\" hidden>Send</button>\n\
         <button type=\"button\" id=\"answer-cancel\" data-testid=\"answer-cancel\" hidden>Cancel</button></p>\n\
         <p id=\"answer-state\" data-testid=\"answer-state\" role=\"status\" data-state=\"idle\"></p>\n</section>\n",
        sender = escape(sender),
        recipient = escape(recipient),
    )
}

/// A page that only says something.
pub fn notice(title: &str, text: &str) -> String {
    let body = format!("<h1>{}</h1>\n<p>{}</p>", escape(title), escape(text));
    document(title, &body)
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex, nofollow\">\n\
         <title>{title} · Hark</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}\n</main>\n</body>\n</html>\n",
        title = escape(title),
    )
}

/// The peaks as bars, drawn here so that the page shows them without its script.
fn picture(peaks: &[u8]) -> String {
    if peaks.is_empty() {
        return String::new();
    }
    let mut svg = format!(
        "<svg viewBox=\"0 0 {} 64\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
        peaks.len() * 4
    );
    for (index, peak) in peaks.iter().enumerate() {
        let height = (u32::from(*peak) * 60 / 255).max(2);
        let y = 32 - height / 2;
        let x = index * 4;
        // Writing to a String does not fail.
        let _infallible =
            write!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"3\" height=\"{height}\"/>");
    }
    svg.push_str("</svg>\n");
    svg
}

fn clock(ms: u32) -> String {
    let seconds = ms.div_ceil(1000);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// `2026-11-23 11:09 UTC`; the script turns it into the reader's own time.
pub fn date(at: UnixMillis) -> String {
    let seconds = at.as_secs();
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to a civil date, after Hinnant's `civil_from_days`: years begin on the first of March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// A text that is no markup.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_name_is_shown_and_not_run() {
        let page = Page {
            path: "/m/abc",
            sender: "<script>alert('x')</script>",
            recipient: "\"Bob\" & co",
            at: UnixMillis(0),
            length_ms: 61_500,
            peaks: &[0, 255],
            recorder: Some("assets/answer-1.js"),
            limit_seconds: 59,
            calls: true,
        };
        let html = page.render();
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)"));
        assert!(html.contains("&quot;Bob&quot; &amp; co"));
        assert!(html.contains("1:02"));
        assert!(html.contains("src=\"/m/abc/audio\""));
        assert_eq!(html.matches("<script>").count(), 1);
    }

    #[test]
    fn dates_are_civil() {
        assert_eq!(date(UnixMillis(0)), "1970-01-01 00:00 UTC");
        assert_eq!(date(UnixMillis(951_782_399_000)), "2000-02-28 23:59 UTC");
        assert_eq!(date(UnixMillis(951_782_400_000)), "2000-02-29 00:00 UTC");
        assert_eq!(date(UnixMillis(-1_000)), "1969-12-31 23:59 UTC");
    }

    #[test]
    fn the_style_and_the_script_are_the_ones_the_policy_names() {
        // A closing tag inside would end the element early and leave its hash unmatched.
        assert!(!STYLE.contains("</style") && !SCRIPT.contains("</script"));
        assert!(POLICY.contains("'sha256-"));
    }
}
