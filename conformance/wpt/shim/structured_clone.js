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

  // Transferring -----------------------------------------------------------------------------------
  //
  // What is transferred has a stand-in in the serialized data; deserializing clones those once more, with the
  // objects that arrived in the places of the stand-ins.

  const transferable = ['ReadableStream', 'WritableStream', 'TransformStream', 'MessagePort'];

  /** The number of our object, if it is of a kind that can be transferred. */
  const idOf = (value) => {
    for (let i = 0; i < transferable.length; ++i) {
      const id = shim.webidl.brandOf(value, transferable[i]);
      if (id !== undefined) return id;
    }
    return undefined;
  };

  const collectViews = (value, buffers, seen = new p.Set(), found = []) => {
    if (!isObject(value) || seen.has(value)) return found;
    seen.add(value);
    if (p.isView(value)) {
      const extent = shim.buffers.inspect(value);
      if (buffers.includes(extent.buffer)) found.push({ view: value, ...extent });
    } else if (!shim.buffers.isArrayBuffer(value)) {
      for (const key of Object.keys(value)) collectViews(value[key], buffers, seen, found);
    }
    return found;
  };

  const serialize = (value, transfer) => {
    const memory = new p.Map();
    const buffers = [];
    const ids = [];
    const standIns = [];
    for (const one of transfer) {
      if (!isObject(one)) throw new TypeError('transfer: not an object');
      if (p.mapHas(memory, one)) throw dataCloneError('the same object is to be transferred twice');
      const id = idOf(one);
      const standIn = {};
      if (id !== undefined) {
        ids.push(id);
        standIns.push(standIn);
      } else if (shim.buffers.isArrayBuffer(one)) {
        buffers.push(one);
      } else {
        throw dataCloneError('it can not be transferred');
      }
      p.mapSet(memory, one, standIn);
    }
    // The extents of views are to be read before their buffers are detached.
    const views = collectViews(value, buffers);
    for (const { view } of views) p.mapSet(memory, view, {});
    const data = clone(value, memory);
    const arrived = new p.Map();
    for (const buffer of buffers) {
      if (p.bufferDetached(buffer)) throw dataCloneError('the buffer is detached');
      p.mapSet(arrived, p.mapGet(memory, buffer), shim.buffers.transfer(buffer));
    }
    for (const { view, name, buffer, offset, length } of views) {
      const Constructor = p.viewConstructors[name];
      const moved = p.mapGet(arrived, p.mapGet(memory, buffer));
      p.mapSet(arrived, p.mapGet(memory, view),
        new Constructor(moved, offset, length / (Constructor.BYTES_PER_ELEMENT ?? 1)));
    }
    return { data, arrived, standIns, ids: ids.join(' ') };
  };

  const deserialize = ({ data, arrived, standIns }, objects) => {
    for (let i = 0; i < standIns.length; ++i) p.mapSet(arrived, standIns[i], objects[i]);
    return clone(data, arrived);
  };

  const transferOf = (options) =>
    (options === undefined || options === null ? [] : [...((p.isArray(options) ? options : options.transfer) ?? [])]);

  globalThis.structuredClone = { structuredClone(value, options) {
    const serialized = serialize(value, transferOf(options));
    const { ids } = serialized;
    return deserialize(serialized, ids === '' ? [] : shim.border.unwrap(shim.host.transfer(ids)));
  } }.structuredClone;

  shim.structuredClone = { __proto__: null, serialize, deserialize, transferOf };
  const captured = globalThis.structuredClone;
  shim.calls.structuredClone = shim.guarded((handle) => captured(table[handle]));
}
