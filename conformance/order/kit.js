// What an ordering program is run with, by node and by our engine alike: a log, and things to put into streams.
//
// A program is a list of phases, a phase a list of tracks, a track a list of statements [number, hops, code]. The tracks
// of a phase start together; each waits so many microtasks before a statement. A phase is over when nothing is left to run.
(() => {
  'use strict';
  const kit = {};
  let log = [];
  let v = {};
  let errors = new Map();
  let gates = new Map();
  kit.observed = new Set();

  // The log: [object, text] -----------------------------------------------------------------------

  const show = (value) => {
    if (typeof value === 'string') return JSON.stringify(value);
    if (typeof value === 'function') return 'a function';
    if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
    for (const [name, error] of errors) if (error === value) return `<${name}>`;
    if (value instanceof DOMException) return `DOMException ${value.name}`;
    if (value.code === 'ERR_INTERNAL_ASSERTION') return 'an assertion of node';
    if (value instanceof Error) return value.name;
    if (ArrayBuffer.isView(value)) {
      if (value.buffer.byteLength === 0) return `${value.constructor.name} without memory`;
      const bytes = [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
      return `${value.constructor.name}@${value.byteOffset}/${value.buffer.byteLength}[${bytes}]`;
    }
    if (value instanceof ArrayBuffer) return `ArrayBuffer(${value.byteLength})`;
    if (Array.isArray(value)) return `[${value.map(show)}]`;
    if (Object.getPrototypeOf(value) === Object.prototype) {
      return `{${Object.keys(value).map((key) => `${key}: ${show(value[key])}`).join(', ')}}`;
    }
    return `a ${value.constructor?.name}`;
  };
  const note = (object, text) => { log.push([object, text]); };
  kit.note = (object, value) => note(object, show(value));

  const isPromise = (value) => value instanceof Promise;
  kit.watch = (name, promise) => {
    kit.observed.add(promise);
    promise.then((value) => note(name, `fulfilled ${show(value)}`), (e) => note(name, `rejected ${show(e)}`));
  };
  /** A promise that nobody watches: its rejection is the host's to report. */
  kit.leave = () => undefined;

  // Values -----------------------------------------------------------------------------------------

  kit.e = (name) => {
    if (!errors.has(name)) errors.set(name, new Error(name));
    return errors.get(name);
  };
  const hop = (hops, steps) => {
    if (hops === 0) steps();
    else Promise.resolve().then(() => hop(hops - 1, steps));
  };
  kit.later = (hops, value) => new Promise((resolve) => hop(hops, () => resolve(value)));
  kit.laterFail = (hops, e) => new Promise((_, reject) => hop(hops, () => reject(e)));
  kit.thenable = (name, hops, value) => ({
    then(resolve) {
      note(name, 'then is called');
      hop(hops, () => resolve(value));
    },
  });
  kit.thenableFail = (name, hops, e) => ({
    then(_, reject) {
      note(name, 'then is called');
      hop(hops, () => reject(e));
    },
  });
  const gate = (name) => {
    if (!gates.has(name)) {
      const made = { settled: [], open: undefined };
      gates.set(name, made);
    }
    return gates.get(name);
  };
  /** A thenable that a statement opens or fails later. */
  kit.gate = (name) => ({
    then(resolve, reject) {
      const one = gate(name);
      if (one.outcome !== undefined) one.outcome(resolve, reject);
      else one.settled.push([resolve, reject]);
    },
  });
  const settle = (name, outcome) => {
    const one = gate(name);
    if (one.outcome !== undefined) return;
    one.outcome = outcome;
    for (const [resolve, reject] of one.settled) outcome(resolve, reject);
  };
  kit.open = (name) => settle(name, (resolve) => resolve());
  kit.fail = (name, e) => settle(name, (_, reject) => reject(e));
  kit.bytes = (...bytes) => new Uint8Array(bytes);
  kit.fill = (view, count = view.byteLength) => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    for (let i = 0; i < count && i < bytes.length; ++i) bytes[i] = i + 1;
    return view;
  };

  // Callbacks --------------------------------------------------------------------------------------

  /** The n-th call runs the n-th body, and its result is passed on; later calls do nothing, so that no pull goes on for ever. */
  kit.cb = (object, member, ...bodies) => {
    let calls = 0;
    return (...args) => {
      const body = bodies[calls++] ?? (member === 'size' ? () => 1 : () => undefined);
      const shown = args.filter((arg) => arg === undefined || arg.desiredSize === undefined && arg.signal === undefined);
      note(object, `${member}(${shown.map(show)})`);
      try {
        return body(...args);
      } catch (e) {
        note(object, `${member} throws ${show(e)}`);
        throw e;
      }
    };
  };
  /** Do it, whatever comes of it. */
  kit.attempt = (object, steps) => {
    try {
      const result = steps();
      if (isPromise(result)) kit.watch(`${object} inner`, result);
      else if (result !== undefined) note(object, `inner ${show(result)}`);
    } catch (e) {
      note(object, `inner throws ${show(e)}`);
    }
  };
  kit.forAwait = (name, stream, options, leaveAfter, how) => {
    kit.handledIsKnown = false;
    kit.watch(name, (async () => {
      let count = 0;
      for await (const chunk of stream.values(options)) {
        note(name, `got ${show(chunk)}`);
        if (++count === leaveAfter) {
          if (how === 'break') break;
          if (how === 'return') return 'returned';
          throw kit.e(how);
        }
      }
      return 'ended';
    })());
  };
  kit.iterator = (object, items, extra = {}) => {
    kit.handledIsKnown = false;
    let index = 0;
    return {
      [extra.sync ? Symbol.iterator : Symbol.asyncIterator]() {
        note(object, 'opened');
        return {
          next: kit.cb(object, 'next', () => {
            const item = items[index++];
            const result = index > items.length ? { done: true, value: undefined } : { done: false, value: item?.() };
            return extra.hops === undefined ? result : kit.later(extra.hops, result);
          }),
          ...(extra.return ? { return: kit.cb(object, 'return', extra.return) } : {}),
        };
      },
    };
  };
  kit.ticks = (count) => {
    let n = 0;
    const tick = () => {
      note('tick', `${++n}`);
      if (n < count) Promise.resolve().then(tick);
    };
    Promise.resolve().then(tick);
  };

  // Running ----------------------------------------------------------------------------------------

  const run = ([number, , code]) => {
    const name = `s${number}`;
    try {
      const isLeft = code.startsWith('leave: ');
      const expression = isLeft ? code.slice(7) : code;
      const result = new Function('v', 'kit', `'use strict'; return (${expression});`)(v, kit);
      if (isPromise(result)) {
        if (isLeft) note(name, 'a promise');
        else kit.watch(name, result);
      } else note(name, show(result));
    } catch (e) {
      note(name, `throws ${show(e)}`);
    }
  };
  const start = (track) => {
    const next = (index) => {
      if (index === track.length) return;
      hop(track[index][1], () => {
        run(track[index]);
        next(index + 1);
      });
    };
    next(0);
  };
  const snapshot = () => {
    for (const name of Object.keys(v)) {
      for (const member of ['locked', 'desiredSize', 'aborted', 'byteLength']) {
        let value;
        try {
          value = v[name]?.[member];
        } catch (e) {
          value = e;
        }
        if (value !== undefined) note(`.${name}`, `${member} ${show(value)}`);
      }
    }
  };

  /** Begin anew. */
  kit.begin = () => {
    log = [];
    v = {};
    errors = new Map();
    gates = new Map();
    kit.observed = new Set();
    kit.handledIsKnown = true;
  };
  kit.startPhase = (phase, ticks) => {
    for (const track of phase) start(track);
    if (ticks) kit.ticks(ticks);
  };
  /** What happened since the last phase. */
  kit.endPhase = () => {
    snapshot();
    const events = log;
    log = [];
    return events;
  };
  kit.show = show;
  globalThis.kit = kit;
})();
