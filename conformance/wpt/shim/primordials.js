// What the shim uses of the language, taken before any test can patch it.
(shim) => {
  'use strict';
  const { apply, construct, ownKeys, getOwnPropertyDescriptor } = Reflect;
  const { defineProperty, create, setPrototypeOf, getPrototypeOf } = Object;

  /** A function that takes its `this` as the first argument. */
  const uncurry = (method) => (self, ...args) => apply(method, self, args);
  const getter = (prototype, name) => uncurry(getOwnPropertyDescriptor(prototype, name).get);

  const TypedArray = getPrototypeOf(Uint8Array);
  const viewConstructors = create(null);
  for (const constructor of [
    Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
    BigInt64Array, BigUint64Array, Float16Array, Float32Array, Float64Array, DataView,
  ]) {
    viewConstructors[constructor.name] = constructor;
  }

  shim.primordials = {
    __proto__: null,
    apply, construct, ownKeys, getOwnPropertyDescriptor, defineProperty, create, setPrototypeOf, getPrototypeOf,
    uncurry, viewConstructors,
    Array, ArrayBuffer, Error, Map, Number, Promise, RangeError, Set, TypeError, Uint8Array, WeakMap, WeakSet,
    Symbol, queueMicrotask,
    isArray: Array.isArray,
    jsonParse: JSON.parse,
    jsonStringify: JSON.stringify,
    isView: ArrayBuffer.isView,
    mapGet: uncurry(Map.prototype.get),
    mapSet: uncurry(Map.prototype.set),
    mapHas: uncurry(Map.prototype.has),
    mapDelete: uncurry(Map.prototype.delete),
    weakGet: uncurry(WeakMap.prototype.get),
    weakSet: uncurry(WeakMap.prototype.set),
    weakSetAdd: uncurry(WeakSet.prototype.add),
    weakSetHas: uncurry(WeakSet.prototype.has),
    then: uncurry(Promise.prototype.then),
    promiseResolve: (value) => apply(Promise.resolve, Promise, [value]),
    bufferTransfer: uncurry(ArrayBuffer.prototype.transfer),
    bufferByteLength: getter(ArrayBuffer.prototype, 'byteLength'),
    bufferDetached: getter(ArrayBuffer.prototype, 'detached'),
    bufferResizable: getter(ArrayBuffer.prototype, 'resizable'),
    sharedByteLength: getter(SharedArrayBuffer.prototype, 'byteLength'),
    typedArrayName: getter(TypedArray.prototype, Symbol.toStringTag),
    typedArrayBuffer: getter(TypedArray.prototype, 'buffer'),
    typedArrayOffset: getter(TypedArray.prototype, 'byteOffset'),
    typedArrayByteLength: getter(TypedArray.prototype, 'byteLength'),
    dataViewBuffer: getter(DataView.prototype, 'buffer'),
    dataViewOffset: getter(DataView.prototype, 'byteOffset'),
    dataViewByteLength: getter(DataView.prototype, 'byteLength'),
    toHex: uncurry(Uint8Array.prototype.toHex),
    setFromHex: uncurry(Uint8Array.prototype.setFromHex),
    asyncIterator: Symbol.asyncIterator,
    iterator: Symbol.iterator,
    toStringTag: Symbol.toStringTag,
  };
  // %AsyncIteratorPrototype%: above %AsyncGeneratorFunction.prototype.prototype%.
  const asyncGenerator = async function* () {};
  shim.primordials.AsyncIteratorPrototype = getPrototypeOf(getPrototypeOf(asyncGenerator.prototype));
}
