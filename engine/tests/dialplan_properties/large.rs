//! Programs of ten thousand lines of one kind. No time is measured: where the compiler looked at
//! everything once for each line, this would take minutes.

use hark_engine::dialplan::{Options, Source, check, format};

const LINES: usize = 10_000;

fn compiles(text: String) {
    let sources = [Source { name: "large.dial".into(), text }];
    let _ = check(&sources, &Options::default()).render(false);
    let _ = format(&sources[0]);
}

fn lines(line: impl Fn(usize) -> String) -> String {
    (0..LINES).map(|n| line(n) + "\n").collect()
}

#[test]
fn many_items_are_no_trouble() {
    compiles(lines(|n| format!("flow f{n}() {{ g{n} }}")));
    compiles(lines(|n| format!("flow f{n}(a: T{n}) {{ log \"{{b{n}}}\" }}")));
    compiles(lines(|n| format!("flow f{n}() {{ f{} }}", n * 7919 % LINES)));
    compiles(lines(|n| format!("flow f{n}(a: Digits) {{ connect a else f{}(a) }}", n + 1)));
    compiles(lines(|n| format!("route \"{n}x\" -> f")) + "flow f() { hangup }");
    compiles(lines(|n| format!("route \"1x\" at \"d{n}\" -> f")) + "flow f() { hangup }");
    compiles(lines(|n| {
        format!("holidays h{n} = 12-25\nhours o{n} = daily 9:00-17:00 except g{n}")
    }));
    compiles(lines(|n| format!("import \"f{n}.dial\"")));
    compiles(lines(|n| format!("json J{n} {{ name: Text }}\nconstant c{n} = {n}")));
    compiles(format!(
        "languages en, de\nlanguage de {{\n{}}}",
        lines(|n| format!("\"t {n}\" = \"T\""))
    ));
}

#[test]
fn long_items_are_no_trouble() {
    let menu = lines(|n| format!("digits \"1{n}x\" -> beep"));
    compiles(format!("menu f {{\nend on #\n{menu}other -> again\nsilence 5s -> hangup\n}}"));
    let arms = lines(|n| format!("{n} or {} -> beep", n + LINES));
    compiles(format!("flow f(n: Number) {{ match n {{\n{arms}other -> beep\n}} }}"));
    let values = (0..100_000).map(|n| n.to_string()).collect::<Vec<_>>().join(" or ");
    compiles(format!("flow f(n: Number) {{ match n {{ {values} -> beep; other -> beep }} }}"));
    compiles(format!("json J {{\n{}}}", lines(|n| format!("f{n}: Text,"))));
    compiles(format!("flow f() {{ say \"{}\" }}", "{".repeat(500_000)));
    compiles(format!("flow f() {{ say \"{}\" }}", "{now} ".repeat(100_000)));
    compiles(format!("flow f() {{\n{}}}", lines(|n| format!("say \"{n} {{{{{{\""))));
    let days = vec!["12-25"; LINES].join(", ");
    let except = vec!["h"; LINES].join(" and ");
    compiles(format!("holidays h = {days}\nhours o = daily 9:00-17:00 except {except}"));
}
