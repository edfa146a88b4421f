// What DOM says of aborting.
'use strict';

test(() => {
  const controller = new AbortController();
  const { signal } = controller;
  assert_equals(controller.signal, signal);
  assert_array_equals([signal.aborted, signal.reason, signal.onabort], [false, undefined, null]);
  assert_equals(signal.throwIfAborted(), undefined);
  const events = [];
  signal.onabort = (event) => events.push(event);
  controller.abort('why');
  controller.abort('again');
  assert_array_equals([signal.aborted, signal.reason, events.length], [true, 'why', 1]);
  const [event] = events;
  assert_array_equals([event.type, event.target, event.isTrusted, event.bubbles, event.cancelable],
                      ['abort', signal, true, false, false]);
  assert_equals(event.constructor, Event);
}, 'a controller aborts its signal once');

test(() => {
  const reason = { is: 'an object' };
  const controller = new AbortController();
  controller.abort(reason);
  assert_equals(controller.signal.reason, reason);
  try {
    controller.signal.throwIfAborted();
  } catch (e) {
    assert_equals(e, reason);
  }
  for (const given of [null, 0, '', false, NaN]) assert_equals(AbortSignal.abort(given).reason, given);
  const { reason: made } = AbortSignal.abort();
  assert_array_equals([made.name, made.code, made.constructor], ['AbortError', 20, DOMException]);
  assert_equals(AbortSignal.abort(undefined).reason.name, 'AbortError');
  assert_throws_dom('AbortError', () => AbortSignal.abort().throwIfAborted());
}, 'reasons keep their identity');

test(() => {
  const controller = new AbortController();
  const { signal } = controller;
  const log = [];
  const listen = () => log.push('listener');
  signal.addEventListener('abort', () => log.push('first'));
  signal.onabort = () => log.push('replaced');
  signal.addEventListener('abort', listen);
  signal.onabort = listen;
  signal.addEventListener('abort', () => log.push(`aborted ${signal.aborted}`));
  controller.abort();
  assert_array_equals(log, ['first', 'listener', 'listener', 'aborted true']);
}, 'the handler keeps its place, and is no listener of the same function');

test(() => {
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  signal.onabort = () => ++count;
  signal.onabort = null;
  for (const value of [1, 'text', undefined]) {
    signal.onabort = value;
    assert_equals(signal.onabort, null);
  }
  const object = {};
  signal.onabort = object;
  assert_equals(signal.onabort, object);
  controller.abort();
  assert_equals(count, 0);
}, 'what a handler may be');

test(() => {
  const { signal } = new AbortController();
  let count = 0;
  signal.addEventListener('abort', () => ++count);
  signal.dispatchEvent(new Event('abort'));
  assert_array_equals([count, signal.aborted], [1, false]);
}, 'an event of the user aborts nothing');

test(() => {
  const a = new AbortController();
  const b = new AbortController();
  const log = [];
  const any = AbortSignal.any([a.signal, b.signal, a.signal]);
  const nested = AbortSignal.any([any]);
  nested.onabort = () => log.push(`nested ${any.aborted}`);
  any.onabort = () => log.push('any');
  a.signal.onabort = () => log.push(`source, dependent is aborted: ${any.aborted}`);
  b.abort('first');
  a.abort('second');
  assert_array_equals(log, ['any', 'nested true', 'source, dependent is aborted: true']);
  assert_array_equals([any.reason, nested.reason], ['first', 'first']);
}, 'a signal of several, and of such');

test(() => {
  assert_equals(AbortSignal.any([]).aborted, false);
  const reason = {};
  const any = AbortSignal.any([new AbortController().signal, AbortSignal.abort(reason), AbortSignal.abort('other')]);
  assert_equals(any.reason, reason);
  assert_throws_js(TypeError, () => AbortSignal.any());
  assert_throws_js(TypeError, () => AbortSignal.any([{}]));
  assert_throws_js(TypeError, () => AbortSignal.any(1));
  assert_throws_js(TypeError, () => new AbortSignal());
}, 'what any takes');

promise_test(async (t) => {
  const signal = AbortSignal.timeout(10);
  const log = [];
  const any = AbortSignal.any([signal]);
  any.addEventListener('abort', () => log.push(`any ${any.reason === signal.reason}`));
  signal.addEventListener('abort', () => log.push('timeout'));
  setTimeout(() => log.push('after 9'), 9);
  setTimeout(() => log.push('after 10'), 10);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert_array_equals(log, ['after 9', 'timeout', 'any true', 'after 10']);
  assert_array_equals([signal.reason.name, signal.reason.code], ['TimeoutError', 23]);
  for (const no of [-1, Infinity, NaN, Number.MAX_SAFE_INTEGER + 1]) {
    assert_throws_js(TypeError, () => AbortSignal.timeout(no), no);
  }
}, 'a signal that times out');

promise_test(async (t) => {
  const controller = new AbortController();
  const reason = new Error('stop');
  const piping = new ReadableStream().pipeTo(new WritableStream(), { signal: controller.signal });
  controller.abort(reason);
  await promise_rejects_exactly(t, reason, piping);
  await promise_rejects_dom(
    t, 'AbortError', new ReadableStream().pipeTo(new WritableStream(), { signal: AbortSignal.abort() }));
}, 'a pipe stops with the reason itself');

test(() => {
  const controller = new AbortController();
  const log = [];
  const seen = [];
  const listen = (event) => {
    seen.push(event.error.message);
    event.stopImmediatePropagation();
    event.preventDefault();
  };
  addEventListener('error', listen, true);
  controller.signal.addEventListener('abort', () => { throw new Error('of a listener'); });
  controller.signal.addEventListener('abort', () => log.push('next'));
  controller.abort();
  removeEventListener('error', listen, true);
  assert_array_equals([...log, ...seen], ['next', 'of a listener']);
}, 'a listener that throws stops nobody');
