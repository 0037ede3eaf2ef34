//! What `hark serve` says when it serves.

use std::fmt::Write as _;

use hark_actors::config::Config;
use hark_actors::server::Server;
use hark_actors::site::PASSWORDS_FILE;
use hark_engine::sip::endpoint::Transport;

/// For people: where everything is, and what to do first.
pub fn banner(config: &Config, server: &Server) -> String {
    let mut text = format!("\n  Hark serves {}\n\n", config.site.name);
    // Writing to a String can't fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<11} {value}");
    };
    let web =
        config.web.public_url.clone().unwrap_or_else(|| format!("http://{}", server.web_addr()));
    line("Browser", web);
    for listener in server.sip_listeners() {
        let transport = transport(listener.transport);
        line(
            "SIP phones",
            format!(
                "sip:{};transport={transport}  (domain {})",
                listener.public, config.site.domain
            ),
        );
    }
    let dir = std::path::absolute(&config.storage.dir).unwrap_or(config.storage.dir.clone());
    line("All state", dir.display().to_string());
    if !server.demo_users().is_empty() {
        let file = dir.join(PASSWORDS_FILE);
        line("Passwords", format!("{} (first run)", file.display()));
        text.push_str("\n  Demo users\n");
        for user in server.demo_users() {
            let password = user.password.as_deref().unwrap_or("as set before");
            let _ = writeln!(text, "    {:<7} {}   {password}", user.name, user.extension);
        }
    }
    text.push_str(
        "\n  Dial\n    1001-1003  leave a message for alice, bob or carol\n    \
         *97        hear your messages\n    *98        hear who is online\n    \
         *96        find an extension by name\n    0          the front door\n",
    );
    text
}

/// For programs: one line once everything is served.
pub fn ready(server: &Server) -> String {
    let mut text = String::from("HARK READY");
    for listener in server.sip_listeners() {
        let _ = write!(text, " sip={}:{}", transport(listener.transport), listener.public);
    }
    let _ = write!(text, " web=http://{}", server.web_addr());
    text
}

const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    }
}
