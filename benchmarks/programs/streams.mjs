// The rows in memory, on the streams of a JavaScript runtime: `node --expose-gc streams.mjs ROW COUNT`, or deno.
// `streams.py` beside it does the same in Python, step by step.

import { readFileSync } from "node:fs";
import process from "node:process";

const VIEW = 2 ** 16;
const DATA = new Uint8Array(VIEW);

// Seconds on the processor in the main thread; what helpers do beside it, such as collecting garbage, is not counted.
function threadTime() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]) / 1e9;
  } catch {
    return performance.now() / 1e3;
  }
}

async function stopwatch(count, work) {
  const wall = performance.now();
  const cpu = threadTime();
  await work();
  const result = { count, wall: (performance.now() - wall) / 1e3, cpu: threadTime() - cpu };
  console.log(JSON.stringify(result));
}

class Counter {
  constructor(count) {
    this.left = count;
  }
  pull(controller) {
    this.left -= 1;
    controller.enqueue(this.left);
    if (this.left === 0) controller.close();
  }
}

class AsyncCounter {
  constructor(count) {
    this.left = count;
  }
  async pull(controller) {
    this.left -= 1;
    controller.enqueue(this.left);
    if (this.left === 0) controller.close();
  }
}

class Sink {
  write() {}
}

class AsyncSink {
  async write() {}
}

class Filler {
  type = "bytes";
  constructor(count, filled) {
    this.left = count;
    this.filled = filled;
  }
  pull(controller) {
    const request = controller.byobRequest;
    if (this.left === 0) {
      controller.close();
      request.respond(0);
      return;
    }
    this.left -= 1;
    const view = request.view;
    if (this.filled) view.set(DATA);
    request.respond(VIEW);
  }
}

async function drain(stream) {
  const reader = stream.getReader();
  while (!(await reader.read()).done);
  reader.releaseLock();
}

const read = (count) => stopwatch(count, () => drain(new ReadableStream(new Counter(count))));

const asyncFor = (count) =>
  stopwatch(count, async () => {
    for await (const _ of new ReadableStream(new Counter(count)));
  });

function readQueued(count) {
  const start = (controller) => {
    for (let number = 0; number < count; number += 1) controller.enqueue(number);
    controller.close();
  };
  const stream = new ReadableStream({ start }, { highWaterMark: count });
  return stopwatch(count, () => drain(stream));
}

const write = (count) =>
  stopwatch(count, async () => {
    const writer = new WritableStream(new Sink()).getWriter();
    for (let number = 0; number < count; number += 1) {
      await writer.ready;
      writer.write(number);
    }
    await writer.close();
    writer.releaseLock();
  });

const strategyOf = (highWaterMark) => new CountQueuingStrategy({ highWaterMark });

const pipeTo = (count, highWaterMark) =>
  stopwatch(count, () => {
    const source = new ReadableStream(new Counter(count), strategyOf(highWaterMark));
    return source.pipeTo(new WritableStream(new Sink(), strategyOf(highWaterMark)));
  });

const pipeToAsync = (count) =>
  stopwatch(count, () => new ReadableStream(new AsyncCounter(count)).pipeTo(new WritableStream(new AsyncSink())));

const pipeThrough = (count, transforms) =>
  stopwatch(count, () => {
    let stream = new ReadableStream(new Counter(count));
    for (let number = 0; number < transforms; number += 1) stream = stream.pipeThrough(new TransformStream());
    return stream.pipeTo(new WritableStream(new Sink()));
  });

const tee = (count) =>
  stopwatch(count, () => {
    const [first, second] = new ReadableStream(new Counter(count)).tee();
    return Promise.all([drain(first), drain(second)]);
  });

const byob = (count, filled) =>
  stopwatch(count, async () => {
    let view = new Uint8Array(VIEW);
    const reader = new ReadableStream(new Filler(count, filled)).getReader({ mode: "byob" });
    for (;;) {
      const { value, done } = await reader.read(view);
      if (done) break;
      view = new Uint8Array(value.buffer);
    }
    reader.releaseLock();
  });

const fromGenerator = (count) =>
  stopwatch(count, () => {
    async function* numbers() {
      for (let number = 0; number < count; number += 1) yield number;
    }
    return ReadableStream.from(numbers()).pipeTo(new WritableStream(new Sink()));
  });

// A turn of the loop comes after all microtasks.
const turn = () => new Promise((resolve) => setTimeout(resolve));

const create = (count, make) =>
  stopwatch(count, async () => {
    const kept = [];
    for (let number = 0; number < count; number += 1) kept.push(make());
    await turn();
    return kept;
  });

async function bytesEach(count, make) {
  const kept = new Array(count).fill(null);
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (let number = 0; number < count; number += 1) kept[number] = make();
  await turn();
  globalThis.gc();
  console.log(JSON.stringify({ bytes: (process.memoryUsage().heapUsed - before) / count }));
  return kept;
}

function bytesOfChunk(count) {
  const chunk = {};
  let controller;
  const stream = new ReadableStream({ start: (c) => (controller = c) }, { highWaterMark: count });
  return bytesEach(count, () => controller.enqueue(chunk) ?? stream);
}

const ROWS = {
  read,
  async_for: asyncFor,
  read_queued: readQueued,
  write,
  pipe_to_1: (count) => pipeTo(count, 1),
  pipe_to_16: (count) => pipeTo(count, 16),
  pipe_to_coroutines: pipeToAsync,
  pipe_through_1: (count) => pipeThrough(count, 1),
  pipe_through_3: (count) => pipeThrough(count, 3),
  tee,
  byob_filled: (count) => byob(count, true),
  byob_not_filled: (count) => byob(count, false),
  from_generator: fromGenerator,
  create_readable: (count) => create(count, () => new ReadableStream()),
  create_writable: (count) => create(count, () => new WritableStream()),
  create_transform: (count) => create(count, () => new TransformStream()),
  create_bytes: (count) => create(count, () => new ReadableStream({ type: "bytes" })),
  bytes_of_stream: (count) => bytesEach(count, () => new ReadableStream()),
  bytes_of_chunk: bytesOfChunk,
};

await ROWS[process.argv[2]](Number(process.argv[3]));
