//! Bringing a database up to date: the tables of a new one, the changes of each schema since for an older one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use appliance_ledger::{Lineage, PlanRow, Table, Target};
use installer_model::plan::{Plan, PlanId};
use redb::{Database, ReadableDatabase, ReadableTable, WriteTransaction};

use crate::store::{Store, StoreError, json, parse, random_id};
use crate::tables::{META, OLD_TARGETS, OUTPUT, RUN_EVENTS, SCHEMA, SEALS, VERIFIED, numbered, texted};
use crate::vault::Vault;

/// Makes what is missing, brings what is older up to date, refuses what is newer. Gives the ledger's id and the key. All
/// in one transaction: a process that is killed in it leaves the old database.
pub(crate) fn prepare(db: &Database, dir: &Path) -> Result<(String, Vault), StoreError> {
    let found = meta(db, "schema")?.map(|text| text.parse().unwrap_or(u64::MAX));
    if let Some(found) = found.filter(|found| *found > SCHEMA) {
        return Err(StoreError::Newer { found });
    }
    let vault = match meta(db, "key")? {
        Some(id) => Vault::open(dir, &id)?,
        None => Vault::open_or_make(dir)?,
    };
    if found == Some(SCHEMA)
        && let Some(ledger) = meta(db, "ledger")?
    {
        return Ok((ledger, vault));
    }
    if let Some(found) = found {
        keep_copy(dir, found)?;
    }
    let transaction = db.begin_write()?;
    create(&transaction)?;
    if found == Some(1) {
        crate::runs::seal_all(&transaction, &vault)?;
        crate::output::seal_all(&transaction, &vault)?;
    }
    if found.is_some_and(|found| found < 3) {
        into_the_ledger(&transaction)?;
    }
    let ledger = {
        let mut meta = transaction.open_table(META)?;
        meta.insert("schema", SCHEMA.to_string().as_str())?;
        meta.insert("key", vault.id())?;
        let known = meta.get("ledger")?.map(|id| id.value().to_owned());
        match known {
            Some(id) => id,
            None => {
                let id = random_id()
                    .map_err(|source| StoreError::Folder { path: "/dev/urandom".into(), source })?;
                meta.insert("ledger", id.as_str())?;
                id
            }
        }
    };
    transaction.commit()?;
    Ok((ledger, vault))
}

/// Where the database lies as an older version left it.
pub(crate) fn copy_path(dir: &Path, schema: u64) -> PathBuf {
    dir.join(format!("armilla.redb.schema{schema}.bak"))
}

/// Keeps the database as it is before it is changed: whole, synced, and once. A copy that is there was made by an opener
/// that was cut off after it, when nothing had changed yet.
fn keep_copy(dir: &Path, schema: u64) -> Result<(), StoreError> {
    let path = copy_path(dir, schema);
    if path.exists() {
        return Ok(());
    }
    let partial = path.with_extension("partial");
    let copy = || -> io::Result<()> {
        fs::copy(Store::database_path(dir), &partial)?;
        fs::File::open(&partial)?.sync_all()?;
        fs::rename(&partial, &path)?;
        fs::File::open(dir)?.sync_all()
    };
    copy().map_err(|source| {
        let _ = fs::remove_file(&partial);
        StoreError::Copy { path: path.clone(), source }
    })
}

fn create(transaction: &WriteTransaction) -> Result<(), StoreError> {
    for table in Table::ALL {
        if table.is_numbered() {
            transaction.open_table(numbered(table))?;
        } else {
            transaction.open_table(texted(table))?;
        }
    }
    transaction.open_table(VERIFIED)?;
    transaction.open_table(SEALS)?;
    transaction.open_table(RUN_EVENTS)?;
    transaction.open_table(OUTPUT)?;
    Ok(())
}

/// Schema 3: targets and lineages become rows of the ledger, and each plan gets its row in short.
fn into_the_ledger(transaction: &WriteTransaction) -> Result<(), StoreError> {
    {
        let old = transaction.open_table(OLD_TARGETS)?;
        let mut targets = transaction.open_table(texted(Table::Targets))?;
        for row in old.iter()? {
            let (site, plan) = row?;
            let plan = PlanId(plan.value().to_owned());
            targets.insert(site.value(), json(&Target { plan, revision: 0 }).as_slice())?;
        }
    }
    transaction.delete_table(OLD_TARGETS)?;
    let plans = transaction.open_table(texted(Table::Plans))?;
    let mut rows = transaction.open_table(texted(Table::PlanRows))?;
    for row in plans.iter()? {
        let (id, plan) = row?;
        let plan: Plan = parse(&format!("plan {}", id.value()), plan.value())?;
        // Up to schema 2 only adopted plans were kept; nobody wrote down when.
        let row = PlanRow { adopted_at: Some(0), ..PlanRow::of(&plan, 0, "") };
        rows.insert(id.value(), json(&row).as_slice())?;
    }
    let mut meta = transaction.open_table(META)?;
    let mut lineages = transaction.open_table(texted(Table::Lineage))?;
    let mut old = Vec::new();
    for row in meta.iter()? {
        let (key, ledgers) = row?;
        if let Some(site) = key.value().strip_prefix("taken_from/") {
            let ledgers = Lineage(ledgers.value().split(' ').map(str::to_owned).collect());
            lineages.insert(site, json(&ledgers).as_slice())?;
            old.push(key.value().to_owned());
        }
    }
    for key in old {
        meta.remove(key.as_str())?;
    }
    Ok(())
}

/// A word about the database itself; `None` in a new one. Text that is no number was not written by any version up to
/// this one.
fn meta(db: &Database, key: &str) -> Result<Option<String>, StoreError> {
    let meta = match db.begin_read()?.open_table(META) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        meta => meta?,
    };
    Ok(meta.get(key)?.map(|text| text.value().to_owned()))
}
