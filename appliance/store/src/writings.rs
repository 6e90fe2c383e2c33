//! How often each table was written since the store was opened: what was made of its rows holds for as long as the count does.

use std::sync::atomic::{AtomicU64, Ordering};

use appliance_ledger::{Change, Table};

use crate::store::Store;

/// One count for each table, in the order of [`Table::ALL`].
#[derive(Debug, Default)]
pub(crate) struct Writings([AtomicU64; Table::ALL.len()]);

impl Writings {
    /// After the commit, before anybody is told of it: who was told finds the new count.
    pub(crate) fn count(&self, changes: &[Change]) {
        for change in changes {
            let (Change::Put { table, .. } | Change::Remove { table, .. }) = change;
            self.0[*table as usize].fetch_add(1, Ordering::AcqRel);
        }
    }

    /// A commit failed, and nobody knows what of it the disk has.
    pub(crate) fn count_all(&self) {
        for count in &self.0 {
            count.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Store {
    /// Grows with every change of these tables, and never else. To be read before the rows are.
    pub fn writings(&self, tables: &[Table]) -> u64 {
        tables.iter().map(|table| self.writings.0[*table as usize].load(Ordering::Acquire)).sum()
    }
}

#[cfg(test)]
mod tests {
    use appliance_ledger::{Actor, Command, Expected, SiteCommand};

    use super::*;
    use crate::Holder;

    #[test]
    fn tables_stand_where_their_numbers_say() {
        for (at, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(table as usize, at, "{table:?}");
        }
    }

    #[test]
    fn a_change_counts_for_its_tables_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Holder::this_process("test", 0)).unwrap();
        let now = || (store.writings(&[Table::SiteFiles]), store.writings(&[Table::Users, Table::Checks]));
        let before = now();
        let (name, text) = ("s".to_owned(), String::new());
        let put = SiteCommand::Put { name, text, bundle: None, expected: Expected::Absent };
        let command = Command::Sites(put);
        store.submit(&Actor::Instance, &command).unwrap();
        let after = now();
        assert!(after.0 > before.0 && after.1 == before.1);
        store.submit(&Actor::Instance, &command).unwrap_err();
        assert_eq!(now(), after, "what is refused changes nothing");
    }
}
