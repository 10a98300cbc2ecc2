//! How reports add up: field by field, the later one in fold order wins, and silence changes nothing.

use super::model::{Contact, Facts, Milestones, Place};

impl Facts {
    /// The names that [`Facts::cleared`] may hold. A group's name (`recipient`, `to`, `from`) clears all of it.
    pub const FIELDS: [&'static str; 31] = [
        "order_ref",
        "distributor",
        "carrier",
        "service",
        "recipient",
        "recipient.name",
        "recipient.phone",
        "recipient.email",
        "to",
        "to.line",
        "to.zip",
        "to.city",
        "to.state",
        "to.country",
        "to.position",
        "from",
        "from.line",
        "from.zip",
        "from.city",
        "from.state",
        "from.country",
        "from.position",
        "items",
        "category",
        "weight",
        "volume_cm3",
        "value",
        "freight",
        "promised_at",
        "ship_by",
        "remark",
    ];

    /// Takes in `news`: first what it clears goes, then what it says is written over. So a report can replace a
    /// whole address by clearing `to` and telling the new one.
    pub fn merge(&mut self, news: &Self) {
        let Self {
            order_ref,
            distributor,
            carrier,
            service,
            recipient,
            to,
            from,
            items,
            category,
            weight,
            volume_cm3,
            value,
            freight,
            promised_at,
            ship_by,
            remark,
            cleared,
        } = news;
        for name in cleared {
            self.clear(name);
        }
        newer(&mut self.order_ref, order_ref);
        newer(&mut self.distributor, distributor);
        newer(&mut self.carrier, carrier);
        newer(&mut self.service, service);
        self.recipient.merge(recipient);
        self.to.merge(to);
        self.from.merge(from);
        newer(&mut self.items, items);
        newer(&mut self.category, category);
        newer(&mut self.weight, weight);
        newer(&mut self.volume_cm3, volume_cm3);
        newer(&mut self.value, value);
        newer(&mut self.freight, freight);
        newer(&mut self.promised_at, promised_at);
        newer(&mut self.ship_by, ship_by);
        newer(&mut self.remark, remark);
    }

    /// Takes the field `name` away; a name that this release doesn't know is passed over.
    fn clear(&mut self, name: &str) {
        if let Some(field) = name.strip_prefix("recipient.") {
            return self.recipient.clear(field);
        }
        if let Some(field) = name.strip_prefix("to.") {
            return self.to.clear(field);
        }
        if let Some(field) = name.strip_prefix("from.") {
            return self.from.clear(field);
        }
        match name {
            "order_ref" => self.order_ref = None,
            "distributor" => self.distributor = None,
            "carrier" => self.carrier = None,
            "service" => self.service = None,
            "recipient" => self.recipient = Contact::default(),
            "to" => self.to = Place::default(),
            "from" => self.from = Place::default(),
            "items" => self.items = None,
            "category" => self.category = None,
            "weight" => self.weight = None,
            "volume_cm3" => self.volume_cm3 = None,
            "value" => self.value = None,
            "freight" => self.freight = None,
            "promised_at" => self.promised_at = None,
            "ship_by" => self.ship_by = None,
            "remark" => self.remark = None,
            _ => {}
        }
    }
}

impl Contact {
    fn merge(&mut self, news: &Self) {
        let Self { name, phone, email } = news;
        newer(&mut self.name, name);
        newer(&mut self.phone, phone);
        newer(&mut self.email, email);
    }

    fn clear(&mut self, field: &str) {
        match field {
            "name" => self.name = None,
            "phone" => self.phone = None,
            "email" => self.email = None,
            _ => {}
        }
    }
}

impl Place {
    fn merge(&mut self, news: &Self) {
        let Self { line, zip, city, state, country, position } = news;
        newer(&mut self.line, line);
        newer(&mut self.zip, zip);
        newer(&mut self.city, city);
        newer(&mut self.state, state);
        newer(&mut self.country, country);
        newer(&mut self.position, position);
    }

    fn clear(&mut self, field: &str) {
        match field {
            "line" => self.line = None,
            "zip" => self.zip = None,
            "city" => self.city = None,
            "state" => self.state = None,
            "country" => self.country = None,
            "position" => self.position = None,
            _ => {}
        }
    }
}

impl Milestones {
    /// Takes in the moments that `news` tells.
    pub fn merge(&mut self, news: &Self) {
        let Self { purchased_at, approved_at, carrier_at, delivered_at } = news;
        newer(&mut self.purchased_at, purchased_at);
        newer(&mut self.approved_at, approved_at);
        newer(&mut self.carrier_at, carrier_at);
        newer(&mut self.delivered_at, delivered_at);
    }
}

fn newer<T: Clone>(have: &mut Option<T>, news: &Option<T>) {
    if news.is_some() {
        have.clone_from(news);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Timestamp;
    use crate::base::money::Money;
    use crate::base::units::{Grams, Position};

    fn full() -> Facts {
        let text = || Some("x".to_owned());
        let money = || Some(Money { minor: 1, currency: "EUR".into() });
        let place = || Place {
            line: text(),
            zip: text(),
            city: text(),
            state: text(),
            country: text(),
            position: Some(Position { lat: 1, lon: 1 }),
        };
        Facts {
            order_ref: text(),
            distributor: text(),
            carrier: text(),
            service: text(),
            recipient: Contact { name: text(), phone: text(), email: text() },
            to: place(),
            from: place(),
            items: Some(1),
            category: text(),
            weight: Some(Grams(1)),
            volume_cm3: Some(1),
            value: money(),
            freight: money(),
            promised_at: Some(Timestamp::ZERO),
            ship_by: Some(Timestamp::ZERO),
            remark: text(),
            cleared: Vec::new(),
        }
    }

    #[test]
    fn silence_changes_nothing_and_a_full_report_fills_an_empty_parcel() {
        let mut facts = full();
        facts.merge(&Facts::default());
        assert_eq!(facts, full());
        let mut empty = Facts::default();
        empty.merge(&full());
        assert_eq!(empty, full());
    }

    #[test]
    fn every_listed_field_can_be_cleared_and_together_they_are_all() {
        let clear = |names: &[&str]| {
            let mut facts = full();
            let cleared = names.iter().map(|n| (*n).to_owned()).collect();
            facts.merge(&Facts { cleared, ..Facts::default() });
            facts
        };
        for name in Facts::FIELDS {
            assert_ne!(clear(&[name]), full(), "{name} is not cleared");
        }
        assert_eq!(clear(&Facts::FIELDS), Facts::default());
        assert_eq!(clear(&["a field of a later release"]), full());
    }

    #[test]
    fn a_report_can_replace_a_whole_address() {
        let mut facts = full();
        let to = Place { city: Some("Lisboa".into()), ..Place::default() };
        facts.merge(&Facts { to: to.clone(), cleared: vec!["to".into()], ..Facts::default() });
        assert_eq!(facts.to, to);
        assert!(facts.cleared.is_empty());
    }
}
