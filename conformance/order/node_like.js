// Where node makes a detour that the text does not know, our side makes it, too, so that the rest can be compared.
(() => {
  'use strict';
  const { kit } = globalThis;

  // Node's `read` of a BYOB reader is an async function: what is wrong with its arguments rejects at once, what comes
  // from the stream some microtasks later.
  const { read, releaseLock } = ReadableStreamBYOBReader.prototype;
  const released = new WeakSet();
  ReadableStreamBYOBReader.prototype.releaseLock = function () {
    Reflect.apply(releaseLock, this, []);
    released.add(this);
  };
  const isRefused = (view, min = 1) => {
    if (!ArrayBuffer.isView(view) || view.buffer.byteLength === 0 || view.byteLength === 0) return true;
    return min === 0 || min > (view.length ?? view.byteLength);
  };
  ReadableStreamBYOBReader.prototype.read = function (view, options) {
    const isDirect = isRefused(view, options?.min) || released.has(this); // the view is about to be detached
    const promise = Reflect.apply(read, this, [view, options]);
    if (isDirect) return promise;
    kit.observed.add(promise);
    return new Promise((resolve) => { resolve(promise); });
  };
})();
