// The kit, as Python calls it.
(shim) => {
  'use strict';
  const { kit } = globalThis;
  const { table } = shim.border;
  const { jsonParse, jsonStringify } = shim.primordials;
  shim.calls.begin = () => { kit.begin(); };
  shim.calls.startPhase = (phase, ticks) => { kit.startPhase(jsonParse(phase), ticks); };
  shim.calls.endPhase = () => jsonStringify(kit.endPhase());
  shim.calls.handledIsKnown = () => (kit.handledIsKnown ? 1 : 0);
  shim.calls.isObserved = (handle) => (kit.observed.has(table[handle]) ? 1 : 0);
  shim.calls.show = (handle) => jsonStringify(kit.show(table[handle]));
}
