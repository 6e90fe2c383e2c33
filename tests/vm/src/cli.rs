//! The words of the `lab` command.

pub(crate) mod show;
pub(crate) mod up;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lab::{Cut, LabName, Rate};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Real hosts on one machine: for the demo, the tests and the benchmarks. Runs as root.
#[derive(Debug, Parser)]
#[command(name = "lab", max_term_width = 100)]
pub(crate) struct Arguments {
    /// Which lab; several live side by side.
    #[arg(long, global = true, env = "ARMILLA_LAB", default_value = "lab")]
    pub(crate) name: LabName,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Bring up hosts h1, h2, … and wait until ssh answers on each.
    Up(UpArguments),
    /// Take the lab away: hosts, disks, network.
    Down {
        /// Every lab of this machine.
        #[arg(long)]
        all: bool,
    },
    /// List labs and their hosts.
    Ls {
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Cut the power of hosts, all at once.
    PowerOff {
        #[arg(required = true)]
        hosts: Vec<String>,
    },
    /// Give hosts power and wait until ssh answers on each.
    PowerOn {
        #[arg(required = true)]
        hosts: Vec<String>,
    },
    /// Cut a host off from all networks.
    Cut {
        host: String,
        /// What is lost: everything with the link down, or one way with the link up.
        #[arg(long, value_enum, default_value_t = Way::Cable)]
        way: Way,
    },
    /// Undo `cut`.
    Mend { host: String },
    /// Limit what passes a host's network cards, each way.
    Shape {
        host: String,
        /// For example 100mbit.
        #[arg(long, required_unless_present = "off")]
        rate: Option<Rate>,
        /// Lift the limit.
        #[arg(long, conflicts_with = "rate")]
        off: bool,
    },
    /// Run a command inside a host as root, not over ssh.
    Exec {
        host: String,
        #[arg(required = true, last = true)]
        command: Vec<OsString>,
    },
    /// Run a command of the machine in the lab's network.
    Run {
        #[arg(required = true, last = true)]
        command: Vec<OsString>,
    },
    /// Count the packets that reached the gateway and were dropped.
    GatewayCount {
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Send one packet from a host out of the lab, to see the counter count.
    GatewayProbe { host: String },
    /// Print what a host looks like: files, mounts, network, units, users. Two of them go through diff(1).
    Snapshot { host: String },
    /// Forward a loopback address of the machine into the lab, until the lab goes down.
    Forward {
        /// For example 127.0.0.1:6443; port 0 takes a free one.
        #[arg(long)]
        listen: SocketAddr,
        /// A host's name or an address in the lab, with a port.
        #[arg(long)]
        to: String,
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Install Kubernetes on three hosts of a lab and show that it works; may be run again.
    Demo {
        #[command(flatten)]
        place: DemoPlace,
        /// Where `make binary` has run.
        #[arg(long, default_value = ".")]
        checkout: PathBuf,
    },
    /// Take the demo away: its lab and its folder.
    DemoDown {
        #[command(flatten)]
        place: DemoPlace,
    },
    /// What `forward` starts.
    #[command(hide = true, name = lab::RELAY_VERB)]
    Relay {
        #[arg(long)]
        to: SocketAddr,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoPlace {
    /// Where the site file, the bundle, the keys and the kubeconfig lie.
    #[arg(long, default_value = ".demo")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    #[arg(long, default_value_t = 3)]
    pub(crate) hosts: u8,
    /// No default route and an empty resolv.conf.
    #[arg(long)]
    pub(crate) isolated: bool,
    /// A second network, with a card cluster0 in each host.
    #[arg(long)]
    pub(crate) second_network: bool,
    /// For all hosts (20G), or for one (h2=500M); may be given again.
    #[arg(long, value_name = "[HOST=]SIZE")]
    pub(crate) disk_size: Vec<String>,
    /// A file that takes the place of /etc/os-release, for all hosts or for one.
    #[arg(long, value_name = "[HOST=]FILE")]
    pub(crate) os_release: Vec<String>,
    /// A line of sshd_config that wins over the lab's, for all hosts or for one.
    #[arg(long, value_name = "[HOST=]LINE")]
    pub(crate) sshd_set: Vec<String>,
    /// Install what the machine lacks.
    #[arg(long)]
    pub(crate) install_missing: bool,
    /// The lab is left behind when this process has ended, and the next `up` removes it.
    #[arg(long, value_name = "PID")]
    pub(crate) owner: Option<u32>,
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    Cable,
    FromHost,
    ToHost,
}

impl From<Way> for Cut {
    fn from(way: Way) -> Cut {
        match way {
            Way::Cable => Cut::Cable,
            Way::FromHost => Cut::FromHost,
            Way::ToHost => Cut::ToHost,
        }
    }
}
