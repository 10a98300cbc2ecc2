use super::*;
use crate::base::ids::Id;
use crate::freight::codes::Code;
use crate::freight::model::Mawb;
use crate::freight::repo::{HEARD, with_number};
use crate::freight::work::Person;
use crate::identity::model::Tenant;
use crate::store::redb::Redb;
use crate::store::{Dir, Ix, KeyRange, ReadTx, Result, Store};

const FSU: &str = "FSU/14\n020-12345675FRALHR/T10K250.0\nRCF/LH900/18NOV0900/LHR/P6K150.0\nXYZ/odd\n";
/// A line without a day: it is of the moment it came.
const UNDATED: &str = "FSU/14\n020-12345675FRALHR/T10K250.0\nNFD\n";

struct One;
impl People for One {
    fn of_role(&self, _: &dyn ReadTx, role: &str) -> Result<Vec<Person>> {
        assert_eq!(role, ROLE);
        Ok(vec![Person { user: Id([7; 16]), email: None }])
    }
    fn language(&self, _: &dyn ReadTx) -> Result<String> {
        Ok("en".into())
    }
}

struct Room {
    folder: tempfile::TempDir,
    store: Store,
    mail_in: MailIn,
    now: Timestamp,
}

impl Room {
    fn new(tenants: u32) -> Self {
        let (folder, store) = (tempfile::tempdir().unwrap(), Store::new(Redb::memory().unwrap()));
        let all = move |tx: &mut dyn WriteTx| -> Result<()> {
            for number in 1..=tenants {
                let name = format!("t{number}");
                let zone = "UTC".to_owned();
                let tenant = Tenant { number, name, depot: "North".into(), zone, ready: true };
                identity::TENANTS.put(tx, &number.to_be_bytes()[..], &tenant)?;
            }
            Ok(())
        };
        store.write(NODE, Lane::People, all).wait().unwrap();
        let mail_in = MailIn::new(folder.path(), Duration::from_secs(10), Arc::new(One));
        // 2100: behind whatever the machine's own clock gives files.
        Self { folder, store, mail_in, now: Timestamp::from_millis(4_102_444_800_000) }
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Looks until nothing is left to be done now.
    fn look(&mut self, tenant: u32) {
        let ctx = Ctx { store: self.store.clone(), tenant };
        for _ in 0..2 {
            while self.mail_in.step(&ctx, self.now).unwrap() == (Step::Worked {}) {}
            self.now = self.now.after(Duration::from_secs(10));
        }
    }

    fn names(&self, place: &str) -> Vec<String> {
        let Ok(all) = fs::read_dir(self.folder.path().join(place)) else { return Vec::new() };
        let files = all.map(|e| e.unwrap()).filter(|e| e.file_type().unwrap().is_file());
        let mut names: Vec<String> = files.map(|e| e.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn marks(&self, tenant: u32) -> usize {
        let found = self.store.read(tenant, |tx| with_number(tx, "02012345675")).unwrap().pop();
        // The booking is noted by itself.
        let told = |m: &Mawb| m.marks.iter().filter(|k| k.code != Code::Bkd).count();
        found.map_or(0, |m| told(&m.value.state))
    }

    fn told(&self) -> Vec<String> {
        let rows = self.store.read(1, |tx| notices::list(tx, Id([7; 16]), None, 50)).unwrap();
        rows.items.into_iter().map(|e| e.value.title).collect()
    }
}

#[test]
fn what_lies_in_the_folder_is_taken_once_it_has_stopped_growing() {
    let mut room = Room::new(1);
    room.put("a.txt", "FSU/14\n020-12");
    let ctx = Ctx { store: room.store.clone(), tenant: 1 };
    assert_ne!(room.mail_in.step(&ctx, room.now).unwrap(), Step::Worked);
    // Somebody goes on writing.
    room.put("a.txt", FSU);
    assert_ne!(room.mail_in.step(&ctx, room.now).unwrap(), Step::Worked);
    assert_eq!(room.marks(1), 0);
    room.put("lunch.eml", "From: ops@example.com\nSubject: lunch\n\nAt noon?\n");
    room.put(".hidden", FSU);
    room.look(1);
    assert_eq!((room.marks(1), room.names("work")), (1, Vec::<String>::new()));
    assert_eq!(room.names(""), [".hidden"]);
    assert!(room.names("taken")[0].ends_with("-a.txt"), "{:?}", room.names("taken"));
    let refused = room.names("refused");
    assert!(refused[0].ends_with("-lunch.eml") && refused[1].ends_with("-lunch.eml.why.txt"), "{refused:?}");
    let told = room.told();
    assert!(told.iter().any(|t| t.contains("a.txt: 1 lines")), "{told:?}");
    assert!(told.iter().any(|t| t.contains("lunch.eml was mailed in")), "{told:?}");
    let heard = room.store.read(1, |tx| HEARD.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 9)).unwrap();
    let [heard] = &heard.items[..] else { panic!("{} texts", heard.items.len()) };
    assert_eq!((heard.value.by.as_str(), heard.value.reports, heard.value.created), ("a.txt", 1, 1));
    // After a month it is let go of.
    room.now = room.now.after(KEPT);
    room.look(1);
    assert_eq!((room.names("taken").len(), room.names("refused").len()), (0, 0));
}

#[test]
fn a_file_that_was_begun_before_the_power_went_is_gone_through_again_and_counts_once() {
    let mut room = Room::new(1);
    room.put("a.txt", UNDATED);
    room.look(1);
    assert_eq!(room.marks(1), 1);
    // As it lies there when the power goes between the commit and the file's last move.
    let name = room.names("taken")[0].clone();
    let at = |place: &str| room.folder.path().join(place).join(&name);
    fs::rename(at("taken"), at("work")).unwrap();
    room.look(1);
    assert_eq!((room.marks(1), room.names("taken"), room.names("work").len()), (1, vec![name], 0));
}

#[test]
fn each_tenant_has_the_folder_of_its_name_and_nobody_the_whole() {
    let mut room = Room::new(2);
    fs::create_dir(room.folder.path().join("t2")).unwrap();
    room.put("a.txt", FSU);
    room.put("t2/b.txt", FSU);
    room.look(1);
    room.look(2);
    assert_eq!((room.marks(1), room.marks(2)), (0, 1));
    assert_eq!(room.names(""), ["a.txt"]);
}
