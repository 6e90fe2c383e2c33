//! Lists of what stands in a table of the store. A page in the order of the table's keys costs what the page costs; one that is
//! filtered, or sorted otherwise, goes through the table once and keeps no more than a page of it in memory.

use appliance_store::ledger::{Key, Row};
use appliance_store::{Page, Store, StoreError, Way};
use serde::Deserialize;

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

/// An item whose rows have far more than what it is chosen by.
pub(crate) trait Glanced: Kept + From<<Self as Kept>::Row> {
    /// What it is chosen by, of its row, with the fields and the place that it has as an item.
    type Glance<'a>: Listed + Deserialize<'a>;
}

impl App {
    /// The page that was asked for, of all rows of a table.
    pub(crate) async fn list<T: Kept>(
        &self,
        params: ListParams,
        mut item: impl FnMut(&Store, T::Row) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<List<T>, Problem> {
        let (wish, behind) = understood::<T>(&params)?;
        self.reading(move |store| match wish.is_all_by(T::KEYED) {
            Some(way) => keyed(store, &wish, behind.as_ref(), way, |row| item(store, row)),
            None => selected(store, wish, |row| item(store, row).map(Some)),
        })
        .await
    }

    /// As [`App::list`], and reads no more than a glance of the rows that no page has.
    pub(crate) async fn list_at_a_glance<T: Glanced>(&self, params: ListParams) -> Result<List<T>, Problem> {
        let (wish, behind) = understood::<T>(&params)?;
        self.reading(move |store| match wish.is_all_by(T::KEYED) {
            Some(way) => keyed(store, &wish, behind.as_ref(), way, |row| Ok(T::from(row))),
            None => {
                let (way, mut selection) = (wish.way(), Selection::<T>::new(wish));
                store.each::<T::Row>(way, |row| {
                    if selection.wants(&row.glance::<T::Glance<'_>>()?) {
                        selection.keep(row.read()?.into());
                    }
                    Ok(())
                })?;
                Ok(selection.page())
            }
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

/// The wish, and the key that the page before ended with.
fn understood<T: Kept>(params: &ListParams) -> Result<(Wish, Option<Key>), Problem> {
    let wish = Wish::of::<T>(params)?;
    let behind = wish.behind().map(|id| {
        T::key(id).ok_or_else(|| Problem::invalid("?continue", "no page of this list ends with it"))
    });
    let behind = behind.transpose()?;
    Ok((wish, behind))
}

fn keyed<T: Kept>(
    store: &Store,
    wish: &Wish,
    behind: Option<&Key>,
    way: Way,
    item: impl FnMut(T::Row) -> Result<T, StoreError>,
) -> Result<List<T>, StoreError> {
    let Page { rows, total } = store.page(behind, way, wish.limit() + 1)?;
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    let items = rows.into_iter().map(item).collect::<Result<_, _>>()?;
    Ok(wish.cut(items, total))
}

fn selected<T: Listed, R: Row>(
    store: &Store,
    wish: Wish,
    mut item: impl FnMut(R) -> Result<Option<T>, StoreError>,
) -> Result<List<T>, StoreError> {
    let (way, mut selection) = (wish.way(), Selection::new(wish));
    store.each::<R>(way, |row| {
        if let Some(item) = item(row.read()?)? {
            selection.offer(item);
        }
        Ok(())
    })?;
    Ok(selection.page())
}
