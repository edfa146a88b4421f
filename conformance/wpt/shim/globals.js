// The other globals that tests use: the global object itself, errors nobody caught, timers, and the like.
(shim) => {
  'use strict';
  const p = shim.primordials;
  const { apply, defineProperty, TypeError } = p;
  const { isObject } = shim.border;

  // The global object ----------------------------------------------------------------------------

  globalThis.self = globalThis;
  globalThis.GLOBAL = { isWindow: () => false, isWorker: () => false, isShadowRealm: () => false };

  // By its name idlharness.js knows that what is [Exposed=Window] is to be there.
  const Window = { Window: class extends shim.EventTarget {} }.Window;
  shim.webidl.exposeGlobal('Window', Window);
  p.setPrototypeOf(globalThis, Window.prototype);
  shim.addTarget(globalThis);
  shim.defineEventHandler(Window.prototype, 'error', (value) => value === globalThis);
  shim.defineEventHandler(Window.prototype, 'unhandledrejection', (value) => value === globalThis);

  const origin = 'https://web-platform.test';
  const location = {
    origin, protocol: 'https:', host: 'web-platform.test', hostname: 'web-platform.test', port: '',
    pathname: '/', search: '', hash: '',
    get href() { return `${origin}${this.pathname}${this.search}${this.hash}`; },
    toString() { return this.href; },
  };
  defineProperty(globalThis, 'location', { value: location, enumerable: true, configurable: true });
  globalThis.origin = origin;
  globalThis.isSecureContext = true;
  globalThis.navigator = { userAgent: 'QuickJS', platform: '', language: 'en', onLine: false };
  shim.calls.setLocation = (pathname, variant) => {
    location.pathname = p.jsonParse(pathname);
    const url = p.jsonParse(variant);
    const hash = url.indexOf('#');
    location.search = hash < 0 ? url : url.slice(0, hash);
    location.hash = hash < 0 ? '' : url.slice(hash);
  };

  // Errors nobody caught -------------------------------------------------------------------------

  const textOf = (value) => {
    try {
      return isObject(value) && typeof value.stack === 'string' ? `${value}\n${value.stack}` : `${value}`;
    } catch {
      return 'something that has no text';
    }
  };
  const log = (...args) => {
    let text = '';
    for (let i = 0; i < args.length; ++i) text += (i ? ' ' : '') + textOf(args[i]);
    shim.host.log(p.jsonStringify(text));
  };
  globalThis.console = { log, info: log, warn: log, error: log, debug: log, trace: log, assert() {} };

  const { ErrorEvent } = globalThis;
  /** https://html.spec.whatwg.org/multipage/webappapis.html#report-an-exception */
  shim.reportException = (error) => {
    const message = textOf(error);
    const event = new ErrorEvent('error', { cancelable: true, error, message: message.split('\n')[0] });
    if (shim.fire(globalThis, event)) log('uncaught:', error);
  };
  globalThis.reportError = { reportError(e) { shim.reportException(e); } }.reportError;

  // Jobs and timers ------------------------------------------------------------------------------

  const run = (callback, args) => {
    try {
      apply(callback, globalThis, args);
    } catch (e) {
      shim.reportException(e);
    }
  };
  globalThis.queueMicrotask = { queueMicrotask(callback) {
    if (typeof callback !== 'function') throw new TypeError('queueMicrotask: no function');
    p.queueMicrotask(() => {
      try {
        apply(callback, undefined, []);
      } catch (e) {
        shim.reportException(e);
      }
    });
  } }.queueMicrotask;
  shim.calls.enqueueJob = () => { p.queueMicrotask(shim.host.runJob); };

  const timers = p.setPrototypeOf([], null);
  const start = (callback, ms, args, repeat) => {
    if (typeof callback !== 'function') throw new TypeError('a timer needs a function');
    const delay = +ms;
    const id = shim.host.startTimer(delay > 0 ? delay : 0, repeat);
    timers[id] = { callback, args };
    return id;
  };
  const stop = (id) => {
    if (timers[id] === undefined) return;
    delete timers[id];
    shim.host.stopTimer(+id);
  };
  Object.assign(globalThis, {
    setTimeout(callback, ms, ...args) { return start(callback, ms, args, 0); },
    setInterval(callback, ms, ...args) { return start(callback, ms, args, 1); },
    clearTimeout(id) { stop(id); },
    clearInterval(id) { stop(id); },
  });
  shim.calls.runTimer = (id, last) => {
    const timer = timers[id];
    if (last) delete timers[id];
    if (timer !== undefined) run(timer.callback, timer.args);
  };
  globalThis.performance = { now: () => shim.host.now(), timeOrigin: 0, mark() {}, measure() {} };
  globalThis.gc = () => { shim.host.collectGarbage(); };
}
