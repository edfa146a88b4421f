// Web IDL's async_sequence: from an iterable or an async iterable to an iterator record.
//
// https://webidl.spec.whatwg.org/#js-async-iterable
(shim) => {
  'use strict';
  const p = shim.primordials;
  const { apply, TypeError } = p;
  const { table, handleOf, isObject, rejectedPromise } = shim.border;

  const getMethod = (value, key) => {
    const method = value[key];
    if (method === undefined || method === null) return undefined;
    if (typeof method !== 'function') throw new TypeError('a method of the iterable is no function');
    return method;
  };

  const iteratorOf = (value, method) => {
    const iterator = apply(method, value, []);
    if (!isObject(iterator)) throw new TypeError('the iterator is no object');
    return { iterator, next: iterator.next };
  };

  const iteratorResult = (result) => {
    if (!isObject(result)) throw new TypeError('the iterator result is no object');
    return result;
  };

  /** https://tc39.es/ecma262/#sec-asyncfromsynciteratorcontinuation */
  const asyncFromSyncContinuation = (result, record, closeIterator) => {
    const done = !!result.done;
    const value = result.value;
    let wrapper;
    try {
      wrapper = p.promiseResolve(value);
    } catch (e) {
      if (!done && closeIterator) closeQuietly(record.iterator);
      throw e;
    }
    const onRejected = done || !closeIterator
      ? undefined
      : (e) => {
          closeQuietly(record.iterator);
          throw e;
        };
    return p.then(wrapper, (v) => ({ value: v, done }), onRejected);
  };

  /** IteratorClose with a throw completion: errors of `return` are of no interest. */
  const closeQuietly = (iterator) => {
    try {
      const method = getMethod(iterator, 'return');
      if (method !== undefined) apply(method, iterator, []);
    } catch {
      // the original error is thrown
    }
  };

  /** https://tc39.es/ecma262/#sec-createasyncfromsynciterator */
  const asyncFromSync = (record) => {
    const iterator = {
      __proto__: null,
      next(...args) {
        try {
          const result = iteratorResult(apply(record.next, record.iterator, args));
          return asyncFromSyncContinuation(result, record, true);
        } catch (e) {
          return rejectedPromise(e);
        }
      },
      return(...args) {
        try {
          const method = getMethod(record.iterator, 'return');
          if (method === undefined) {
            return new p.Promise((resolve) => resolve({ value: args[0], done: true }));
          }
          const result = iteratorResult(apply(method, record.iterator, args));
          return asyncFromSyncContinuation(result, record, false);
        } catch (e) {
          return rejectedPromise(e);
        }
      },
    };
    return { iterator, next: iterator.next };
  };

  /** https://webidl.spec.whatwg.org/#async-sequence-open and the conversion before it */
  shim.webidl.asyncSequence = {
    code: 'iterator',
    convert: (value, what) => {
      if (!isObject(value)) throw new TypeError(`${what}: not an object`);
      const asyncMethod = getMethod(value, p.asyncIterator);
      if (asyncMethod !== undefined) return handleOf(iteratorOf(value, asyncMethod));
      const method = getMethod(value, p.iterator);
      if (method === undefined) throw new TypeError(`${what}: not iterable`);
      return handleOf(asyncFromSync(iteratorOf(value, method)));
    },
  };

  shim.calls.iteratorNext = shim.guarded((handle) => {
    const record = table[handle];
    return apply(record.next, record.iterator, []);
  });
  shim.calls.iteratorDone = shim.guarded((handle) => !!iteratorResult(table[handle]).done);
  shim.calls.iteratorIsObject = shim.guarded((handle) => {
    iteratorResult(table[handle]);
  });
  shim.calls.iteratorReturnMethod = shim.guarded((handle) => getMethod(table[handle].iterator, 'return'));
  shim.calls.iteratorReturn = shim.guarded((handle, method, reason) =>
    apply(table[method], table[handle].iterator, [table[reason]]));
}
