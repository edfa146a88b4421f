// What testharness.js finds out, told to Python; evaluated after it.
(shim) => {
  'use strict';
  const { jsonStringify } = shim.primordials;
  const statuses = ['PASS', 'FAIL', 'TIMEOUT', 'NOTRUN', 'PRECONDITION_FAILED'];
  const row = (test) => ({
    name: test.name, status: statuses[test.status], message: test.message === null ? '' : `${test.message}`,
  });
  globalThis.add_result_callback((test) => shim.host.result(jsonStringify(row(test))));
  globalThis.add_completion_callback((tests, status) => {
    const rows = [];
    for (let i = 0; i < tests.length; ++i) rows[i] = row(tests[i]);
    shim.host.complete(jsonStringify({
      status: status.status, message: status.message === null ? '' : `${status.message}`, subtests: rows,
    }));
  });
  const { timeout } = globalThis;
  shim.calls.stall = () => timeout();
}
