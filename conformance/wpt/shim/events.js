// EventTarget and Event, as far as an AbortSignal needs them: https://dom.spec.whatwg.org/#events
(shim) => {
  'use strict';
  const p = shim.primordials;
  const { apply, defineProperty, TypeError } = p;
  const { isObject } = shim.border;
  const listenersOf = new p.WeakMap();
  const stateOf = new p.WeakMap();
  const targets = new p.WeakSet();

  const list = shim.webidl.list;

  class Event {
    constructor(type, init = {}) {
      if (arguments.length === 0) throw new TypeError('Event: 1 argument required');
      p.weakSet(stateOf, this, {
        type: `${type}`, bubbles: !!init?.bubbles, cancelable: !!init?.cancelable, composed: !!init?.composed,
        target: null, currentTarget: null, isTrusted: false, stopped: false, canceled: false, phase: 0,
      });
      defineProperty(this, 'isTrusted', { get: () => p.weakGet(stateOf, this).isTrusted, enumerable: true });
    }
    get type() { return p.weakGet(stateOf, this).type; }
    get target() { return p.weakGet(stateOf, this).target; }
    get srcElement() { return p.weakGet(stateOf, this).target; }
    get currentTarget() { return p.weakGet(stateOf, this).currentTarget; }
    get eventPhase() { return p.weakGet(stateOf, this).phase; }
    get bubbles() { return p.weakGet(stateOf, this).bubbles; }
    get cancelable() { return p.weakGet(stateOf, this).cancelable; }
    get composed() { return p.weakGet(stateOf, this).composed; }
    get defaultPrevented() { return p.weakGet(stateOf, this).canceled; }
    get timeStamp() { return 0; }
    composedPath() {
      const { currentTarget } = p.weakGet(stateOf, this);
      return currentTarget === null ? [] : [currentTarget];
    }
    stopPropagation() {}
    stopImmediatePropagation() { p.weakGet(stateOf, this).stopped = true; }
    preventDefault() {
      const state = p.weakGet(stateOf, this);
      if (state.cancelable) state.canceled = true;
    }
  }

  /** https://dom.spec.whatwg.org/#concept-event-dispatch, for a target without a tree */
  const dispatch = (target, event) => {
    const state = p.weakGet(stateOf, event);
    state.target = state.currentTarget = target;
    state.phase = 2;
    state.stopped = false;
    const all = p.weakGet(listenersOf, target) ?? list();
    const now = list();
    for (let i = 0; i < all.length; ++i) now[i] = all[i];
    for (let i = 0; i < now.length && !state.stopped; ++i) {
      const listener = now[i];
      if (listener.removed || listener.type !== state.type) continue;
      if (listener.once) remove(target, listener);
      try {
        const { callback } = listener;
        if (typeof callback === 'function') apply(callback, target, [event]);
        else apply(callback.handleEvent, callback, [event]);
      } catch (e) {
        shim.reportException(e);
      }
    }
    state.currentTarget = null;
    state.phase = 0;
    return !state.canceled;
  };

  const remove = (target, listener) => {
    listener.removed = true;
    const all = p.weakGet(listenersOf, target);
    const kept = list();
    for (let i = 0; i < all.length; ++i) if (all[i] !== listener) kept[kept.length] = all[i];
    p.weakSet(listenersOf, target, kept);
  };

  const add = (target, listener) => {
    const all = p.weakGet(listenersOf, target) ?? list();
    for (let i = 0; i < all.length; ++i) {
      const one = all[i];
      if (one.type === listener.type && one.callback === listener.callback && one.capture === listener.capture) return;
    }
    all[all.length] = listener;
    p.weakSet(listenersOf, target, all);
  };

  const isCapture = (options) => (isObject(options) ? !!options.capture : !!options);
  const isTarget = (value) =>
    isObject(value) && (p.weakSetHas(targets, value) || shim.webidl.brandOf(value, 'AbortSignal') !== undefined);
  const check = (target, callback, count) => {
    if (!isTarget(target)) throw new TypeError('Illegal invocation');
    if (count < 2) throw new TypeError('2 arguments required');
    if (callback !== null && callback !== undefined && !isObject(callback)) throw new TypeError('no listener');
  };

  class EventTarget {
    constructor() {
      p.weakSetAdd(targets, this);
    }
    addEventListener(type, callback, options = undefined) {
      check(this, callback, arguments.length);
      const target = this;
      type = `${type}`;
      const capture = isCapture(options);
      const once = isObject(options) ? !!options.once : false;
      const signal = isObject(options) ? options.signal : undefined;
      const listener = { type, callback, capture, once, removed: false };
      if (signal !== undefined) {
        if (shim.webidl.brandOf(signal, 'AbortSignal') === undefined) throw new TypeError('signal: not an AbortSignal');
        if (signal.aborted) return;
      }
      if (callback === null || callback === undefined) return;
      add(target, listener);
      if (signal !== undefined) shim.addAbortAlgorithm(signal, () => remove(target, listener));
    }
    removeEventListener(type, callback, options = undefined) {
      check(this, callback, arguments.length);
      const target = this;
      const capture = isCapture(options);
      const all = p.weakGet(listenersOf, target) ?? list();
      for (let i = 0; i < all.length; ++i) {
        if (all[i].type === `${type}` && all[i].callback === callback && all[i].capture === capture) {
          remove(target, all[i]);
          return;
        }
      }
    }
    dispatchEvent(event) {
      if (!isTarget(this)) throw new TypeError('Illegal invocation');
      if (!isObject(event) || p.weakGet(stateOf, event) === undefined) throw new TypeError('not an Event');
      return dispatch(this, event);
    }
  }

  for (const made of [Event, EventTarget]) {
    for (const key of p.ownKeys(made.prototype)) {
      if (key !== 'constructor') defineProperty(made.prototype, key, { enumerable: true });
    }
    defineProperty(made.prototype, p.toStringTag, { value: made.name, configurable: true });
    shim.webidl.exposeGlobal(made.name, made);
  }

  shim.EventTarget = EventTarget;
  shim.fire = (target, type) => {
    const event = new Event(type);
    p.weakGet(stateOf, event).isTrusted = true;
    dispatch(target, event);
  };
  shim.setHandler = (target, type, old, callback) => {
    if (old !== undefined && callback !== null) old.callback = callback;
    else if (old !== undefined) remove(target, old);
    else if (callback !== null) {
      const listener = { type, callback, capture: false, once: false, removed: false };
      const all = p.weakGet(listenersOf, target) ?? list();
      all[all.length] = listener;
      p.weakSet(listenersOf, target, all);
      return listener;
    }
    return callback === null ? undefined : old;
  };
}
