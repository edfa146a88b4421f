// The rows with sockets, on Node's: `node sockets.mjs ROW COUNT`; BENCH_PEER is the program at the other end.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import net from "node:net";
import process from "node:process";

const HOST = "127.0.0.1";
const KIB = 2 ** 10;
const MIB = 2 ** 20;
const PING = new Uint8Array(64);

function processorTime(pid, task = "") {
  try {
    return Number(readFileSync(`/proc/${pid}${task}/schedstat`, "utf8").split(" ")[0]) / 1e9;
  } catch {
    return performance.now() / 1e3;
  }
}

const threadTime = () => processorTime("self", `/task/${process.pid}`);

async function stopwatch(count, peer, work) {
  const wall = performance.now();
  const cpu = threadTime();
  const peersCpu = processorTime(peer.pid);
  await work();
  const result = { count, wall: (performance.now() - wall) / 1e3, cpu: threadTime() - cpu };
  result.both = result.cpu + processorTime(peer.pid) - peersCpu;
  console.log(JSON.stringify(result));
}

function otherEnd(...args) {
  return spawn(process.env.BENCH_PEER, args.map(String), { stdio: ["pipe", "pipe", "inherit"] });
}

async function portOf(peer) {
  return Number(await once(peer.stdout, "data"));
}

async function connected(port, options = {}) {
  const socket = net.connect({ port, host: HOST, noDelay: true, ...options });
  await once(socket, "connect");
  return socket;
}

// Into a buffer that is used again and again, which is the fastest Node has.
async function download(count, size) {
  const peer = otherEnd("source", count);
  let received = 0;
  const callback = (length) => (received += length);
  const port = await portOf(peer);
  await stopwatch(count, peer, async () => {
    const socket = await connected(port, { onread: { buffer: Buffer.alloc(size), callback } });
    await once(socket, "close");
  });
  if (received !== count) throw new Error(`received ${received}`);
  peer.kill();
}

async function upload(count, size) {
  const peer = otherEnd("sink");
  const socket = await connected(await portOf(peer));
  const chunk = new Uint8Array(size);
  count -= count % size;
  await stopwatch(count, peer, async () => {
    for (let number = 0; number < count / size; number += 1) {
      if (!socket.write(chunk)) await once(socket, "drain");
    }
    socket.end();
    await once(socket, "data");
  });
  peer.kill();
}

function ping(socket, count) {
  return new Promise((resolve) => {
    socket.on("data", () => {
      count -= 1;
      if (count === 0) resolve();
      else socket.write(PING);
    });
    socket.write(PING);
  });
}

async function pingPong(count, connections) {
  const peer = otherEnd("echo");
  const port = await portOf(peer);
  const sockets = [];
  for (let number = 0; number < connections; number += 1) sockets.push(await connected(port));
  await stopwatch(count, peer, () => Promise.all(sockets.map((socket) => ping(socket, count / connections))));
  for (const socket of sockets) socket.destroy();
  peer.kill();
}

async function connect(count) {
  const peer = otherEnd("echo");
  const port = await portOf(peer);
  await stopwatch(count, peer, async () => {
    for (let number = 0; number < count; number += 1) {
      const socket = await connected(port);
      socket.destroy();
      await once(socket, "close");
    }
  });
  peer.kill();
}

async function accept(count) {
  const server = net.createServer({ noDelay: true }).listen({ port: 0, host: HOST, backlog: 1024 });
  await once(server, "listening");
  const peer = otherEnd("client", server.address().port, count, 32);
  await stopwatch(
    count,
    peer,
    () =>
      new Promise((resolve) => {
        server.on("connection", (socket) => {
          socket.once("data", (data) => socket.write(data));
          socket.once("close", () => {
            count -= 1;
            if (count === 0) resolve();
          });
        });
      }),
  );
  server.close();
}

const ROWS = {
  download_64k: (count) => download(count, 64 * KIB),
  download_1m: (count) => download(count, MIB),
  upload_64k: (count) => upload(count, 64 * KIB),
  upload_1m: (count) => upload(count, MIB),
  ping_pong_1: (count) => pingPong(count, 1),
  ping_pong_100: (count) => pingPong(count, 100),
  connect,
  accept,
};

await ROWS[process.argv[2]](Number(process.argv[3]));
