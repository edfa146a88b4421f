// Where node departs from the text at every turn, node's side does what the text says, on top of node's streams.
(() => {
  'use strict';
  // Asynchronous iteration: node's iterator delays the first read by a microtask, and its `return` is an async function.
  // https://webidl.spec.whatwg.org/#js-asynchronous-iterator-prototype-object
  const AsyncIteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf((async function* () {}).prototype));

  const iterate = (reader, preventCancel) => {
    let isFinished = false;
    let ongoing;

    const nextSteps = () => {
      if (isFinished) return Promise.resolve({ value: undefined, done: true });
      return reader.read().then(
        ({ value, done }) => {
          ongoing = undefined;
          if (done) {
            isFinished = true;
            reader.releaseLock();
          }
          return { value, done };
        },
        (e) => {
          ongoing = undefined;
          isFinished = true;
          reader.releaseLock();
          throw e;
        });
    };
    const returnSteps = (value) => {
      if (isFinished) return Promise.resolve();
      isFinished = true;
      const result = preventCancel ? Promise.resolve() : reader.cancel(value);
      reader.releaseLock();
      return result;
    };
    const after = (steps) => {
      ongoing = ongoing === undefined ? steps() : ongoing.then(steps, steps);
      return ongoing;
    };
    return Object.setPrototypeOf({
      next: () => after(nextSteps),
      return: (value) => after(() => returnSteps(value)).then(() => ({ value, done: true })),
    }, AsyncIteratorPrototype);
  };

  // Node closes the branches of a tee in a tick of its process, after all microtasks; the text at once.
  process.nextTick = (callback, ...args) => { callback(...args); };

  ReadableStream.prototype.values = function (options) {
    return iterate(this.getReader(), !!options?.preventCancel);
  };
})();
