// EventTarget and events, for targets without a tree: https://dom.spec.whatwg.org/#events
(shim) => {
  'use strict';
  const p = shim.primordials;
  const { apply, defineProperty, TypeError } = p;
  const { isObject } = shim.border;
  const { list, brandOf, exposeGlobal } = shim.webidl;

  const states = new p.WeakMap(); // of events
  const listenersOf = new p.WeakMap(); // of targets
  const targets = new p.WeakSet(); // those that are none of ours

  const stateOf = (event) => {
    const state = isObject(event) ? p.weakGet(states, event) : undefined;
    if (state === undefined) throw new TypeError('not an Event');
    return state;
  };
  const isTarget = (value) =>
    isObject(value) &&
    (p.weakSetHas(targets, value) ||
      brandOf(value, 'AbortSignal') !== undefined || brandOf(value, 'MessagePort') !== undefined);
  /** The target that an operation is for; called as a plain function, it is the global object's. */
  const targetOf = (self) => {
    const target = self === undefined || self === null ? globalThis : self;
    if (!isTarget(target)) throw new TypeError('not an EventTarget');
    return target;
  };
  const required = (count, given) => {
    if (given < count) throw new TypeError(`${count} arguments required, but only ${given} present`);
  };
  const dictionaryOf = (value) => {
    if (value === undefined || value === null) return p.create(null);
    if (!isObject(value)) throw new TypeError('not a dictionary');
    return value;
  };

  // Events ---------------------------------------------------------------------------------------

  const NONE = 0;
  const CAPTURING_PHASE = 1;
  const AT_TARGET = 2;
  const BUBBLING_PHASE = 3;

  const isTrusted = {
    get isTrusted() { return stateOf(this).isTrusted; },
  };
  const getIsTrusted = p.getOwnPropertyDescriptor(isTrusted, 'isTrusted').get;

  class Event {
    constructor(type, eventInitDict = undefined) {
      required(1, arguments.length);
      type = `${type}`;
      const init = dictionaryOf(eventInitDict);
      const bubbles = !!init.bubbles;
      const cancelable = !!init.cancelable;
      const composed = !!init.composed;
      p.weakSet(states, this, {
        __proto__: null, type, bubbles, cancelable, composed,
        target: null, currentTarget: null, phase: NONE, isTrusted: false, timeStamp: shim.host.now(),
        stopPropagation: false, stopImmediatePropagation: false, canceled: false, inPassiveListener: false,
        dispatching: false, members: p.create(null),
      });
      defineProperty(this, 'isTrusted', { get: getIsTrusted, set: undefined, enumerable: true, configurable: false });
    }
    get type() { return stateOf(this).type; }
    get target() { return stateOf(this).target; }
    get srcElement() { return stateOf(this).target; }
    get currentTarget() { return stateOf(this).currentTarget; }
    get eventPhase() { return stateOf(this).phase; }
    get bubbles() { return stateOf(this).bubbles; }
    get cancelable() { return stateOf(this).cancelable; }
    get composed() { return stateOf(this).composed; }
    get defaultPrevented() { return stateOf(this).canceled; }
    get timeStamp() { return stateOf(this).timeStamp; }
    get returnValue() { return !stateOf(this).canceled; }
    set returnValue(value) {
      const state = stateOf(this);
      if (!value) cancel(state);
    }
    get cancelBubble() { return stateOf(this).stopPropagation; }
    set cancelBubble(value) {
      const state = stateOf(this);
      if (value) state.stopPropagation = true;
    }
    composedPath() {
      const { currentTarget } = stateOf(this);
      return currentTarget === null ? [] : [currentTarget];
    }
    stopPropagation() { stateOf(this).stopPropagation = true; }
    stopImmediatePropagation() {
      const state = stateOf(this);
      state.stopPropagation = state.stopImmediatePropagation = true;
    }
    preventDefault() { cancel(stateOf(this)); }
    initEvent(type, bubbles = false, cancelable = false) {
      required(1, arguments.length);
      const state = stateOf(this);
      if (state.dispatching) return;
      state.stopPropagation = state.stopImmediatePropagation = state.canceled = state.isTrusted = false;
      state.target = null;
      state.type = `${type}`;
      state.bubbles = !!bubbles;
      state.cancelable = !!cancelable;
    }
  }

  const cancel = (state) => {
    if (state.cancelable && !state.inPassiveListener) state.canceled = true;
  };

  /** An interface with attributes beyond those of Event: [name, default]. */
  const defineEvent = (name, ...members) => {
    const made = {
      [name]: class extends Event {
        constructor(type, eventInitDict = undefined) {
          required(1, arguments.length);
          super(type, eventInitDict);
          const init = dictionaryOf(eventInitDict);
          const own = stateOf(this).members;
          for (let i = 0; i < members.length; ++i) {
            const value = init[members[i][0]];
            own[members[i][0]] = value === undefined ? members[i][1] : value;
          }
        }
      },
    }[name];
    for (let i = 0; i < members.length; ++i) {
      const holder = { get [members[i][0]]() { return stateOf(this).members[members[i][0]]; } };
      defineProperty(made.prototype, members[i][0], p.getOwnPropertyDescriptor(holder, members[i][0]));
    }
    expose(made);
    return made;
  };

  // Targets --------------------------------------------------------------------------------------

  /** https://dom.spec.whatwg.org/#concept-event-listener-invoke */
  const invoke = (target, event, state, phase) => {
    if (state.stopPropagation) return;
    state.currentTarget = target;
    const all = p.weakGet(listenersOf, target) ?? list();
    const now = list();
    for (let i = 0; i < all.length; ++i) now[i] = all[i];
    for (let i = 0; i < now.length && !state.stopImmediatePropagation; ++i) {
      const listener = now[i];
      if (listener.removed || listener.type !== state.type) continue;
      if (listener.capture !== (phase === CAPTURING_PHASE)) continue;
      if (listener.once) remove(target, listener);
      state.inPassiveListener = listener.passive;
      try {
        call(listener, target, event, state);
      } catch (e) {
        shim.reportException(e);
      }
      state.inPassiveListener = false;
    }
  };

  const call = ({ callback, isHandler }, target, event, state) => {
    if (isHandler) {
      // https://html.spec.whatwg.org/multipage/webappapis.html#the-event-handler-processing-algorithm
      if (typeof callback === 'function' && apply(callback, target, [event]) === false) cancel(state);
    } else if (typeof callback === 'function') {
      apply(callback, target, [event]);
    } else {
      const { handleEvent } = callback;
      if (typeof handleEvent !== 'function') throw new TypeError('handleEvent is no function');
      apply(handleEvent, callback, [event]);
    }
  };

  /** https://dom.spec.whatwg.org/#concept-event-dispatch */
  const dispatch = (target, event) => {
    const state = stateOf(event);
    state.dispatching = true;
    state.target = target;
    state.phase = AT_TARGET;
    invoke(target, event, state, CAPTURING_PHASE);
    invoke(target, event, state, BUBBLING_PHASE);
    state.phase = NONE;
    state.currentTarget = null;
    state.dispatching = state.stopPropagation = state.stopImmediatePropagation = false;
    return !state.canceled;
  };

  const remove = (target, listener) => {
    listener.removed = true;
    const all = p.weakGet(listenersOf, target) ?? list();
    const kept = list();
    for (let i = 0; i < all.length; ++i) if (all[i] !== listener) kept[kept.length] = all[i];
    p.weakSet(listenersOf, target, kept);
  };

  const find = (target, type, callback, capture) => {
    const all = p.weakGet(listenersOf, target) ?? list();
    for (let i = 0; i < all.length; ++i) {
      const one = all[i];
      if (!one.isHandler && one.type === type && one.callback === callback && one.capture === capture) return one;
    }
    return undefined;
  };

  const append = (target, listener) => {
    const all = p.weakGet(listenersOf, target) ?? list();
    all[all.length] = listener;
    p.weakSet(listenersOf, target, all);
  };

  const callbackOf = (value) => {
    if (value === null || value === undefined) return null;
    if (!isObject(value)) throw new TypeError('a listener is a function or an object');
    return value;
  };
  const captureOf = (options) =>
    isObject(options) || options === undefined || options === null ? !!dictionaryOf(options).capture : !!options;

  class EventTarget {
    constructor() {
      p.weakSetAdd(targets, this);
    }
    addEventListener(type, callback, options = undefined) {
      const target = targetOf(this);
      required(2, arguments.length);
      type = `${type}`;
      callback = callbackOf(callback);
      const capture = captureOf(options);
      const more = isObject(options) ? options : p.create(null);
      const once = !!more.once;
      const passive = !!more.passive;
      const { signal } = more;
      if (signal !== undefined) {
        if (brandOf(signal, 'AbortSignal') === undefined) throw new TypeError('signal: not an AbortSignal');
        if (shim.isAborted(signal)) return;
      }
      if (callback === null) return;
      if (find(target, type, callback, capture) !== undefined) return;
      const listener = { __proto__: null, type, callback, capture, once, passive, isHandler: false, removed: false };
      append(target, listener);
      if (signal !== undefined) shim.addAbortAlgorithm(signal, () => remove(target, listener));
    }
    removeEventListener(type, callback, options = undefined) {
      const target = targetOf(this);
      required(2, arguments.length);
      const listener = find(target, `${type}`, callbackOf(callback), captureOf(options));
      if (listener !== undefined) remove(target, listener);
    }
    dispatchEvent(event) {
      const target = targetOf(this);
      required(1, arguments.length);
      const state = stateOf(event);
      if (state.dispatching) {
        throw new shim.DOMException('the event is being dispatched already', 'InvalidStateError');
      }
      state.isTrusted = false;
      return dispatch(target, event);
    }
  }
  for (const name of ['addEventListener', 'removeEventListener']) {
    defineProperty(EventTarget.prototype[name], 'length', { value: 2, configurable: true });
  }

  // Interfaces -----------------------------------------------------------------------------------

  const expose = (made) => {
    for (const key of p.ownKeys(made.prototype)) {
      if (key !== 'constructor') defineProperty(made.prototype, key, { enumerable: true });
    }
    defineProperty(made.prototype, p.toStringTag, { value: made.name, configurable: true });
    exposeGlobal(made.name, made);
  };
  for (const [name, value] of Object.entries({ NONE, CAPTURING_PHASE, AT_TARGET, BUBBLING_PHASE })) {
    defineProperty(Event, name, { value, enumerable: true });
    defineProperty(Event.prototype, name, { value, enumerable: true });
  }
  defineProperty(Event, 'length', { value: 1, configurable: true });
  expose(Event);
  expose(EventTarget);
  defineEvent('CustomEvent', ['detail', null]);
  defineEvent('MessageEvent', ['data', null], ['lastEventId', ''], ['origin', ''], ['ports', []], ['source', null]);
  defineEvent('ErrorEvent', ['colno', 0], ['error', undefined], ['filename', ''], ['lineno', 0], ['message', '']);
  defineEvent(
    'MessageEvent', ['data', null], ['lastEventId', ''], ['origin', ''], ['ports', Object.freeze([])], ['source', null]);

  // For the rest of the shim ----------------------------------------------------------------------

  shim.EventTarget = EventTarget;
  shim.addTarget = (target) => p.weakSetAdd(targets, target);

  /** https://dom.spec.whatwg.org/#concept-event-fire; false where it was canceled */
  shim.fire = (target, event) => {
    stateOf(event).isTrusted = true;
    return dispatch(target, event);
  };

  const handlers = new p.WeakMap();

  /** An event handler IDL attribute: https://html.spec.whatwg.org/multipage/webappapis.html#event-handlers */
  shim.defineEventHandler = (prototype, type, isOne) => {
    const name = `on${type}`;
    const check = (self) => {
      if (!isOne(self)) throw new TypeError(`${name}: Illegal invocation`);
      const own = p.weakGet(handlers, self) ?? p.create(null);
      p.weakSet(handlers, self, own);
      return own;
    };
    const holder = {
      get [name]() { return check(this)[type]?.callback ?? null; },
      set [name](value) {
        const own = check(this);
        const callback = isObject(value) ? value : null;
        if (own[type] !== undefined && callback !== null) own[type].callback = callback;
        else if (own[type] !== undefined) {
          remove(this, own[type]);
          own[type] = undefined;
        } else if (callback !== null) {
          own[type] = {
            __proto__: null, type, callback, capture: false, once: false, passive: false, isHandler: true, removed: false,
          };
          append(this, own[type]);
        }
      },
    };
    defineProperty(prototype, name, {
      ...p.getOwnPropertyDescriptor(holder, name), enumerable: true, configurable: true,
    });
  };
}
