// A harness that has what the files beside it use of the real one, so that the runner can be tested without a checkout.
(() => {
  'use strict';
  const PASS = 0, FAIL = 1, NOTRUN = 3;
  const all = [];
  const onResult = [];
  const onCompletion = [];
  const status = { status: 0, message: null };
  let waiting = 0;
  let over = false;
  let queue = Promise.resolve();

  const complete = () => {
    if (over) return;
    over = true;
    for (const callback of onCompletion) callback(all, status);
  };
  const completeWhenIdle = () => {
    if (waiting === 0) setTimeout(() => { if (waiting === 0) complete(); }, 0);
  };
  const begin = (name) => {
    const one = { name, status: NOTRUN, message: null };
    all.push(one);
    ++waiting;
    return one;
  };
  const end = (one, result, message) => {
    if (one.status !== NOTRUN) return;
    one.status = result;
    one.message = message;
    --waiting;
    for (const callback of onResult) callback(one);
    completeWhenIdle();
  };
  const fail = (message) => { throw new Error(message); };
  const show = (value) => {
    try {
      return typeof value === 'string' ? JSON.stringify(value) : String(value);
    } catch {
      return 'an object';
    }
  };

  const harness = {
    add_result_callback(callback) { onResult.push(callback); },
    add_completion_callback(callback) { onCompletion.push(callback); },
    timeout: complete,
    test(steps, name) {
      const one = begin(name);
      try {
        steps();
        end(one, PASS, null);
      } catch (e) {
        end(one, FAIL, show(e));
      }
    },
    promise_test(steps, name) {
      const one = begin(name);
      queue = queue.then(() => steps(one)).then(() => end(one, PASS, null), (e) => end(one, FAIL, show(e)));
    },
    assert_true(value, what) { if (value !== true) fail(`${what}: ${show(value)} is not true`); },
    assert_equals(value, expected, what) {
      if (!Object.is(value, expected)) fail(`${what}: ${show(value)} is not ${show(expected)}`);
    },
    assert_array_equals(value, expected, what) {
      const isEqual = value.length === expected.length && expected.every((item, i) => Object.is(item, value[i]));
      if (!isEqual) fail(`${what}: [${Array.from(value)}] is not [${Array.from(expected)}]`);
    },
    assert_throws_js(type, steps, what) {
      try {
        steps();
      } catch (e) {
        if (e.constructor !== type) fail(`${what}: threw ${show(e)}`);
        return;
      }
      fail(`${what}: nothing was thrown`);
    },
    assert_throws_dom(name, steps, what) {
      try {
        steps();
      } catch (e) {
        if (e.constructor !== DOMException || e.name !== name) fail(`${what}: threw ${show(e)}`);
        return;
      }
      fail(`${what}: nothing was thrown`);
    },
    promise_rejects_dom(_, name, promise) {
      return promise.then(
        () => fail('it was fulfilled'), (e) => { if (e.name !== name) fail(`rejected with ${show(e)}`); });
    },
    promise_rejects_exactly(_, reason, promise) {
      return promise.then(
        () => fail('it was fulfilled'), (e) => { if (e !== reason) fail(`rejected with ${show(e)}`); });
    },
  };
  for (const [name, value] of Object.entries(harness)) globalThis[name] = value;
  addEventListener('error', (event) => {
    status.status = 1;
    status.message = event.message;
    complete();
  });
})();
