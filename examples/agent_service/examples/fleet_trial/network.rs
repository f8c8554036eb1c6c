//! Hosts of one machine: a network namespace for each process, with a wire to that of the servers for the backend, and
//! another one for the provider. A wire can be cut in one direction or in both, without a word to either end.

use std::process::{self, Command};

use techrevati_runtime::prelude::*;

/// The namespaces and wires of a trial. They end with it.
pub(crate) struct Network {
    name: String,
    hosts: usize,
}

/// What a wire does not carry.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Calls,
    Answers,
    Both,
}

impl Network {
    /// Lays the wires. An error if this is not root, or if there is no `ip` or `tc`.
    pub(crate) fn lay(hosts: usize) -> Result<Self, BoxError> {
        let network = Self { name: format!("trial-{}", process::id()), hosts };
        let hub = network.hub();
        run("ip", &["netns", "add", &hub])?;
        run("ip", &["-n", &hub, "link", "set", "lo", "up"])?;
        for host in 0..hosts {
            let space = network.host(host);
            run("ip", &["netns", "add", &space])?;
            for (wire, net) in [("backend", 77), ("provider", 78)] {
                let near = format!("{wire}{host}");
                let pair = ["netns", &hub, "type", "veth", "peer", "name", wire, "netns", &space];
                run("ip", &[&["link", "add", "name", &near][..], &pair].concat())?;
                for (space, end, number) in [(&hub, &*near, 1), (&space, wire, 2)] {
                    let address = format!("10.{net}.{host}.{number}/24");
                    run("ip", &["-n", space, "addr", "add", &address, "dev", end])?;
                    run("ip", &["-n", space, "link", "set", end, "up"])?;
                }
            }
        }
        // Both are tried before anything depends on them.
        network.cut(0, Cut::Both)?;
        network.heal(0, Cut::Both)?;
        Ok(network)
    }

    /// The network of the process that started this one.
    pub(crate) fn named(name: &str, hosts: usize) -> Self {
        Self { name: name.to_owned(), hosts }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The namespace of the servers.
    pub(crate) fn hub(&self) -> String {
        format!("{}-hub", self.name)
    }

    fn host(&self, host: usize) -> String {
        format!("{}-{host}", self.name)
    }

    /// A command on a host, or on that of the servers.
    pub(crate) fn on(&self, host: Option<usize>, program: &str) -> Command {
        let space = host.map_or_else(|| self.hub(), |host| self.host(host));
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &space, program]);
        command
    }

    /// Cuts the wire of a host to the backend: packets vanish.
    pub(crate) fn cut(&self, host: usize, cut: Cut) -> Result<(), BoxError> {
        for (space, end) in self.ends(host, cut) {
            run("tc", &["-n", &space, "qdisc", "replace", "dev", &end, "root", "blackhole"])?;
        }
        Ok(())
    }

    pub(crate) fn heal(&self, host: usize, cut: Cut) -> Result<(), BoxError> {
        for (space, end) in self.ends(host, cut) {
            run("tc", &["-n", &space, "qdisc", "del", "dev", &end, "root"])?;
        }
        Ok(())
    }

    /// The ends that send nothing.
    fn ends(&self, host: usize, cut: Cut) -> Vec<(String, String)> {
        let calls = (self.host(host), "backend".to_owned());
        let answers = (self.hub(), format!("backend{host}"));
        match cut {
            Cut::Calls => vec![calls],
            Cut::Answers => vec![answers],
            Cut::Both => vec![calls, answers],
        }
    }

    /// Removes the namespaces, and the wires with them.
    pub(crate) fn remove(&self) {
        for space in (0..self.hosts).map(|host| self.host(host)).chain([self.hub()]) {
            // What was not made is not there.
            let _ = run("ip", &["netns", "del", &space]);
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), BoxError> {
    let output = Command::new(program).args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("{program} {}: {said}", arguments.join(" ")).into())
}
