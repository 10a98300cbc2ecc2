//! Words for values: an enum without fields and the names it has outside.

/// Gives an enum its names, as in JSON, in stored events and in a query: `ALL` in the order given, `as_str` and `Display`.
/// Behind `read as`, with what one of them is called, also `FromStr`: it reads a name in either case with blanks around
/// it, and of another it says which there are.
macro_rules! words {
    ($of:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $of {
            /// All of them, in order.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Its name, as in JSON and in stored events.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl std::fmt::Display for $of {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
    ($of:ident read as $what:literal { $($variant:ident = $name:literal),+ $(,)? }) => {
        $crate::base::words::words!($of { $($variant = $name),+ });

        impl std::str::FromStr for $of {
            type Err = String;

            /// Reads a name in either case, with blanks around it.
            fn from_str(s: &str) -> Result<Self, String> {
                let name = s.trim();
                Self::ALL.into_iter().find(|one| one.as_str().eq_ignore_ascii_case(name)).ok_or_else(|| {
                    let names = Self::ALL.map(Self::as_str).join(", ");
                    format!(concat!("\"{}\" is not ", $what, "; use one of {}"), name, names)
                })
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Door {
        Open,
        NearlyShut,
    }
    words!(Door read as "a door's state" { Open = "open", NearlyShut = "nearly_shut" });

    #[test]
    fn a_name_is_read_in_either_case_and_an_unknown_one_is_answered_with_all() {
        assert_eq!(Door::ALL, [Door::Open, Door::NearlyShut]);
        assert_eq!(" Nearly_Shut ".parse(), Ok(Door::NearlyShut));
        assert_eq!(Door::Open.to_string(), "open");
        assert_eq!(
            "ajar".parse::<Door>(),
            Err("\"ajar\" is not a door's state; use one of open, nearly_shut".to_owned())
        );
    }
}
