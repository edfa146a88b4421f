// TextEncoder and TextDecoder, whose work is Python's: https://encoding.spec.whatwg.org/#api
(shim) => {
  'use strict';
  const p = shim.primordials;
  const { TypeError, RangeError, defineProperty, jsonParse, jsonStringify } = p;
  const { isObject } = shim.border;
  const states = new p.WeakMap();

  const stateOf = (value, name) => {
    const state = isObject(value) ? p.weakGet(states, value) : undefined;
    if (state === undefined || state.name !== name) throw new TypeError(`not a ${name}`);
    return state;
  };

  /** https://webidl.spec.whatwg.org/#dfn-get-buffer-source-copy, as hexadecimal digits */
  const hexOf = (source) => {
    if (p.isView(source)) {
      const { buffer, offset, length } = shim.buffers.inspect(source);
      if (length === 0) return '';
      return p.toHex(new p.Uint8Array(buffer, offset, length));
    }
    if (shim.buffers.isArrayBuffer(source)) return p.bufferDetached(source) ? '' : p.toHex(new p.Uint8Array(source));
    if (shim.buffers.isSharedArrayBuffer(source)) return p.toHex(new p.Uint8Array(source));
    throw new TypeError('not an ArrayBuffer or a view of one');
  };
  const bytesOf = (hex) => {
    const bytes = new p.Uint8Array(hex.length / 2);
    p.setFromHex(bytes, hex);
    return bytes;
  };

  class TextEncoder {
    constructor() {
      p.weakSet(states, this, { __proto__: null, name: 'TextEncoder' });
    }
    get encoding() {
      stateOf(this, 'TextEncoder');
      return 'utf-8';
    }
    encode(input = '') {
      stateOf(this, 'TextEncoder');
      return bytesOf(shim.host.encodeUtf8(jsonStringify(`${input}`)));
    }
    encodeInto(source, destination) {
      stateOf(this, 'TextEncoder');
      if (arguments.length < 2) throw new TypeError('2 arguments required');
      source = `${source}`;
      if (p.typedArrayName(destination) !== 'Uint8Array') throw new TypeError('not a Uint8Array');
      const { buffer, offset, length } = shim.buffers.inspect(destination);
      const { read, hex } = jsonParse(shim.host.encodeUtf8Into(jsonStringify(source), length));
      p.setFromHex(new p.Uint8Array(buffer, offset, length), hex);
      return { read, written: hex.length / 2 };
    }
  }

  class TextDecoder {
    constructor(label = 'utf-8', options = undefined) {
      if (options !== undefined && options !== null && !isObject(options)) throw new TypeError('not a dictionary');
      label = `${label}`;
      const fatal = !!options?.fatal;
      const ignoreBOM = !!options?.ignoreBOM;
      const made = shim.host.newDecoder(jsonStringify(label), fatal ? 1 : 0, ignoreBOM ? 1 : 0);
      if (made === '') throw new RangeError(`${label}: no such encoding`);
      const { id, encoding } = jsonParse(made);
      p.weakSet(states, this, { __proto__: null, name: 'TextDecoder', id, encoding, fatal, ignoreBOM });
    }
    get encoding() { return stateOf(this, 'TextDecoder').encoding; }
    get fatal() { return stateOf(this, 'TextDecoder').fatal; }
    get ignoreBOM() { return stateOf(this, 'TextDecoder').ignoreBOM; }
    decode(input = undefined, options = undefined) {
      const { id } = stateOf(this, 'TextDecoder');
      if (options !== undefined && options !== null && !isObject(options)) throw new TypeError('not a dictionary');
      const hex = input === undefined ? '' : hexOf(input);
      const text = shim.host.decode(id, hex, options?.stream ? 1 : 0);
      if (text === '') throw new TypeError('the bytes are not valid in this encoding');
      return jsonParse(text);
    }
  }

  for (const made of [TextEncoder, TextDecoder]) {
    for (const key of p.ownKeys(made.prototype)) {
      if (key !== 'constructor') defineProperty(made.prototype, key, { enumerable: true });
    }
    defineProperty(made.prototype, p.toStringTag, { value: made.name, configurable: true });
    shim.webidl.exposeGlobal(made.name, made);
  }
  defineProperty(TextEncoder.prototype.encodeInto, 'length', { value: 2, configurable: true });

  shim.encoding = { __proto__: null, hexOf, bytesOf };
}
