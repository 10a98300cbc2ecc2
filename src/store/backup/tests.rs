use super::*;
use crate::store::{DEPOT, Expect, LogId, WriteTx};

const NAMES: Table<str, Layout> =
    Table::new(200, "names", Home::Local).indexed(&[|l| Some(l.release.clone().into_bytes())]);
const LOG: LogId = LogId { log: b'q', epoch: 1 };

fn all() -> Vec<&'static dyn Checked> {
    let mut all: Vec<&'static dyn Checked> = vec![&NAMES];
    all.extend(tables());
    all
}

fn change(store: &Store, f: impl FnMut(&mut dyn WriteTx) -> super::super::Result<()> + Send + 'static) {
    store.write(3, Lane::People, f).wait().unwrap();
}

fn filled(rows: u32) -> Store {
    let store = Store::new(Redb::memory().unwrap());
    migrate::run(&store, migrate::MIGRATIONS, |_| Ok(())).unwrap();
    change(&store, move |tx| {
        for n in 0..rows {
            let noise = blake3::hash(&n.to_be_bytes()).to_hex().repeat(8);
            NAMES.put_if(tx, &format!("{n:08}"), &Layout { number: n, release: noise }, Expect::Absent)?;
            tx.append(DEPOT, LOG, &n.to_be_bytes(), [1; 16])?;
        }
        Ok(())
    });
    store
}

fn target(folder: &Path, passphrase: Option<&str>) -> Target {
    Target { folder: folder.join("backups"), passphrase: passphrase.map(Into::into), beside: None }
}

fn at(hour: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + hour * 3_600_000)
}

fn reopened(path: &Path) -> Store {
    let mut options = Options::default();
    options.reserve.ballast = 0;
    Store::new(Redb::file(path, options).unwrap())
}

fn rows(store: &Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    let areas = [Area::Records, Area::Index, Area::Log, Area::Heads];
    let read = store.sweep(|s| {
        areas.iter().try_for_each(|a| {
            s.rows(*a, None, &mut |k, v| {
                rows.push((k.to_vec(), v.to_vec()));
                Ok(true)
            })
        })
    });
    read.unwrap();
    rows
}

#[test]
fn what_is_restored_is_what_was_there_also_under_a_passphrase() {
    for passphrase in [None, Some("open sesame")] {
        let folder = tempfile::tempdir().unwrap();
        let (store, to) = (filled(2_000), target(folder.path(), passphrase));
        let before = rows(&store);
        let made = make(&store, &to, "hourly", at(0)).unwrap();
        assert!(made.chunks >= 4 && made.chunks_new == made.chunks && made.rows as usize > 4_000);
        let into = folder.path().join("restored.redb");
        let report = restore(&to, Which::Latest, &into, &all()).unwrap();
        assert!(report.is_clean());
        assert_eq!(rows(&reopened(&into)), before);
        assert!(matches!(restore(&to, Which::Latest, &into, &all()), Err(BackupError::Exists { .. })));
    }
}

#[test]
fn the_next_backup_keeps_only_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, to) = (filled(4_000), target(folder.path(), None));
    let first = make(&store, &to, "hourly", at(0)).unwrap();
    change(&store, |tx| {
        NAMES.put(tx, "00002000", &Layout { number: 1, release: "changed".into() }).map(drop)
    });
    let second = make(&store, &to, "hourly", at(1)).unwrap();
    assert!(second.chunks_new <= 4 && second.chunks_new < first.chunks_new / 2, "{first:?} {second:?}");
    let third = state(&store).unwrap();
    assert_eq!((third.last_ok, third.last_trial), (Some(at(1)), None));
}

