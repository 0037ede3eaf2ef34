//! Plural forms: CLDR's cardinal rules for whole numbers.

use super::Language;

impl Language {
    /// How many plural forms it has.
    pub const fn plural_forms(self) -> usize {
        self.plural_form_names().len()
    }

    /// CLDR's names of its plural forms, in the order in which a prompt gives them.
    pub const fn plural_form_names(self) -> &'static [&'static str] {
        match self {
            Self::En | Self::De => &["one", "other"],
        }
    }

    /// Which of them goes with `n`, from 0. CLDR's rules look at the absolute value: -1 goes
    /// with "one" as 1 does.
    pub const fn plural_form(self, n: i64) -> usize {
        match self {
            // one: i = 1 and v = 0
            Self::En | Self::De => {
                if n.unsigned_abs() == 1 {
                    0
                } else {
                    1
                }
            }
        }
    }
}
