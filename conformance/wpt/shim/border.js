// The border: a table of JavaScript values, whose indices are all that Python ever sees of them.
//
// What crosses is an integer, a number, or a string; a string of unknown content crosses as JSON. A result is
// the handle of a value, or, when negative, -1 - the handle of what was thrown.
(shim) => {
  'use strict';
  const { apply, setPrototypeOf, Map, TypeError, RangeError, Error, Promise, jsonParse, jsonStringify, mapGet, mapSet } =
    shim.primordials;

  const table = setPrototypeOf([undefined, null, false, true], null);
  const handles = new Map();

  const handleOf = (value) => {
    if (value === undefined) return 0;
    if (value === null) return 1;
    if (value === false) return 2;
    if (value === true) return 3;
    const type = typeof value;
    const hasIdentity = type === 'object' || type === 'function' || type === 'symbol';
    if (hasIdentity) {
      const known = mapGet(handles, value);
      if (known !== undefined) return known;
    }
    const handle = table.length;
    table[handle] = value;
    if (hasIdentity) mapSet(handles, value, handle);
    return handle;
  };

  /** A function that Python may call: what it throws becomes a negative result. */
  const guarded = (steps) => (...args) => {
    try {
      return handleOf(apply(steps, undefined, args));
    } catch (e) {
      return -1 - handleOf(e);
    }
  };

  /** The value that a result of Python stands for, or the throwing of it. */
  const unwrap = (result) => {
    if (result < 0) throw table[-1 - result];
    return table[result];
  };

  const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function';

  const rejectedPromise = (reason) => new Promise((_, reject) => reject(reason));

  const errors = { __proto__: null, TypeError, RangeError, Error };

  const settlers = setPrototypeOf([], null);

  shim.border = { __proto__: null, table, handleOf, unwrap, isObject, rejectedPromise };

  // What Python calls. Handles come in; handles, or negative ones, go out.
  shim.calls = {
    __proto__: null,
    number: (value) => handleOf(value),
    numberOf: (handle) => table[handle],
    string: (json) => handleOf(jsonParse(json)),
    jsonOf: (handle) => jsonStringify(`${table[handle]}`),
    isCallable: (handle) => (typeof table[handle] === 'function' ? 1 : 0),
    describe: (handle) => {
      try {
        const value = table[handle];
        return jsonStringify(typeof value === 'symbol' ? 'a symbol' : `${value}`);
      } catch {
        return '"an object"';
      }
    },

    get: guarded((handle, name) => table[handle][name]),
    getNumber: guarded((handle, name) => {
      const value = table[handle][name];
      return value === undefined ? undefined : +value;
    }),
    getString: guarded((handle, name) => {
      const value = table[handle][name];
      return value === undefined ? undefined : `${value}`;
    }),
    call: guarded((callee, self, ...args) => {
      for (let i = 0; i < args.length; ++i) args[i] = table[args[i]];
      return apply(table[callee], table[self], args);
    }),
    callForNumber: guarded((callee, self, argument) => +apply(table[callee], table[self], [table[argument]])),

    array: (...args) => {
      for (let i = 0; i < args.length; ++i) args[i] = table[args[i]];
      return handleOf(args);
    },
    readResult: (value, done) => handleOf({ value: table[value], done: table[done] }),
    error: (kind, json) => handleOf(new errors[kind](jsonParse(json))),

    // Promises of ours, as JavaScript sees them.
    newPromise: (id) =>
      handleOf(
        new Promise((resolve, reject) => {
          settlers[id] = { resolve, reject };
        }),
      ),
    settlePromise: (id, isRejected, value) => {
      const { resolve, reject } = settlers[id];
      delete settlers[id];
      if (isRejected) reject(table[value]);
      else resolve(table[value]);
    },

    // Promises of the user's, as Python sees them.
    thenOf: guarded((handle) => {
      const value = table[handle];
      if (!isObject(value)) return undefined;
      const then = value.then;
      return typeof then === 'function' ? then : undefined;
    }),
    callThen: (thenable, then, job) => {
      let called = false;
      const settle = (isRejected) => (value) => {
        if (called) return;
        called = true;
        shim.host.thenableSettled(job, isRejected, handleOf(value));
      };
      const reject = settle(1);
      try {
        apply(table[then], table[thenable], [settle(0), reject]);
      } catch (e) {
        reject(e);
      }
    },
  };
  shim.guarded = guarded;
}
