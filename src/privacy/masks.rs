//! Where records hold data of persons, and what of it is taken out: one table. What is counted, summed and drawn on a map
//! of towns (numbers, status, town, state, country, weight, value, times) is not in it and stays.

use super::model::{Mask, Subject};

/// In what capacity a person stands in a kind of record, and where.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// The kind of record.
    pub kind: &'static str,
    /// The capacity.
    pub role: &'static str,
    /// Where their data is in the record as it is shown: by these they are found.
    pub seen: &'static [&'static str],
    /// Where references to them are: by these they are found too, and these stay.
    pub references: &'static [&'static str],
    /// What is taken out of its changes: see [`redaction`](crate::journal::redaction). `{role}` is what a subject names.
    pub paths: &'static [&'static str],
}

/// Nowhere: for what goes along with a record of a person and is not looked for by itself.
const ALONG: &[&str] = &[];

/// All of them.
pub const ALL: &[Capacity] = &[
    Capacity {
        kind: "parcel",
        role: "recipient",
        seen: &["facts.recipient", "facts.to.line", "facts.to.zip", "facts.remark"],
        references: &["number", "facts.order_ref"],
        paths: &[
            "facts.recipient",
            "facts.to.line",
            "facts.to.zip",
            "facts.to.position",
            "facts.remark",
            "location.line",
            "location.zip",
            "location.position",
            "note",
            "#5:text!",
            "#6:reason!",
            "#8:reason",
        ],
    },
    Capacity {
        kind: "delivery",
        role: "customer",
        seen: &[
            "facts.customer",
            "facts.phone",
            "facts.email",
            "facts.address",
            "facts.note",
            "proofs.*.name",
        ],
        references: &["number"],
        paths: &[
            "facts.customer!",
            "facts.address!",
            "facts.phone",
            "facts.email",
            "facts.position",
            "facts.note",
            "#404:customer!",
            "#404:address!",
            "#404:phone",
            "#404:email",
            "#404:position",
            "#404:note",
            "#403:note",
            "#403:position",
            "#405:name",
            "#405:signature",
            "#405:photos",
            "#405:code",
            "#405:position",
        ],
    },
    Capacity {
        kind: "delivery",
        role: "sender",
        seen: &["facts.pickup"],
        references: ALONG,
        paths: &["facts.pickup!", "#404:pickup!"],
    },
    Capacity {
        kind: "delivery",
        role: "driver",
        seen: &["assignee.name"],
        references: ALONG,
        paths: &["#401:to.name!"],
    },
    Capacity {
        kind: "order",
        role: "customer",
        seen: &[
            "customer.name",
            "customer.email",
            "customer.phone",
            "customer.address",
            "customer.zip",
            "note",
        ],
        references: &["number", "reference", "customer.reference"],
        paths: &[
            "customer.reference",
            "customer.name",
            "customer.email",
            "customer.phone",
            "customer.address",
            "customer.zip",
            "note",
        ],
    },
    Capacity {
        kind: "mawb",
        role: "shipper",
        seen: &["facts.shipper"],
        references: &["number"],
        paths: &["facts.shipper"],
    },
    Capacity {
        kind: "mawb",
        role: "consignee",
        seen: &["facts.consignee"],
        references: &["number"],
        paths: &["facts.consignee", "#50e:text!"],
    },
    Capacity {
        kind: "mawb",
        role: "driver",
        seen: &["facts.pickup.driver"],
        references: ALONG,
        paths: &["facts.pickup.driver!"],
    },
    Capacity {
        kind: "hawb",
        role: "shipper",
        seen: &["facts.shipper"],
        references: &["number"],
        paths: &["facts.shipper"],
    },
    Capacity {
        kind: "hawb",
        role: "consignee",
        seen: &["facts.consignee"],
        references: &["number"],
        paths: &["facts.consignee"],
    },
    Capacity {
        kind: "driver",
        role: "driver",
        seen: &["value.name", "value.phone"],
        references: ALONG,
        paths: &["d.name!", "d.phone", "d.licence"],
    },
    Capacity {
        kind: "customer",
        role: "customer",
        seen: &["value.name", "value.phone", "value.email", "value.address", "value.zip", "value.note"],
        references: &["value.reference"],
        // What another system calls them is a name too.
        paths: &["d.reference!", "d.name!", "d.phone", "d.email", "d.address", "d.zip", "d.note"],
    },
    Capacity {
        kind: "route",
        role: "driver",
        seen: &["content.ride.driver.name"],
        references: ALONG,
        paths: &["ride.driver.name!"],
    },
    Capacity {
        kind: "place",
        role: "address",
        seen: &["value.address"],
        references: ALONG,
        paths: &["d.address!", "d.note"],
    },
    Capacity {
        kind: "case",
        role: TEXTS,
        seen: ALONG,
        references: ALONG,
        paths: &["detail!", "why!", "text!", "note", "what"],
    },
    Capacity { kind: "attachment", role: CONTENT, seen: ALONG, references: ALONG, paths: &["name!"] },
    // Its role is the delivery whose stop it is.
    Capacity { kind: "route", role: ANY, seen: ALONG, references: ALONG, paths: &["stops.[r={role}].n"] },
];

