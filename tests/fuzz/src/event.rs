//! Stored events and plans, as today's binary finds them in yesterday's ledger.

use installer_model::event::Record;
use installer_model::plan::Plan;
use installer_model::view::View;

/// Each line is a record or a plan, or neither. What can be read can be stored again, and a fold of the records never
/// fails, has the highest index of its run, and does not change when it is fed the same records once more.
pub fn event(bytes: &[u8]) {
    let mut records: Vec<Record> = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(record) = serde_json::from_slice::<Record>(line) {
            super::keeps_through_json(&record);
            records.push(record);
        } else if let Ok(plan) = serde_json::from_slice::<Plan>(line) {
            super::keeps_through_json(&plan);
            let _ = plan.hosts();
        }
    }
    let Some(run) = records.first().map(|record| record.run.clone()) else { return };
    let once = View::fold(run.clone(), &records);
    let highest = records.iter().filter(|record| record.run == run).map(|record| record.index).max();
    assert_eq!(Some(once.index), highest, "an event of the run was passed over");
    let mut twice = once.clone();
    for record in &records {
        twice.apply(record);
    }
    assert_eq!(once, twice, "an event was taken in twice");
    for step in once.attempts.keys() {
        assert!(once.next_attempt(step) > 0);
    }
}
