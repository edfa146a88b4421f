// META: title=message ports, and what is transferred through them
'use strict';

const next = (port) => new Promise((resolve) => { port.onmessage = resolve; });

promise_test(async () => {
  const { port1, port2 } = new MessageChannel();
  assert_true(port1 instanceof MessagePort);
  assert_true(port1 instanceof EventTarget);
  const log = [];
  port2.addEventListener('message', (event) => log.push(event.data));
  port1.postMessage({ a: [1] });
  port1.postMessage('second');
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert_equals(log.length, 0, 'before the start');
  port2.start();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert_equals(log.length, 2);
  assert_array_equals(log[0].a, [1]);
  assert_equals(log[1], 'second');
}, 'messages arrive');

promise_test(async () => {
  const { port1, port2 } = new MessageChannel();
  const other = new MessageChannel();
  const bytes = new Uint8Array([1, 2, 3]);
  port1.postMessage({ port: other.port2, bytes }, [other.port2, bytes.buffer]);
  const event = await next(port2);
  assert_true(event instanceof MessageEvent);
  assert_equals(event.target, port2);
  assert_equals(event.ports.length, 1);
  assert_equals(event.data.port, event.ports[0]);
  assert_array_equals(event.data.bytes, [1, 2, 3]);
  assert_equals(bytes.byteLength, 0);
  other.port1.postMessage('through the port');
  assert_equals((await next(event.ports[0])).data, 'through the port');
  assert_throws_dom('DataCloneError', () => port1.postMessage(null, [port1]));
  assert_throws_dom('DataCloneError', () => port1.postMessage(() => {}));
}, 'ports and buffers are transferred');

promise_test(async () => {
  const { port1, port2 } = new MessageChannel();
  const closed = new Promise((resolve) => { port2.onclose = resolve; });
  port1.close();
  assert_equals((await closed).type, 'close');
}, 'closing');

promise_test(async () => {
  const chunk = { a: 1 };
  const stream = new ReadableStream({ start(controller) { controller.enqueue(chunk); controller.close(); } });
  const { port1, port2 } = new MessageChannel();
  port1.postMessage([stream, stream], { transfer: [stream] });
  assert_true(stream.locked);
  const { data } = await next(port2);
  assert_true(data[0] instanceof ReadableStream);
  assert_equals(data[0], data[1]);
  const reader = data[0].getReader();
  const { value } = await reader.read();
  assert_equals(value.a, 1);
  assert_true(value !== chunk);
  assert_true((await reader.read()).done);
}, 'a readable stream');

promise_test(async () => {
  const written = [];
  const stream = new WritableStream({ write(chunk) { written.push(chunk); } });
  const clone = structuredClone(stream, { transfer: [stream] });
  const writer = clone.getWriter();
  await writer.write('a');
  await writer.close();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert_array_equals(written, ['a']);
}, 'a writable stream');

promise_test(async () => {
  const stream = new TransformStream({ transform(chunk, controller) { controller.enqueue(chunk * 2); } });
  const clone = structuredClone({ stream }, { transfer: [stream] }).stream;
  const writer = clone.writable.getWriter();
  writer.write(4);
  assert_equals((await clone.readable.getReader().read()).value, 8);
}, 'a transform stream');

test(() => {
  const stream = new ReadableStream();
  assert_throws_dom('DataCloneError', () => structuredClone(stream), 'not transferred');
  assert_throws_dom('DataCloneError', () => structuredClone(stream, { transfer: [stream, stream] }), 'twice');
  const reader = stream.getReader();
  assert_throws_dom('DataCloneError', () => structuredClone(stream, { transfer: [stream] }), 'locked');
  reader.releaseLock();
  structuredClone(stream, { transfer: [stream] });
  assert_throws_dom('DataCloneError', () => structuredClone(stream, { transfer: [stream] }), 'again');
}, 'what can not be transferred');

promise_test(async () => {
  const reasons = [];
  const stream = new ReadableStream({
    pull(controller) { controller.enqueue(() => {}); },
    cancel(reason) { reasons.push(reason.name); },
  }, { highWaterMark: 0 });
  const reader = structuredClone(stream, { transfer: [stream] }).getReader();
  let caught;
  await reader.read().catch((e) => { caught = e; });
  assert_equals(caught.name, 'DataCloneError');
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert_array_equals(reasons, ['DataCloneError']);
}, 'a chunk that can not be cloned');

promise_test(async () => {
  const reason = { name: 'a reason' };
  const stream = new ReadableStream({ start(controller) { controller.error(reason); } });
  const reader = structuredClone(stream, { transfer: [stream] }).getReader();
  let caught;
  await reader.closed.catch((e) => { caught = e; });
  assert_equals(caught.name, 'a reason');
  assert_true(caught !== reason);
}, 'a reason');
