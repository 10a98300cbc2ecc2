use super::*;
use proptest::prelude::{any, prop_assert, proptest};

fn first(code: &str) -> Reading {
    resolve(code).readings.into_iter().next().unwrap_or_else(|| panic!("{code:?} has no reading"))
}

#[test]
fn every_kind_of_code_is_read_as_what_it_is() {
    let cases = [
        ("RB123456785GB", "upu.s10", "RB123456785GB"),
        ("RA473124829US\r\n", "upu.s10", "RA473124829US"),
        ("rb 1234 5678 5 gb", "upu.s10", "RB123456785GB"),
        ("340123450000000017", "gs1.sscc", "340123450000000017"),
        ("00340123450000000017", "gs1.sscc", "340123450000000017"),
        ("]C100340123450000000017", "gs1.sscc", "340123450000000017"),
        ("\u{1d}00340123450000000017\u{1d}", "gs1.sscc", "340123450000000017"),
        ("(00)340123450000000017", "gs1.sscc", "340123450000000017"),
        ("https://id.gs1.org/00/340123450000000017", "gs1.sscc", "340123450000000017"),
        ("]E04006381333931", "gs1.gln", "4006381333931"),
        ("1Z999AA10123456784", "ups.1z", "1Z999AA10123456784"),
        ("1z 5r8 939 03 5756 7127", "ups.1z", "1Z5R89390357567127"),
        ("020-12345675", "iata.awb", "02012345675"),
        ("176 98765435", "iata.awb", "17698765435"),
        ("999-00000011", "iata.awb", "99900000011"),
        ("CSQU3054383", "iso.6346", "CSQU3054383"),
        ("CSQU 305438-3", "iso.6346", "CSQU3054383"),
        ("AKE12345XY", "iata.uld", "AKE12345XY"),
        ("420902459261290336128704042634", "usps.impb_c", "9261290336128704042634"),
        ("]C142090245\u{1d}9261290336128704042634", "usps.impb_c", "9261290336128704042634"),
        ("%008182709980000020033350276C", "dpd.28", "008182709980000020033350276C"),
        ("1001901781990001000300617767839437", "fedex.express_34", "00617767839437"),
        ("TBA000000000000", "amazon.logistics", "TBA000000000000"),
        ("CMD:DAMAGED", COMMAND, "CMD:DAMAGED"),
        ("cmd:undo", COMMAND, "CMD:UNDO"),
        ("LOC:A-03", COMMAND, "LOC:A-03"),
        ("019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718", PARCEL, "019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718"),
        (
            "https://depot:8443/p/019A0C2F-7B2C-7D10-A1B2-C3D4E5F60718",
            PARCEL,
            "019a0c2f-7b2c-7d10-a1b2-c3d4e5f60718",
        ),
        ("Kiste 7", AS_WRITTEN, "KISTE7"),
    ];
    let mut wrong = Vec::new();
    for (code, form, number) in cases {
        let resolved = resolve(code);
        let read = resolved.readings.iter().find(|r| r.is_plausible());
        if read.map(|r| (r.form.as_str(), r.number.as_str())) != Some((form, number)) {
            wrong.push(format!("{code:?}: {:#?}", resolved.readings));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_mistyped_number_is_shown_as_one_and_never_as_plausible() {
    for (code, form) in [
        ("RB123456786US", "upu.s10"),
        ("RB123456785XX", "upu.s10"),
        ("1Z999AA10123456785", "ups.1z"),
        ("CSQU3054384", "iso.6346"),
        ("MSKU9070332", "iso.6346"),
        ("176-98765432", "iata.awb"),
        ("020-12345678", "iata.awb"),
        ("340123450000000010", "gs1.sscc"),
        ("]C100340123450000000010", "gs1.sscc"),
    ] {
        let readings = resolve(code).readings;
        let read =
            readings.iter().find(|r| r.form == form).unwrap_or_else(|| panic!("{code}: {readings:#?}"));
        assert_eq!(read.holds, Some(false), "{code}");
        assert!(
            read.reasons.iter().any(|r| r.contains("does not hold") || r.contains("elements")),
            "{code}: {read:?}"
        );
        assert!(readings.iter().filter(|r| r.is_plausible()).all(|r| r.form != form));
    }
    let sandbox = resolve("1Z12345E0205271688").readings;
    assert!(sandbox[0].reasons.iter().any(|r| r.contains("examples")), "{sandbox:?}");
}

#[test]
fn a_number_that_may_be_several_things_lists_them_and_the_station_s_choice_comes_first() {
    let mut resolved = resolve("287809468872");
    let forms: Vec<String> = resolved.readings.iter().map(|r| r.form.clone()).collect();
    assert_eq!(forms[0], "purolator.12", "{forms:?}");
    assert_eq!(forms.last().map(String::as_str), Some(AS_WRITTEN));
    prefer(&mut resolved, AS_WRITTEN);
    assert_eq!(resolved.readings[0].form, AS_WRITTEN);
    assert!(resolved.readings[0].reasons.iter().any(|r| r.contains("chosen last")));
    let before = resolved.clone();
    prefer(&mut resolved, "no.such.form");
    assert_eq!(resolved, before);
}

#[test]
fn a_wrong_keyboard_layout_is_seen_through() {
    let codes = [
        ("1Z999AA10123456784", "ups.1z"),
        ("RB123456785GB", "upu.s10"),
        ("YT2229521272164446", "yunexpress.16"),
        ("020-12345675", "iata.awb"),
        ("CMD:DAMAGED", COMMAND),
        ("LOC:A-03", COMMAND),
        ("]C100340123450000000017", "gs1.sscc"),
    ];
    for layout in Layout::ALL {
        for (code, form) in codes {
            let arrived = layout.done_to(code);
            let resolved = resolve(&arrived);
            let read = resolved.readings.first().unwrap_or_else(|| panic!("{arrived}: {resolved:?}"));
            assert_eq!(read.form, form, "{layout:?} {arrived}: {:#?}", resolved.readings);
            assert_eq!(read.number, first(code).number, "{arrived}");
            if arrived != code && !(form == "upu.s10" && layout == Layout::Qwertz) {
                assert!(read.reasons.iter().any(|r| r.contains(layout.name())), "{arrived}: {read:?}");
            }
        }
    }
}

#[test]
fn lost_and_replaced_separators_are_mended_and_it_says_so() {
    for (code, says) in [
        ("10LOT700340123450000000017", "lost"),
        ("]C110LOT700340123450000000017", "lost"),
        ("400ORDER12<GS>00340123450000000017", "replaced"),
        ("]C1400ORDER12|00340123450000000017", "replaced"),
    ] {
        let resolved = resolve(code);
        let read = &resolved.readings[0];
        assert_eq!(
            (read.form.as_str(), read.number.as_str()),
            ("gs1.sscc", "340123450000000017"),
            "{code}: {resolved:#?}"
        );
        assert!(read.reasons.iter().any(|r| r.contains(says)), "{code}: {read:?}");
        assert_eq!(resolved.elements.len(), 2, "{code}");
    }
}

#[test]
fn nothing_and_too_much_have_no_readings() {
    for code in ["", " ", "\r\n", "\u{0}", &"9".repeat(MAX_CODE + 1)] {
        assert!(resolve(code).readings.is_empty(), "{} bytes", code.len());
    }
    let long = "x".repeat(MAX_CODE);
    assert!(resolve(&long).readings.is_empty(), "too long to be anybody's number");
    assert_eq!(resolve(&"x".repeat(MAX_NUMBER)).readings[0].form, AS_WRITTEN);
    assert!(!first("CMD:DANCE").is_plausible());
}

proptest! {
    #[test]
    fn no_code_is_too_odd(text in any::<String>(), near in "(\\]C1)?[0-9A-Z:<>|\u{1d}#()/-]{0,80}") {
        for code in [&text, &near] {
            let resolved = resolve(code);
            prop_assert!(resolved.readings.len() <= MAX_READINGS + 1);
            prop_assert!(!resolved.code.chars().any(char::is_control));
            let broken = resolved.readings.iter().filter(|r| r.form != AS_WRITTEN).skip_while(|r| r.is_plausible());
            prop_assert!(broken.clone().all(|r| !r.is_plausible()), "{:?}", resolved.readings);
        }
    }
}
