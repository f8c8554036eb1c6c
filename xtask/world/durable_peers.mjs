// What a `ctx.run` of Restate costs within a handler. Started by `cargo xtask world durable-peers` with the folder
// in which npm has installed the server and the SDK. Prints `name = figure` in µs.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

// The SDK asks for Node 22; this is all of it that Node 20 does not have.
Promise.withResolvers ??= function () {
  const made = {};
  made.promise = new Promise((resolved, rejected) => Object.assign(made, { resolve: resolved, reject: rejected }));
  return made;
};

const folder = resolve(process.argv[2]);
const restate = createRequire(join(folder, "package.json"))("@restatedev/restate-sdk");
const STEPS = 300;
const text = "x".repeat(600);

async function sparePorts(count) {
  const servers = [];
  for (let n = 0; n < count; n++) {
    const server = createServer();
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    servers.push(server);
  }
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

async function until(what) {
  for (let n = 0; n < 600; n++) {
    try {
      const answer = await what();
      if (answer.ok) return answer;
    } catch {
      // It is not there yet.
    }
    await new Promise((passed) => setTimeout(passed, 100));
  }
  throw new Error("in a minute there was no answer");
}

const clerk = restate.service({
  name: "Clerk",
  handlers: {
    run: async (ctx) => {
      const times = [];
      for (let n = 0; n < STEPS; n++) {
        const start = performance.now();
        await ctx.run("pay", () => text);
        times.push(performance.now() - start);
      }
      times.sort((a, b) => a - b);
      return times[STEPS / 2] * 1000;
    },
  },
});

const [ingress, admin, node, handler] = await sparePorts(4);
const data = mkdtempSync(join(tmpdir(), "durable-peers-"));
const packages = join(folder, "node_modules/@restatedev");
const platform = readdirSync(packages).find((name) => name.startsWith("restate-server-"));
writeFileSync(
  join(data, "restate.toml"),
  `disable-telemetry = true\ndefault-num-partitions = 1\nlisten-mode = "tcp"\nbind-address = "127.0.0.1:${node}"\n` +
    `[ingress]\nbind-address = "127.0.0.1:${ingress}"\n[admin]\nbind-address = "127.0.0.1:${admin}"\n`,
);
const args = ["--config-file", join(data, "restate.toml"), "--base-dir", join(data, "data")];
const server = spawn(join(packages, platform, "bin/restate-server"), args, { stdio: "ignore" });
// Also if this is ended from outside.
process.on("exit", () => server.kill("SIGKILL"));
process.once("SIGTERM", () => process.exit(1));
try {
  await restate.serve({ services: [clerk], port: handler });
  const json = { "content-type": "application/json" };
  const deployment = JSON.stringify({ uri: `http://127.0.0.1:${handler}` });
  await until(() => fetch(`http://127.0.0.1:${admin}/deployments`, { method: "POST", headers: json, body: deployment }));
  const run = () => fetch(`http://127.0.0.1:${ingress}/Clerk/run`, { method: "POST", signal: AbortSignal.timeout(60_000) });
  // The handler may not be known there yet.
  await until(run);
  console.log(`restate: ctx.run = ${await (await run()).json()}`);
} finally {
  server.kill("SIGKILL");
  rmSync(data, { recursive: true, force: true });
}
process.exit(0);
