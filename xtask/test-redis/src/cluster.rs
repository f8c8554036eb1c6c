//! [`Cluster`]: three servers that share the keys.

use crate::{Server, pause, spare_port};

/// A cluster of three primaries.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts one. `None`, with a word about it, if there is no program.
    ///
    /// # Panics
    ///
    /// If there is a program and it cannot be started.
    pub fn start() -> Option<Self> {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let bus = spare_port().to_string();
            // A node that is gone is noticed soon.
            let options = [
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                "2000",
            ];
            nodes.push(Server::start(&options)?);
        }
        let hosts: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        let mut create = vec!["--cluster", "create"];
        create.extend(hosts.iter().map(String::as_str));
        create.push("--cluster-yes");
        let said = nodes.first()?.cli(&create);
        let whole = |node: &Server| node.cli(&["cluster", "info"]).contains("cluster_state:ok");
        let ready = (0..400).any(|_| nodes.iter().all(whole) || pause());
        assert!(ready, "the cluster is whole: {said}");
        Some(Self { nodes })
    }

    /// Its nodes.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// The hosts of its nodes, with commas between them.
    pub fn hosts(&self) -> String {
        let hosts = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port()));
        hosts.collect::<Vec<_>>().join(",")
    }
}