#[test]
fn each_backup_can_be_meant_and_pruning_leaves_those_that_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (store, to) = (filled(1_000), target(folder.path(), None));
    for hour in 0..4 {
        change(&store, move |tx| {
            NAMES.put(tx, "hour", &Layout { number: hour, release: "x".repeat(hour as usize) }).map(drop)
        });
        if hour == 1 {
            let layout = Layout { number: 1, release: RELEASE.into() };
            before_migration(&store, &to, &layout, at(1)).unwrap();
        } else {
            make(&store, &to, "hourly", at(hour.into())).unwrap();
        }
    }
    let hour = |which| {
        let into = folder.path().join("restored.redb");
        restore(&to, which, &into, &all()).unwrap();
        let hour = reopened(&into).read(3, |tx| NAMES.get(tx, "hour")).unwrap().unwrap().number;
        fs::remove_file(into).unwrap();
        hour
    };
    assert_eq!((hour(Which::Latest), hour(Which::At(at(2))), hour(Which::BeforeMigration)), (3, 2, 1));
    assert!(matches!(
        restore(&to, Which::At(at(-1)), Path::new("none"), &all()),
        Err(BackupError::None { .. })
    ));
    let pruned = prune(&to, 1).unwrap();
    assert!(pruned.backups == 2 && pruned.chunks >= 2, "{pruned:?}");
    let left: Vec<_> = list(&to).unwrap().into_iter().map(|(_, m)| m.label).collect();
    assert_eq!(left, ["before-migration-1", "hourly"]);
    assert_eq!((hour(Which::Latest), hour(Which::BeforeMigration)), (3, 1));
    assert_eq!(prune(&to, 1).unwrap(), Pruned { backups: 0, chunks: 0, bytes: 0 });
}

#[test]
fn a_chunk_that_is_missing_or_damaged_is_named_and_nothing_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (store, to) = (filled(1_000), target(folder.path(), None));
    make(&store, &to, "hourly", at(0)).unwrap();
    let name = list(&to).unwrap()[0].1.chunks[1].clone();
    let path = to.folder.join("chunks").join(&name[..2]).join(&name);
    let good = fs::read(&path).unwrap();
    let into = folder.path().join("restored.redb");
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    fs::write(&path, bad).unwrap();
    let e = restore(&to, Which::Latest, &into, &all()).unwrap_err();
    assert!(matches!(&e, BackupError::Damaged { what, .. } if *what == name), "{e}");
    fs::remove_file(&path).unwrap();
    let e = restore(&to, Which::Latest, &into, &all()).unwrap_err();
    assert!(matches!(&e, BackupError::Missing { chunk } if *chunk == name), "{e}");
    assert!(trial(&store, &to, folder.path(), &all(), at(1)).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the backups is left");
    fs::write(&path, good).unwrap();
    assert!(trial(&store, &to, folder.path(), &all(), at(2)).unwrap().is_clean());
    assert_eq!(state(&store).unwrap().last_trial, Some(at(2)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_manifest_that_was_edited_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, to) = (filled(10), target(folder.path(), None));
    let made = make(&store, &to, "hourly", at(0)).unwrap();
    let path = to.folder.join("manifests").join(made.name);
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("hourly", "weekly")).unwrap();
    assert!(matches!(list(&to), Err(BackupError::Damaged { .. })));
    assert!(matches!(prune(&to, 1), Err(BackupError::Damaged { .. })));
}

#[test]
fn a_passphrase_is_needed_where_there_is_one_and_only_there() {
    let folder = tempfile::tempdir().unwrap();
    let (store, sealed) = (filled(10), target(folder.path(), Some("right")));
    make(&store, &sealed, "hourly", at(0)).unwrap();
    for wrong in [None, Some("wrong")] {
        let to = target(folder.path(), wrong);
        assert!(matches!(make(&store, &to, "hourly", at(1)), Err(BackupError::Passphrase { .. })));
        assert!(matches!(list(&to), Err(BackupError::Passphrase { .. })));
    }
    let open = target(&folder.path().join("other"), None);
    make(&store, &open, "hourly", at(0)).unwrap();
    assert!(matches!(
        list(&Target { passphrase: Some("any".into()), ..open }),
        Err(BackupError::Passphrase { .. })
    ));
}

#[test]
fn a_label_longer_than_it_may_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, to) = (filled(1), target(folder.path(), None));
    make(&store, &to, &"x".repeat(MAX_LABEL), at(0)).unwrap();
    for label in [&"x".repeat(MAX_LABEL + 1), "", "../up", "Big"] {
        assert!(matches!(make(&store, &to, label, at(1)), Err(BackupError::Label(_))));
    }
}
