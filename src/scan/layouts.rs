//! Keyboards that are not the scanner's: a scanner types keys, and a computer set to another layout reads other
//! characters off them. This says what a scanner set to US keys typed.

/// A computer's layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// German: Y and Z change places.
    Qwertz,
    /// French: digits need the shift key, A and Q, Z and W change places.
    Azerty,
}

/// What a US key prints, and what the same key gives under the layout, key by key.
const QWERTZ: (&str, &str) = ("yzYZ-_=+[{]};:'\"\\|,<.>/?@#^&*()`~", "zyZYß?´`üÜ+*öÖäÄ#',;.:-_\"§&/(=)^°");
const AZERTY: (&str, &str) = (
    "1234567890!@#$%^&*()qwazQWAZmM-_=+[{]};:'\"\\|,<.>/?",
    "&é\"'(-è_çà1234567890azqwAZQW,?)°=+^¨$£mMù%*µ;.:/!§",
);

impl Layout {
    /// Every layout that is known beside the scanner's own.
    pub const ALL: [Self; 2] = [Self::Qwertz, Self::Azerty];

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Qwertz => "QWERTZ",
            Self::Azerty => "AZERTY",
        }
    }

    const fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::Qwertz => QWERTZ,
            Self::Azerty => AZERTY,
        }
    }

    /// What the scanner typed when the computer read `text` off its keys; none when that is the same.
    #[must_use]
    pub fn undone(self, text: &str) -> Option<String> {
        let (typed, read) = self.keys();
        let key = |c: char| read.chars().zip(typed.chars()).find(|(r, _)| *r == c).map_or(c, |(_, t)| t);
        let typed: String = text.chars().map(key).collect();
        (typed != text).then_some(typed)
    }

    /// What the computer reads when the scanner types `text`.
    #[must_use]
    pub fn done_to(self, text: &str) -> String {
        let (typed, read) = self.keys();
        let key = |c: char| typed.chars().zip(read.chars()).find(|(t, _)| *t == c).map_or(c, |(_, r)| r);
        text.chars().map(key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use std::collections::BTreeSet;

    #[test]
    fn each_key_gives_one_character() {
        for layout in Layout::ALL {
            let (typed, read) = layout.keys();
            assert_eq!(typed.chars().count(), read.chars().count(), "{layout:?}");
            for side in [typed, read] {
                let once: BTreeSet<char> = side.chars().collect();
                assert_eq!(once.len(), side.chars().count(), "{layout:?}: {side}");
            }
        }
    }

    #[test]
    fn codes_come_back_as_they_were_printed() {
        assert_eq!(Layout::Qwertz.undone("1Y999AA10123456784").as_deref(), Some("1Z999AA10123456784"));
        assert_eq!(Layout::Azerty.undone("RB&é\"'(-è_(GB").as_deref(), Some("RB123456785GB"));
        assert_eq!(Layout::Qwertz.undone("RB123456785GB"), None);
        assert_eq!(Layout::Azerty.done_to("CMD:DAMAGED"), "C?DMDQ?QGED");
    }

    proptest! {
        #[test]
        fn what_a_layout_does_can_be_undone(text in "[0-9A-Za-z:/-]{0,40}", odd in any::<String>()) {
            for layout in Layout::ALL {
                let read = layout.done_to(&text);
                prop_assert_eq!(layout.undone(&read).unwrap_or(read), text.clone());
                let _ = layout.undone(&odd);
            }
        }
    }
}
