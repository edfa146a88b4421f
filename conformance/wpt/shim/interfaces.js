// The interfaces of the Streams Standard and of DOM's "aborting ongoing activities", as their IDL declares them.
//
// https://streams.spec.whatwg.org/#idl-index
// https://dom.spec.whatwg.org/#aborting-ongoing-activities
(shim) => {
  'use strict';
  const p = shim.primordials;
  const { defineProperty } = p;
  const {
    any, boolean, number, string, interfaceType, arrayBufferView, object, lazyDictionary, dictionary, sequence,
    asyncSequence, defineInterface, addMembers, brandOf,
  } = shim.webidl;

  const operation = (length, ...args) => ({ __proto__: null, length, args });
  const promising = (length, ...args) => ({ __proto__: null, length, args, promise: true });
  const attribute = { __proto__: null };
  const nullable = { __proto__: null, nullable: true };
  const promised = { __proto__: null, promise: true };

  const signal = ['signal', interfaceType('AbortSignal')];
  const pipeOptions = dictionary(
    ['preventAbort', boolean], ['preventCancel', boolean], ['preventClose', boolean], signal);

  // Readable streams -----------------------------------------------------------------------------

  const ReadableStream = defineInterface('ReadableStream', {
    construct: operation(0, object('source'), lazyDictionary('strategy')),
    attributes: { __proto__: null, locked: attribute },
    operations: {
      __proto__: null,
      cancel: promising(0, any),
      getReader: operation(0, dictionary(['mode', string])),
      pipeThrough: operation(
        1,
        dictionary(
          ['readable', interfaceType('ReadableStream'), true], ['writable', interfaceType('WritableStream'), true]),
        pipeOptions),
      pipeTo: promising(1, interfaceType('WritableStream'), pipeOptions),
      tee: operation(0),
      values: operation(0, dictionary(['preventCancel', boolean])),
    },
    statics: { __proto__: null, from: operation(1, asyncSequence) },
  });
  defineProperty(ReadableStream.prototype, p.asyncIterator, {
    value: ReadableStream.prototype.values, writable: true, enumerable: false, configurable: true,
  });
  addMembers('ReadableStreamAsyncIterator', p.create(p.AsyncIteratorPrototype), {
    tag: 'ReadableStream AsyncIterator',
    operations: { __proto__: null, next: promising(0), return: { ...promising(0, any), shown: 1 } },
  });

  const genericReader = { __proto__: null, cancel: promising(0, any) };
  defineInterface('ReadableStreamDefaultReader', {
    construct: operation(1, interfaceType('ReadableStream')),
    attributes: { __proto__: null, closed: promised },
    operations: { ...genericReader, __proto__: null, read: promising(0), releaseLock: operation(0) },
  });
  defineInterface('ReadableStreamBYOBReader', {
    construct: operation(1, interfaceType('ReadableStream')),
    attributes: { __proto__: null, closed: promised },
    operations: {
      ...genericReader,
      __proto__: null,
      read: promising(1, arrayBufferView, dictionary(['min', number])),
      releaseLock: operation(0),
    },
  });
  defineInterface('ReadableStreamDefaultController', {
    attributes: { __proto__: null, desiredSize: nullable },
    operations: { __proto__: null, close: operation(0), enqueue: operation(0, any), error: operation(0, any) },
  });
  defineInterface('ReadableByteStreamController', {
    attributes: { __proto__: null, byobRequest: nullable, desiredSize: nullable },
    operations: {
      __proto__: null, close: operation(0), enqueue: operation(1, arrayBufferView), error: operation(0, any),
    },
  });
  defineInterface('ReadableStreamBYOBRequest', {
    attributes: { __proto__: null, view: nullable },
    operations: {
      __proto__: null, respond: operation(1, number), respondWithNewView: operation(1, arrayBufferView),
    },
  });

  // Writable streams -----------------------------------------------------------------------------

  defineInterface('WritableStream', {
    construct: operation(0, object('sink'), lazyDictionary('strategy')),
    attributes: { __proto__: null, locked: attribute },
    operations: { __proto__: null, abort: promising(0, any), close: promising(0), getWriter: operation(0) },
  });
  defineInterface('WritableStreamDefaultWriter', {
    construct: operation(1, interfaceType('WritableStream')),
    attributes: { __proto__: null, closed: promised, desiredSize: nullable, ready: promised },
    operations: {
      __proto__: null,
      abort: promising(0, any), close: promising(0), releaseLock: operation(0), write: promising(0, any),
    },
  });
  defineInterface('WritableStreamDefaultController', {
    attributes: { __proto__: null, signal: attribute },
    operations: { __proto__: null, error: operation(0, any) },
  });

  // Transform streams, strategies ----------------------------------------------------------------

  defineInterface('TransformStream', {
    construct: operation(0, object('transformer'), lazyDictionary('strategy'), lazyDictionary('strategy')),
    attributes: { __proto__: null, readable: attribute, writable: attribute },
  });
  defineInterface('TransformStreamDefaultController', {
    attributes: { __proto__: null, desiredSize: nullable },
    operations: { __proto__: null, enqueue: operation(0, any), error: operation(0, any), terminate: operation(0) },
  });
  for (const name of ['ByteLengthQueuingStrategy', 'CountQueuingStrategy']) {
    defineInterface(name, {
      construct: operation(1, dictionary(['highWaterMark', number, true])),
      attributes: { __proto__: null, highWaterMark: attribute, size: attribute },
    });
  }

  /** The size functions: one of each, of no interface. */
  shim.calls.sizeFunction = (name, length) => {
    const op = `size.${name}`;
    shim.host.declare(op, ' any', '');
    const { size } = {
      size(...args) {
        const chunk = args.length === 0 ? undefined : shim.border.handleOf(args[0]);
        return shim.border.unwrap(shim.host.dispatch(op, 0, chunk));
      },
    };
    defineProperty(size, 'length', { value: length, configurable: true });
    return shim.border.handleOf(size);
  };

  // Aborting -------------------------------------------------------------------------------------

  const AbortSignal = defineInterface('AbortSignal', {
    parent: shim.EventTarget,
    attributes: { __proto__: null, aborted: attribute, reason: attribute },
    operations: { __proto__: null, throwIfAborted: operation(0) },
    statics: {
      __proto__: null,
      abort: operation(0, any),
      any: operation(1, sequence(interfaceType('AbortSignal'))),
      timeout: operation(1, number),
    },
  });
  shim.defineEventHandler(AbortSignal.prototype, 'abort', (value) => brandOf(value, 'AbortSignal') !== undefined);
  defineInterface('AbortController', {
    construct: operation(0),
    attributes: { __proto__: null, signal: attribute },
    operations: { __proto__: null, abort: operation(0, any) },
  });
  shim.addAbortAlgorithm = (abortSignal, algorithm) =>
    shim.host.addAbortAlgorithm(brandOf(abortSignal, 'AbortSignal'), shim.border.handleOf(algorithm));
  const getAborted = p.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted').get;
  shim.isAborted = (abortSignal) => p.apply(getAborted, abortSignal, []);
  const { Event } = globalThis;
  shim.calls.fireAbort = (handle) => { shim.fire(shim.border.table[handle], new Event('abort')); };

  // DOMException ---------------------------------------------------------------------------------

  const codes = [
    'INDEX_SIZE_ERR', 'DOMSTRING_SIZE_ERR', 'HIERARCHY_REQUEST_ERR', 'WRONG_DOCUMENT_ERR', 'INVALID_CHARACTER_ERR',
    'NO_DATA_ALLOWED_ERR', 'NO_MODIFICATION_ALLOWED_ERR', 'NOT_FOUND_ERR', 'NOT_SUPPORTED_ERR', 'INUSE_ATTRIBUTE_ERR',
    'INVALID_STATE_ERR', 'SYNTAX_ERR', 'INVALID_MODIFICATION_ERR', 'NAMESPACE_ERR', 'INVALID_ACCESS_ERR',
    'VALIDATION_ERR', 'TYPE_MISMATCH_ERR', 'SECURITY_ERR', 'NETWORK_ERR', 'ABORT_ERR', 'URL_MISMATCH_ERR',
    'QUOTA_EXCEEDED_ERR', 'TIMEOUT_ERR', 'INVALID_NODE_TYPE_ERR', 'DATA_CLONE_ERR',
  ];
  const DOMException = defineInterface('DOMException', {
    construct: operation(0, string, string),
    prototypeParent: p.Error.prototype,
    attributes: { __proto__: null, name: attribute, message: attribute, code: attribute },
  });
  for (let i = 0; i < codes.length; ++i) {
    for (const target of [DOMException, DOMException.prototype]) {
      defineProperty(target, codes[i], { value: i + 1, enumerable: true });
    }
  }
  shim.DOMException = DOMException;
}
