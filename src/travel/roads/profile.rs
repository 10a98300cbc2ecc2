//! What a delivery van may drive on, and how fast.

use super::osm::Way;

/// The kind of a road, for drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Motorways and trunk roads.
    Main = 0,
    /// What joins towns and quarters.
    Through = 1,
    /// Where people live.
    Street = 2,
    /// Yards and driveways.
    Service = 3,
}

/// How a way may be driven.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drive {
    /// Kilometres in an hour.
    pub kmh: f64,
    /// In its own direction.
    pub forth: bool,
    /// Against it.
    pub back: bool,
    /// Its kind.
    pub class: Class,
}

/// Usual speeds of a van that starts and stops, lights and crossings among them: kilometres in an hour by class.
fn usual(highway: &str) -> Option<(f64, Class)> {
    Some(match highway {
        "motorway" => (95.0, Class::Main),
        "motorway_link" => (50.0, Class::Main),
        "trunk" => (75.0, Class::Main),
        "trunk_link" => (40.0, Class::Main),
        "primary" => (50.0, Class::Through),
        "primary_link" => (35.0, Class::Through),
        "secondary" => (42.0, Class::Through),
        "secondary_link" => (32.0, Class::Through),
        "tertiary" => (36.0, Class::Through),
        "tertiary_link" => (28.0, Class::Street),
        "unclassified" | "road" => (30.0, Class::Street),
        "residential" => (25.0, Class::Street),
        "living_street" => (10.0, Class::Street),
        "service" => (12.0, Class::Service),
        _ => return None,
    })
}

/// A signed limit in kilometres in an hour.
fn limit(said: &str) -> Option<f64> {
    let said = said.trim();
    let (number, factor) = match said.strip_suffix("mph") {
        Some(miles) => (miles, 1.609_344),
        None => (said.strip_suffix("km/h").unwrap_or(said), 1.0),
    };
    let kmh = number.trim().parse::<f64>().ok()? * factor;
    (5.0..=150.0).contains(&kmh).then_some(kmh)
}

/// Whether motor vehicles are kept out: the tag that says it most exactly counts.
fn is_barred(way: &Way<'_>) -> bool {
    let said = ["motorcar", "motor_vehicle", "vehicle", "access"].iter().find_map(|key| way.tag(key));
    matches!(said, Some("no" | "private" | "agricultural" | "forestry" | "emergency" | "military"))
}

/// How a way may be driven; none when it may not.
#[must_use]
pub fn drive(way: &Way<'_>) -> Option<Drive> {
    let highway = way.tag("highway")?;
    let (usual, class) = usual(highway)?;
    if is_barred(way) || way.tag("area") == Some("yes") {
        return None;
    }
    // Nobody drives quite as fast as a sign allows; a sign that allows more than usual is believed in part.
    let kmh = match way.tag("maxspeed").and_then(limit) {
        Some(most) => usual.min(most * 0.9).max((most * 0.75).min(usual * 1.25)),
        None => usual,
    };
    let is_round = matches!(way.tag("junction"), Some("roundabout" | "circular"));
    let by_nature = is_round || highway == "motorway";
    let (forth, back) = match way.tag("oneway") {
        Some("yes" | "true" | "1") => (true, false),
        Some("-1" | "reverse") => (false, true),
        Some("no" | "false" | "0") => (true, true),
        _ => (true, !by_nature),
    };
    Some(Drive { kmh, forth, back, class })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tags: &[(&'static str, &'static str)]) -> Option<Drive> {
        drive(&Way { tags: tags.to_vec(), nodes: Vec::new() })
    }

    #[test]
    fn what_a_van_may_drive_on_and_which_way() {
        let ways = |tags| of(tags).map(|d| (d.forth, d.back));
        assert_eq!(ways(&[("highway", "residential")]), Some((true, true)));
        assert_eq!(ways(&[("highway", "residential"), ("oneway", "yes")]), Some((true, false)));
        assert_eq!(ways(&[("highway", "residential"), ("oneway", "-1")]), Some((false, true)));
        assert_eq!(ways(&[("highway", "primary"), ("junction", "roundabout")]), Some((true, false)));
        assert_eq!(ways(&[("highway", "motorway")]), Some((true, false)));
        assert_eq!(ways(&[("highway", "motorway"), ("oneway", "no")]), Some((true, true)));
        for tags in [
            &[("highway", "footway")][..],
            &[("highway", "residential"), ("access", "private")],
            &[("highway", "service"), ("motor_vehicle", "no")],
            &[("highway", "service"), ("area", "yes")],
            &[("building", "yes")],
        ] {
            assert_eq!(of(tags), None, "{tags:?}");
        }
        // The word for cars counts before the word for all.
        assert!(of(&[("highway", "service"), ("access", "no"), ("motorcar", "yes")]).is_some());
        assert!(of(&[("highway", "residential"), ("access", "destination")]).is_some());
    }

    #[test]
    fn signs_change_the_usual_speed() {
        let kmh = |tags: &[(&'static str, &'static str)]| of(tags).unwrap().kmh;
        assert_eq!(kmh(&[("highway", "primary")]), 50.0);
        assert_eq!(kmh(&[("highway", "primary"), ("maxspeed", "30")]), 27.0);
        assert!((kmh(&[("highway", "primary"), ("maxspeed", "30 mph")]) - 43.45).abs() < 0.01);
        assert_eq!(kmh(&[("highway", "primary"), ("maxspeed", "100")]), 62.5);
        assert_eq!(kmh(&[("highway", "primary"), ("maxspeed", "signals")]), 50.0);
    }
}
