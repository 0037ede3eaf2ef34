//! Names as the letters on the keys spell them: ABC is 2, DEF is 3 (ITU-T E.161).

use std::sync::Arc;

use super::super::value::Value;
use super::Run;

/// How many names are offered at most.
const MOST: usize = 100;

impl Run {
    /// The users of whom a part of the name begins with what these digits spell.
    pub(super) fn spelled(&self, digits: &str) -> Value {
        let users = self.context.directory.users().iter();
        let list: Arc<[Value]> = users
            .filter(|user| !digits.is_empty() && is_spelled(&user.display_name, digits))
            .take(MOST)
            .map(|user| Value::User(user.id))
            .collect();
        Value::List(list)
    }
}

/// Whether a name, from any of its words on, begins with what the digits spell.
fn is_spelled(name: &str, digits: &str) -> bool {
    let words: Vec<String> =
        name.split_whitespace().map(|word| word.chars().filter_map(key).collect()).collect();
    (0..words.len()).any(|from| words[from..].concat().starts_with(digits))
}

fn key(c: char) -> Option<char> {
    Some(match plain(c) {
        'a'..='c' => '2',
        'd'..='f' => '3',
        'g'..='i' => '4',
        'j'..='l' => '5',
        'm'..='o' => '6',
        'p'..='s' => '7',
        't'..='v' => '8',
        'w'..='z' => '9',
        digit @ '0'..='9' => digit,
        _ => return None,
    })
}

/// The letter without its marks, as far as European names have them.
fn plain(c: char) -> char {
    let lower = c.to_lowercase().next().unwrap_or(c);
    match lower {
        'à'..='æ' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' | 'ð' => 'd',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ğ' | 'ģ' => 'g',
        'ì'..='ï' | 'ī' | 'į' | 'ı' => 'i',
        'ķ' => 'k',
        'ł' | 'ļ' | 'ľ' => 'l',
        'ñ' | 'ń' | 'ň' | 'ņ' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'œ' => 'o',
        'ř' | 'ŕ' => 'r',
        'ß' | 'ś' | 'š' | 'ş' | 'ș' => 's',
        'ť' | 'ţ' | 'ț' | 'þ' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ų' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_first_and_last_name() {
        assert!(is_spelled("Bob Baker", "262"));
        assert!(is_spelled("Bob Baker", "22537"));
        assert!(is_spelled("Bob Baker", "2622"), "first name and on");
        assert!(is_spelled("Jürgen Groß", "5874"));
        assert!(is_spelled("Jürgen Groß", "4767"));
        assert!(!is_spelled("Bob Baker", "537"), "not from the middle of a word");
        assert!(!is_spelled("Bob Baker", "26227"));
        assert!(is_spelled("O'Neill", "6634"));
    }
}
