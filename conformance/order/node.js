// Ordering programs on node's own streams: a line of JSON in, a line out.
'use strict';
require('./kit.js');
require('./text_like.js');

const { kit } = globalThis;
const unhandled = new Map();
process.on('unhandledRejection', (reason, promise) => unhandled.set(promise, reason));
process.on('rejectionHandled', (promise) => unhandled.delete(promise));
process.on('warning', () => {});
process.removeAllListeners('warning');

const quiet = async () => {
  for (let i = 0; i < 3; ++i) await new Promise((resolve) => setImmediate(resolve));
};

const run = async ({ phases, ticks }) => {
  kit.begin();
  unhandled.clear();
  const logs = [];
  for (const phase of phases) {
    kit.startPhase(phase, ticks);
    await quiet();
    logs.push(kit.endPhase());
  }
  if (kit.handledIsKnown) logs.push([...unhandled.values()].map((reason) => ['unhandled', kit.show(reason)]));
  return logs;
};

const main = async () => {
  let input = '';
  for await (const data of process.stdin) input += data;
  for (const line of input.split('\n')) {
    if (line !== '') process.stdout.write(`${JSON.stringify(await run(JSON.parse(line)))}\n`);
  }
};
main();
