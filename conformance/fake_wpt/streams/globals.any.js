'use strict';

test(() => {
  assert_equals(self, globalThis);
  assert_true(self instanceof EventTarget);
  for (const name of ['isWindow', 'isWorker', 'isShadowRealm']) assert_equals(GLOBAL[name](), false);
}, 'the global object');

promise_test(async () => {
  const log = [];
  setTimeout((x) => log.push(x), 20, 'later');
  setTimeout(() => log.push('sooner'), 10);
  clearTimeout(setTimeout(() => log.push('never'), 5));
  const start = performance.now();
  let count = 0;
  await new Promise((resolve) => {
    const id = setInterval(() => { if (++count === 3) { clearInterval(id); resolve(); } }, 10);
  });
  assert_array_equals(log, ['sooner', 'later']);
  assert_equals(performance.now() - start, 30, 'the clock');
}, 'timers run on the virtual clock, in order');

promise_test(async () => {
  const log = [];
  queueMicrotask(() => log.push('a'));
  Promise.resolve().then(() => log.push('b'));
  queueMicrotask(() => log.push('c'));
  await null;
  await null;
  assert_array_equals(log, ['a', 'b', 'c']);
  assert_throws_js(TypeError, () => queueMicrotask('no function'));
}, 'microtasks are one queue');

test(() => {
  assert_equals(new TextDecoder().decode(new TextEncoder().encode('grün 💧')), 'grün 💧');
  assert_equals(new TextDecoder().decode(new TextEncoder().encode('\ud800')), '\ufffd');
  assert_equals(new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])), 'a');
  assert_equals(new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf])), '\ufeff');
  assert_equals(new TextDecoder('latin1').encoding, 'windows-1252');
  assert_throws_js(RangeError, () => new TextDecoder('no encoding'));
  assert_throws_js(TypeError, () => new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff])));
  const decoder = new TextDecoder();
  assert_equals(decoder.decode(new Uint8Array([0xe2, 0x82]), { stream: true }), '');
  assert_equals(decoder.decode(new Uint8Array([0xac])), '€');
  const room = new Uint8Array(4);
  const { read, written } = new TextEncoder().encodeInto('a€b', room);
  assert_array_equals([read, written, ...room], [2, 4, 0x61, 0xe2, 0x82, 0xac]);
}, 'TextEncoder and TextDecoder');

promise_test(async () => {
  const response = await fetch('/interfaces/fake.idl');
  assert_true(response.ok);
  assert_equals(await response.text(), 'interface Fake {};\n');
  assert_equals((await fetch('/interfaces/none.idl')).status, 404);
  assert_equals((await fetch('/../test_wpt_runner.py')).status, 404, 'outside of the checkout');
}, 'fetch sees the files of the checkout');

test(() => {
  const value = { list: [1, , 'a'], map: new Map([[1, new Set(['x'])]]), date: new Date(7), error: new RangeError('r') };
  value.self = value;
  const copy = structuredClone(value);
  assert_equals(copy.self, copy);
  assert_array_equals(copy.list, value.list);
  assert_true(copy.map.get(1).has('x'));
  assert_equals(+copy.date, 7);
  assert_true(copy.error instanceof RangeError);
  const aborted = structuredClone(new DOMException('m', 'AbortError'));
  assert_array_equals([aborted.name, aborted.message, aborted.code], ['AbortError', 'm', 20]);
  for (const no of [() => {}, Symbol('s'), new AbortController()]) {
    assert_throws_dom('DataCloneError', () => structuredClone(no));
  }
  const view = new Uint16Array([1, 2, 3]);
  const moved = structuredClone(view, { transfer: [view.buffer] });
  assert_array_equals(moved, [1, 2, 3]);
  assert_equals(view.byteLength, 0);
  assert_throws_dom('DataCloneError', () => structuredClone(view, { transfer: [view.buffer] }));
}, 'structuredClone');

promise_test(async () => {
  const caught = [];
  const listen = (event) => {
    caught.push(event.error.message);
    event.stopImmediatePropagation();
    event.preventDefault();
  };
  // In front of the harness's own listener, for the capturing ones come first.
  addEventListener('error', listen, true);
  setTimeout(() => { throw new Error('of a timer'); }, 0);
  queueMicrotask(() => { throw new Error('of a microtask'); });
  await new Promise((resolve) => setTimeout(resolve, 1));
  removeEventListener('error', listen, true);
  assert_array_equals(caught, ['of a microtask', 'of a timer']);
}, 'errors that nobody caught are events at the global object');

test(() => {
  assert_equals(typeof gc, 'function');
  gc();
  for (const name of ['Worker', 'document', 'importScripts']) assert_equals(globalThis[name], undefined);
  assert_equals(new WebAssembly.Memory({ initial: 0, maximum: 0, shared: true }).buffer.constructor, SharedArrayBuffer);
}, 'odds and ends');
