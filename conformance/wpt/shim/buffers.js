// ArrayBuffers and their views: looked at, made, detached, and their bytes carried over as hexadecimal digits.
(shim) => {
  'use strict';
  const p = shim.primordials;
  const { table, handleOf } = shim.border;
  const { TypeError } = p;

  /** Buffers with a detach key: those of a WebAssembly.Memory. */
  const notDetachable = new p.WeakSet();

  const isArrayBuffer = (value) => {
    try {
      p.bufferByteLength(value);
      return true;
    } catch {
      return false;
    }
  };

  const isSharedArrayBuffer = (value) => {
    try {
      p.sharedByteLength(value);
      return true;
    } catch {
      return false;
    }
  };

  /** Of any view: the name of its constructor, its buffer, and its extent in bytes. */
  const inspect = (view) => {
    const name = p.typedArrayName(view);
    return name === undefined
      ? {
          name: 'DataView',
          buffer: p.dataViewBuffer(view),
          // A DataView throws when its buffer is detached; its length is 0 then, as that of a typed array.
          offset: p.bufferDetached(p.dataViewBuffer(view)) ? 0 : p.dataViewOffset(view),
          length: p.bufferDetached(p.dataViewBuffer(view)) ? 0 : p.dataViewByteLength(view),
        }
      : {
          name,
          buffer: p.typedArrayBuffer(view),
          offset: p.typedArrayOffset(view),
          length: p.typedArrayByteLength(view),
        };
  };

  const transfer = (buffer) => {
    if (p.weakSetHas(notDetachable, buffer)) throw new TypeError('the buffer can not be detached');
    return p.bufferTransfer(buffer);
  };

  shim.buffers = { __proto__: null, inspect, transfer, notDetachable, isArrayBuffer, isSharedArrayBuffer };

  shim.calls.viewInfo = (handle) => {
    const { name, buffer, offset, length } = inspect(table[handle]);
    return `${name} ${handleOf(buffer)} ${offset} ${length}`;
  };
  shim.calls.bufferByteLength = (handle) => p.bufferByteLength(table[handle]);
  shim.calls.bufferDetached = (handle) => (p.bufferDetached(table[handle]) ? 1 : 0);
  shim.calls.bufferTransferable = (handle) =>
    p.bufferDetached(table[handle]) || p.weakSetHas(notDetachable, table[handle]) ? 0 : 1;
  shim.calls.bufferTransfer = shim.guarded((handle) => transfer(table[handle]));
  shim.calls.newBuffer = shim.guarded((length) => new p.ArrayBuffer(length));
  shim.calls.constructView = shim.guarded((name, buffer, offset, length) =>
    new p.viewConstructors[name](table[buffer], offset, length));
  shim.calls.readBytes = (handle) => p.toHex(new p.Uint8Array(table[handle]));
  shim.calls.writeBytes = (handle, hex) => { p.setFromHex(new p.Uint8Array(table[handle]), hex); };
}
