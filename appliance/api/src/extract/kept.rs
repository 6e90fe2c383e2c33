//! Lists of what stands in a table of the store. A page in the order of the table's keys costs what the page costs; one that is
//! filtered, or sorted otherwise, goes through the table once and keeps no more than a page of it in memory.

use appliance_store::ledger::{Key, Row};
use appliance_store::{Page, Store, StoreError};

use super::list::{List, ListParams, Listed, Selection, Wish};
use crate::app::App;
use crate::problem::Problem;

/// An item that is made of one row.
pub(crate) trait Kept: Listed + Send + 'static {
    type Row: Row + Send + 'static;
    /// The field in whose order the table's keys are, if there is one. The order of ids is theirs too.
    const KEYED: Option<&'static str>;

    /// Where the item of this id stands; `None` when it is no id.
    fn key(id: &str) -> Option<Key>;
}

impl App {
    /// The page that was asked for, of all rows of a table.
    pub(crate) async fn list<T: Kept>(
        &self,
        params: ListParams,
        mut item: impl FnMut(&Store, T::Row) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<List<T>, Problem> {
        let wish = Wish::of::<T>(&params)?;
        let behind = wish.behind().map(|id| {
            T::key(id).ok_or_else(|| Problem::invalid("?continue", "no page of this list ends with it"))
        });
        let behind = behind.transpose()?;
        self.reading(move |store| match wish.is_all_by(T::KEYED) {
            Some(way) => {
                let Page { rows, total } = store.page(behind.as_ref(), way, wish.limit() + 1)?;
                let total = usize::try_from(total).unwrap_or(usize::MAX);
                let items = rows.into_iter().map(|row| item(store, row)).collect::<Result<_, _>>()?;
                Ok(wish.cut(items, total))
            }
            None => selected(store, wish, |row| item(store, row).map(Some)),
        })
        .await
    }

    /// The page that was asked for, of those rows of a table that the caller may see.
    pub(crate) async fn list_some<T: Listed + Send + 'static, R: Row>(
        &self,
        params: ListParams,
        mut item: impl FnMut(R) -> Option<T> + Send + 'static,
    ) -> Result<List<T>, Problem> {
        let wish = Wish::of::<T>(&params)?;
        self.reading(move |store| selected(store, wish, |row| Ok(item(row)))).await
    }
}

fn selected<T: Listed, R: Row>(
    store: &Store,
    wish: Wish,
    mut item: impl FnMut(R) -> Result<Option<T>, StoreError>,
) -> Result<List<T>, StoreError> {
    let mut selection = Selection::new(wish);
    store.each(|row| {
        if let Some(item) = item(row)? {
            selection.offer(item);
        }
        Ok(())
    })?;
    Ok(selection.page())
}
