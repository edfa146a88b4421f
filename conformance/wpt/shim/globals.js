// The other globals that tests use: timers on the virtual clock, structuredClone, console, and the like.
(shim) => {
  'use strict';
  const p = shim.primordials;
  const { apply, TypeError } = p;
  const { table, isObject } = shim.border;

  globalThis.self = globalThis;
  globalThis.GLOBAL = { isWindow: () => false, isWorker: () => false, isShadowRealm: () => false };

  // By this idlharness.js knows that what is [Exposed=Window] is to be there.
  shim.webidl.exposeGlobal('Window', class Window extends shim.EventTarget {});

  // The files of the checkout, as from a web server.
  globalThis.fetch = { async fetch(url) {
    const text = shim.host.readFile(p.jsonStringify(`${url}`));
    const ok = text !== '';
    return {
      ok, status: ok ? 200 : 404, text: async () => p.jsonParse(text), json: async () => p.jsonParse(p.jsonParse(text)),
    };
  } }.fetch;

  // Errors nobody caught -------------------------------------------------------------------------

  const textOf = (value) => {
    try {
      return isObject(value) && typeof value.stack === 'string' ? `${value}\n${value.stack}` : `${value}`;
    } catch {
      return 'something that has no text';
    }
  };
  const log = (...args) => {
    let text = '';
    for (let i = 0; i < args.length; ++i) text += (i ? ' ' : '') + textOf(args[i]);
    shim.host.log(p.jsonStringify(text));
  };
  globalThis.console = { log, info: log, warn: log, error: log, debug: log };
  shim.reportException = (e) => log('uncaught:', e);
  globalThis.reportError = (e) => shim.reportException(e);

  // Jobs and timers ------------------------------------------------------------------------------

  const run = (callback, args) => {
    try {
      apply(callback, undefined, args);
    } catch (e) {
      shim.reportException(e);
    }
  };
  globalThis.queueMicrotask = { queueMicrotask(callback) {
    if (typeof callback !== 'function') throw new TypeError('queueMicrotask: no function');
    p.queueMicrotask(() => run(callback, []));
  } }.queueMicrotask;
  shim.calls.enqueueJob = () => { p.queueMicrotask(shim.host.runJob); };

  const timers = p.setPrototypeOf([], null);
  const start = (callback, ms, args, repeat) => {
    if (typeof callback !== 'function') throw new TypeError('a timer needs a function');
    const delay = +ms;
    const id = shim.host.startTimer(delay > 0 ? delay : 0, repeat);
    timers[id] = { callback, args };
    return id;
  };
  const stop = (id) => {
    if (timers[id] === undefined) return;
    delete timers[id];
    shim.host.stopTimer(+id);
  };
  Object.assign(globalThis, {
    setTimeout(callback, ms, ...args) { return start(callback, ms, args, 0); },
    setInterval(callback, ms, ...args) { return start(callback, ms, args, 1); },
    clearTimeout(id) { stop(id); },
    clearInterval(id) { stop(id); },
  });
  shim.calls.runTimer = (id, last) => {
    const timer = timers[id];
    if (last) delete timers[id];
    if (timer !== undefined) run(timer.callback, timer.args);
  };
  globalThis.performance = { now: () => shim.host.now(), timeOrigin: 0 };
  globalThis.gc = () => { shim.host.collectGarbage(); };

  // Buffers that can not be detached ---------------------------------------------------------------

  class Memory {
    #buffer;
    constructor({ initial }) {
      this.#buffer = new p.ArrayBuffer(initial * 65536);
      p.weakSetAdd(shim.buffers.notDetachable, this.#buffer);
    }
    get buffer() { return this.#buffer; }
  }
  globalThis.WebAssembly = { Memory };

  // https://html.spec.whatwg.org/multipage/structured-data.html#dom-structuredclone ------------------

  const dataCloneError = (message) => new shim.DOMException(message, 'DataCloneError');
  const kindOf = p.uncurry(Object.prototype.toString);

  const clone = (value, memory) => {
    if (typeof value === 'symbol' || typeof value === 'function') throw dataCloneError('it can not be cloned');
    if (!isObject(value)) return value;
    if (p.mapHas(memory, value)) return p.mapGet(memory, value);
    const remember = (copy) => {
      p.mapSet(memory, value, copy);
      return copy;
    };
    if (shim.buffers.isArrayBuffer(value)) {
      if (p.bufferDetached(value)) throw dataCloneError('the buffer is detached');
      return remember(value.slice(0));
    }
    if (p.isView(value)) {
      const { name, buffer, offset, length } = shim.buffers.inspect(value);
      const Constructor = p.viewConstructors[name];
      const copy = clone(buffer, memory);
      return remember(new Constructor(copy, offset, length / (Constructor.BYTES_PER_ELEMENT ?? 1)));
    }
    if (p.isArray(value)) {
      const copy = remember([]);
      copy.length = value.length;
      for (const key of Object.keys(value)) copy[key] = clone(value[key], memory);
      return copy;
    }
    if (value instanceof Date) return remember(new Date(+value));
    if (value instanceof RegExp) return remember(new RegExp(value.source, value.flags));
    if (value instanceof Map) {
      const copy = remember(new Map());
      for (const [key, item] of [...value]) copy.set(clone(key, memory), clone(item, memory));
      return copy;
    }
    if (value instanceof Set) {
      const copy = remember(new Set());
      for (const item of [...value]) copy.add(clone(item, memory));
      return copy;
    }
    if (value instanceof Error) {
      const copy = remember(new (globalThis[value.name] ?? Error)(value.message));
      copy.stack = value.stack;
      return copy;
    }
    const kind = kindOf(value);
    if (kind !== '[object Object]') throw dataCloneError(`an ${kind} can not be cloned`);
    const copy = remember({});
    for (const key of Object.keys(value)) copy[key] = clone(value[key], memory);
    return copy;
  };

  globalThis.structuredClone = { structuredClone(value, options) {
    const memory = new p.Map();
    const transfer = options === undefined || options === null ? [] : [...(options.transfer ?? [])];
    for (const buffer of transfer) {
      if (!shim.buffers.isArrayBuffer(buffer)) throw dataCloneError('it can not be transferred');
      if (p.bufferDetached(buffer)) throw dataCloneError('the buffer is detached');
      if (p.weakSetHas(shim.buffers.notDetachable, buffer)) throw new TypeError('the buffer can not be detached');
    }
    // The extents of views are to be read before their buffers are detached.
    const views = collectViews(value, transfer);
    for (const buffer of transfer) p.mapSet(memory, buffer, shim.buffers.transfer(buffer));
    for (const { view, name, buffer, offset, length } of views) {
      const Constructor = p.viewConstructors[name];
      p.mapSet(memory, view, new Constructor(
        p.mapGet(memory, buffer), offset, length / (Constructor.BYTES_PER_ELEMENT ?? 1)));
    }
    return clone(value, memory);
  } }.structuredClone;

  const collectViews = (value, transfer, seen = new p.Set(), found = []) => {
    if (!isObject(value) || seen.has(value)) return found;
    seen.add(value);
    if (p.isView(value)) {
      const extent = shim.buffers.inspect(value);
      if (transfer.includes(extent.buffer)) found.push({ view: value, ...extent });
    } else if (!shim.buffers.isArrayBuffer(value)) {
      for (const key of Object.keys(value)) collectViews(value[key], transfer, seen, found);
    }
    return found;
  };

  const captured = globalThis.structuredClone;
  shim.calls.structuredClone = shim.guarded((handle) => captured(table[handle]));
}