/// The capacity of a case about a person's record: what people wrote into it.
pub const TEXTS: &str = "texts";
/// The capacity of a document of a person's record.
pub const CONTENT: &str = "content";
/// Stands for every role that has no line of its own.
const ANY: &str = "*";

/// In what capacities persons stand in a kind of record.
pub fn of_kind(kind: &str) -> impl Iterator<Item = &'static Capacity> {
    ALL.iter().filter(move |c| c.kind == kind)
}

/// The capacity a subject names; none when there is no such one.
#[must_use]
pub fn of(subject: &Subject) -> Option<&'static Capacity> {
    let named = of_kind(&subject.kind).find(|c| c.role == subject.role && c.role != ANY);
    named.or_else(|| of_kind(&subject.kind).find(|c| c.role == ANY))
}

/// What an erasure of these says that is taken out.
#[must_use]
pub fn masks(subjects: &[Subject]) -> Vec<Mask> {
    let mut out: Vec<Mask> = Vec::new();
    for subject in subjects {
        let Some(c) = of(subject) else { continue };
        if !out.iter().any(|m| m.kind == subject.kind && m.role == c.role) {
            let paths = c.paths.iter().map(|p| (*p).to_owned()).collect();
            out.push(Mask { kind: subject.kind.clone(), role: c.role.to_owned(), paths });
        }
    }
    out
}

/// The places of `subject` that `masks` name.
#[must_use]
pub fn places(masks: &[Mask], subject: &Subject) -> Vec<String> {
    let mine = |role: &str| masks.iter().find(|m| m.kind == subject.kind && m.role == role);
    let mask = mine(&subject.role).or_else(|| mine(ANY));
    mask.map_or_else(Vec::new, |m| m.paths.iter().map(|p| p.replace("{role}", &subject.role)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Id;
    use crate::journal::redaction::is_path;

    #[test]
    fn every_place_is_one_and_every_capacity_has_a_name_of_its_own() {
        let mut names = std::collections::BTreeSet::new();
        for c in ALL {
            assert!(names.insert((c.kind, c.role)), "{} {}", c.kind, c.role);
            assert!(!c.paths.is_empty());
            for path in c.paths {
                assert!(is_path(path), "{path}");
            }
        }
    }

    #[test]
    fn what_a_node_takes_out_is_what_the_erasure_says() {
        let subject =
            |kind: &str, role: &str| Subject { kind: kind.into(), id: Id::fresh(), role: role.into() };
        let all = [
            subject("parcel", "recipient"),
            subject("parcel", "recipient"),
            subject("route", "d-17"),
            subject("route", "driver"),
        ];
        let masks = masks(&all);
        assert_eq!(masks.len(), 3);
        assert_eq!(places(&masks, &all[2]), ["stops.[r=d-17].n"]);
        assert_eq!(places(&masks, &all[3]), ["ride.driver.name!"]);
        assert!(places(&masks, &subject("order", "customer")).is_empty());
        assert!(of(&subject("parcel", "carrier")).is_none());
    }
}
