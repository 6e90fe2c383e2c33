use super::*;

#[derive(Debug, Clone, PartialEq)]
struct Host {
    name: String,
    role: &'static str,
    age: Option<u64>,
}

impl Listed for Host {
    const FIELDS: &'static [&'static str] = &["name", "role", "age"];

    fn id(&self) -> Cow<'_, str> {
        self.name.as_str().into()
    }

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "name" => self.name.as_str().into(),
            "role" => self.role.into(),
            _ => self.age.into(),
        }
    }
}

fn hosts() -> Vec<Host> {
    let host = |name: &str, role, age| Host { name: name.to_owned(), role, age };
    vec![
        host("d,1", "worker", Some(4)),
        host("b", "control", Some(30)),
        host("a", "worker", None),
        host("c", "worker", Some(4)),
    ]
}

fn params(filter: &str, sort: &str) -> ListParams {
    ListParams { filter: Some(filter.to_owned()), sort: Some(sort.to_owned()), ..ListParams::default() }
}

fn names(filter: &str, sort: &str) -> String {
    let page = List::page(hosts(), &params(filter, sort)).unwrap();
    page.items.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn conditions_hold_together_and_say_what_they_compare() {
    assert_eq!(names("", ""), "a b c d,1");
    assert_eq!(names("role=worker", ""), "a c d,1");
    assert_eq!(names("role=worker,age>3", ""), "c d,1");
    assert_eq!(names("age<30", ""), "c d,1");
    assert_eq!(names("age!=4", ""), "a b");
    assert_eq!(names("role~CONT", ""), "b");
    assert_eq!(names(r"name=d\,1", ""), "d,1");
    assert_eq!(names("age=x", ""), "");
}

#[test]
fn fields_sort_in_turn_and_the_id_decides_the_rest() {
    assert_eq!(names("", "age"), "a c d,1 b");
    assert_eq!(names("", "-age,-name"), "b d,1 c a");
    assert_eq!(names("", "role,-age"), "b c d,1 a");
}

#[test]
fn unknown_fields_and_parameters_out_of_range_are_refused() {
    for (filter, sort) in [("colour=red", ""), ("", "colour"), ("name", "")] {
        assert!(List::page(hosts(), &params(filter, sort)).is_err(), "{filter} {sort}");
    }
    for limit in [0, MOST + 1] {
        let params = ListParams { limit: Some(limit), ..ListParams::default() };
        assert!(List::page(hosts(), &params).is_err());
    }
    for go_on in ["", "x", "bm8", "e30"] {
        let params = ListParams { go_on: Some(go_on.to_owned()), ..ListParams::default() };
        assert!(List::page(hosts(), &params).is_err(), "{go_on}");
    }
}

#[test]
fn pages_go_on_behind_the_last_item_whatever_comes_and_goes() {
    let mut params = ListParams { limit: Some(1), ..params("", "-age") };
    let mut seen = Vec::new();
    let mut all = hosts();
    loop {
        let page = List::page(all.clone(), &params).unwrap();
        seen.extend(page.items.iter().map(|host| host.name.clone()));
        // What was seen goes, which shifts every position.
        all.retain(|host| !seen.contains(&host.name));
        params.go_on = page.go_on;
        if params.go_on.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["b", "c", "d,1", "a"]);
}

#[test]
fn a_mark_of_another_order_is_refused() {
    let first = List::page(hosts(), &ListParams { limit: Some(1), ..params("", "age") }).unwrap();
    let other = ListParams { go_on: first.go_on, ..params("", "name") };
    assert!(List::page(hosts(), &other).is_err());
}
