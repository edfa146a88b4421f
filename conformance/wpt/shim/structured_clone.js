// structuredClone, and buffers that can not be detached.
//
// https://html.spec.whatwg.org/multipage/structured-data.html
(shim) => {
  'use strict';
  const p = shim.primordials;
  const { TypeError } = p;
  const { table, isObject } = shim.border;

  // Buffers that can not be detached ---------------------------------------------------------------

  class Memory {
    #buffer;
    constructor({ initial, shared }) {
      this.#buffer = shared ? new SharedArrayBuffer(initial * 65536) : new p.ArrayBuffer(initial * 65536);
      p.weakSetAdd(shim.buffers.notDetachable, this.#buffer);
    }
    get buffer() { return this.#buffer; }
  }
  globalThis.WebAssembly = { Memory };

  // https://html.spec.whatwg.org/multipage/structured-data.html#dom-structuredclone ------------------

  const dataCloneError = (message) => new shim.DOMException(message, 'DataCloneError');
  const kindOf = p.uncurry(Object.prototype.toString);

  const errorTypes = { __proto__: null, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

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
    if (shim.webidl.brandOf(value, 'DOMException') !== undefined) {
      return remember(new shim.DOMException(value.message, value.name));
    }
    if (shim.webidl.isPlatformObject(value)) throw dataCloneError('an object of the platform can not be cloned');
    if (value instanceof Boolean || value instanceof Number || value instanceof String || value instanceof BigInt) {
      return remember(Object(value.valueOf()));
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
      const copy = remember(new (errorTypes[value.name] ?? Error)(value.message));
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
