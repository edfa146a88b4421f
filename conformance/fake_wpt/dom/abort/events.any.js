// What DOM says of events, for targets without a tree.
'use strict';

const record = (log, name) => (event) => log.push(`${name} ${event.eventPhase}`);

test(() => {
  const event = new Event('x', { cancelable: true, bubbles: 1 });
  assert_array_equals([event.type, event.bubbles, event.cancelable, event.composed], ['x', true, true, false]);
  assert_array_equals([event.target, event.currentTarget, event.eventPhase, event.isTrusted], [null, null, 0, false]);
  const { get, set, configurable } = Object.getOwnPropertyDescriptor(event, 'isTrusted');
  assert_equals(get, Object.getOwnPropertyDescriptor(new Event('y'), 'isTrusted').get);
  assert_array_equals([set, configurable], [undefined, false]);
  event.preventDefault();
  assert_array_equals([event.defaultPrevented, event.returnValue], [true, false]);
  assert_throws_js(TypeError, () => new Event());
  assert_throws_js(TypeError, () => new Event('x', 1));
  assert_throws_js(TypeError, () => Event('x'));
  assert_equals(new CustomEvent('x', { detail: event }).detail, event);
  assert_array_equals([Event.AT_TARGET, event.BUBBLING_PHASE], [2, 3]);
}, 'an event');

test(() => {
  const target = new EventTarget();
  const log = [];
  target.addEventListener('x', record(log, 'bubbling'));
  target.addEventListener('x', record(log, 'capturing'), true);
  target.addEventListener('x', record(log, 'once'), { once: true });
  target.addEventListener('y', record(log, 'other'));
  const event = new Event('x');
  assert_true(target.dispatchEvent(event));
  assert_array_equals(log, ['capturing 2', 'bubbling 2', 'once 2']);
  assert_array_equals([event.target, event.currentTarget, event.eventPhase], [target, null, 0]);
  target.dispatchEvent(event);
  assert_equals(log.length, 5);
}, 'capturing listeners come first, and once is once');

test(() => {
  const target = new EventTarget();
  const log = [];
  const twice = record(log, 'twice');
  target.addEventListener('x', twice);
  target.addEventListener('x', twice, { once: true, passive: true });
  target.addEventListener('x', twice, { capture: true });
  target.dispatchEvent(new Event('x'));
  assert_equals(log.length, 2, 'type, callback and capture tell listeners apart');
  target.removeEventListener('x', twice, { capture: true });
  target.removeEventListener('x', twice, { once: true });
  target.dispatchEvent(new Event('x'));
  assert_equals(log.length, 2);
}, 'adding twice and removing');

test(() => {
  const target = new EventTarget();
  const log = [];
  const removed = record(log, 'removed');
  target.addEventListener('x', () => {
    log.push('first');
    target.removeEventListener('x', removed);
    target.addEventListener('x', record(log, 'added'));
  });
  target.addEventListener('x', removed);
  target.dispatchEvent(new Event('x'));
  assert_array_equals(log, ['first']);
}, 'listeners that are added or removed meanwhile');

test(() => {
  const target = new EventTarget();
  const log = [];
  target.addEventListener('x', (event) => { log.push('a'); event.stopImmediatePropagation(); });
  target.addEventListener('x', () => log.push('b'));
  target.addEventListener('y', (event) => { log.push('c'); event.stopPropagation(); }, true);
  target.addEventListener('y', () => log.push('d'), true);
  target.addEventListener('y', () => log.push('e'));
  target.dispatchEvent(new Event('x'));
  target.dispatchEvent(new Event('y'));
  assert_array_equals(log, ['a', 'c', 'd']);
  const stopped = new Event('x');
  stopped.stopPropagation();
  target.dispatchEvent(stopped);
  assert_array_equals(log, ['a', 'c', 'd'], 'stopped before it was dispatched');
}, 'stopping');

test(() => {
  const target = new EventTarget();
  const log = [];
  const object = { handleEvent() { log.push(this === object); } };
  target.addEventListener('x', object);
  target.addEventListener('x', function () { log.push(this === target); });
  target.addEventListener('x', (event) => event.preventDefault(), { passive: true });
  assert_true(target.dispatchEvent(new Event('x', { cancelable: true })), 'passive listeners cancel nothing');
  assert_array_equals(log, [true, true]);
  target.addEventListener('x', (event) => event.preventDefault());
  assert_equals(target.dispatchEvent(new Event('x', { cancelable: true })), false);
  assert_equals(target.dispatchEvent(new Event('x')), true);
}, 'objects, this, and canceling');

test(() => {
  const target = new EventTarget();
  const event = new Event('x');
  target.addEventListener('x', () => assert_throws_dom('InvalidStateError', () => target.dispatchEvent(event)));
  target.dispatchEvent(event);
  assert_throws_js(TypeError, () => target.dispatchEvent({}));
  assert_throws_js(TypeError, () => target.addEventListener('x', 1));
  assert_throws_js(TypeError, () => target.addEventListener('x'));
  assert_throws_js(TypeError, () => target.addEventListener('x', null, { signal: null }));
  assert_equals(target.addEventListener('x', null), undefined);
  assert_throws_js(TypeError, () => EventTarget.prototype.addEventListener.call({}, 'x', null));
}, 'misuse');

test(() => {
  const target = new EventTarget();
  const controller = new AbortController();
  const log = [];
  target.addEventListener('x', record(log, 'with a signal'), { signal: controller.signal });
  target.dispatchEvent(new Event('x'));
  controller.abort();
  target.dispatchEvent(new Event('x'));
  target.addEventListener('x', record(log, 'too late'), { signal: controller.signal });
  target.dispatchEvent(new Event('x'));
  assert_equals(log.length, 1);
}, 'a signal takes a listener away');

test(() => {
  class Named extends EventTarget {
    constructor() { super(); this.name = 'n'; }
  }
  const target = new Named();
  let seen;
  target.addEventListener('x', (event) => { seen = event.target.name; });
  target.dispatchEvent(new (class extends Event {})('x'));
  assert_equals(seen, 'n');
}, 'subclasses');
