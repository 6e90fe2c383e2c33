//! Changes of text files, pure.

/// Comments out the lines of an fstab that are swap.
pub(super) fn without_swap(fstab: &str) -> String {
    commented(fstab, |line| line.split_whitespace().nth(2) == Some("swap"))
}

/// Comments out this line, whatever blanks stand around it.
pub(super) fn without_line(text: &str, wanted: &str) -> String {
    commented(text, |line| line.trim() == wanted.trim())
}

fn commented(text: &str, matches: impl Fn(&str) -> bool) -> String {
    lines(text, |line| match !line.trim_start().starts_with('#') && matches(line) {
        true => Some(format!("# {line}")),
        false => None,
    })
}

/// Every line, or what takes its place.
fn lines(text: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let changed: Vec<String> =
        text.split('\n').map(|line| change(line).unwrap_or_else(|| line.to_owned())).collect();
    changed.join("\n")
}

/// `KEY = VALUE` once, in place of an earlier line for the key.
pub(super) fn with_setting(text: &str, key: &str, value: &str) -> String {
    let others = text.lines().filter(|line| {
        line.split_once('=').is_none_or(|(name, _)| name.trim() != key || name.trim().starts_with('#'))
    });
    let mut kept: String = others.map(|line| format!("{line}\n")).collect();
    kept.push_str(&format!("{key} = {value}\n"));
    kept
}

/// A line more, unless it is there.
pub(super) fn with_line(text: &str, line: &str) -> String {
    if text.lines().any(|other| other.trim() == line) {
        return text.to_owned();
    }
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}{line}\n")
}

/// `SELINUX=permissive` in place of `enforcing`.
pub(super) fn permissive(config: &str) -> String {
    lines(config, |line| match line.trim().strip_prefix("SELINUX=") {
        Some(mode) if mode.trim() == "enforcing" => Some("SELINUX=permissive".to_owned()),
        _ => None,
    })
}

/// The address has the name, at the end of its line or on a line of its own.
pub(super) fn with_host(hosts: &str, address: &str, name: &str) -> String {
    let names = |line: &str| -> Vec<String> {
        line.split('#').next().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let given = hosts.lines().map(names).any(|words| {
        words.first().is_some_and(|first| first == address) && words.iter().skip(1).any(|word| word == name)
    });
    if given { hosts.to_owned() } else { with_line(hosts, &format!("{address} {name}")) }
}

/// Devices of `/proc/swaps`.
pub(super) fn swaps(table: &str) -> Vec<String> {
    table.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// The mount that a path lies on, and its options, of `/proc/self/mountinfo` (proc(5): fields 5 and 6).
pub(super) fn mount_of(table: &str, path: &str) -> Option<(String, Vec<String>)> {
    let below = |target: &str| {
        target == "/" || path == target || path.strip_prefix(target).is_some_and(|rest| rest.starts_with('/'))
    };
    let mounts = table.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(4);
        Some((fields.next()?.replace("\\040", " "), fields.next()?))
    });
    // The later of two on one place covers the earlier.
    let (target, options) =
        mounts.filter(|(target, _)| below(target)).max_by_key(|(target, _)| target.len())?;
    Some((target, options.split(',').map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_swap_is_taken_out_of_an_fstab() {
        let fstab = "UUID=1 / ext4 defaults 0 1\n# /old none swap sw 0 0\n/swapfile none swap sw 0 0\n";
        let wanted = "UUID=1 / ext4 defaults 0 1\n# /old none swap sw 0 0\n# /swapfile none swap sw 0 0\n";
        assert_eq!(without_swap(fstab), wanted);
        assert_eq!(without_swap(wanted), wanted);
    }

    #[test]
    fn a_setting_stands_there_once() {
        let one = with_setting("", "net.ipv4.ip_forward", "0");
        let two = with_setting(&with_setting(&one, "vm.swappiness", "1"), "net.ipv4.ip_forward", "1");
        assert_eq!(two, "vm.swappiness = 1\nnet.ipv4.ip_forward = 1\n");
    }

    #[test]
    fn a_name_is_added_where_the_address_lacks_it() {
        assert_eq!(
            with_host("::1 localhost", "127.0.0.1", "localhost"),
            "::1 localhost\n127.0.0.1 localhost\n"
        );
        let there = "127.0.0.1\tme localhost # x\n";
        assert_eq!(with_host(there, "127.0.0.1", "localhost"), there);
        assert_ne!(
            with_host("127.0.0.1 me # localhost\n", "127.0.0.1", "localhost"),
            "127.0.0.1 me # localhost\n"
        );
    }

    #[test]
    fn the_deepest_mount_is_the_one_that_counts() {
        let table =
            "1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n2 1 8:2 / /var/lib rw,noexec - ext4 /dev/sdb rw\n";
        let (target, options) = mount_of(table, "/var/lib/armilla").unwrap();
        assert_eq!((target.as_str(), options.join(",").as_str()), ("/var/lib", "rw,noexec"));
        assert_eq!(mount_of(table, "/var/library").unwrap().0, "/");
    }

    #[test]
    fn selinux_is_made_permissive_and_nothing_else() {
        let config = "# SELINUX=enforcing\nSELINUX=enforcing\nSELINUXTYPE=targeted\n";
        assert_eq!(permissive(config), "# SELINUX=enforcing\nSELINUX=permissive\nSELINUXTYPE=targeted\n");
    }
}
