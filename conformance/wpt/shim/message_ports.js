// MessageChannel and MessagePort, whose events come from ours.
//
// https://html.spec.whatwg.org/multipage/web-messaging.html#channel-messaging
(shim) => {
  'use strict';
  const p = shim.primordials;
  const { defineProperty, TypeError } = p;
  const { table, handleOf, unwrap } = shim.border;
  const { defineInterface, brandOf } = shim.webidl;
  const { serialize, deserialize, transferOf } = shim.structuredClone;
  const { Event, MessageEvent } = globalThis;

  const operation = (length) => ({ __proto__: null, length, args: [] });
  const attribute = { __proto__: null };

  const MessagePort = defineInterface('MessagePort', {
    parent: shim.EventTarget,
    operations: { __proto__: null, close: operation(0), start: operation(0) },
  });
  defineInterface('MessageChannel', {
    construct: operation(0),
    attributes: { __proto__: null, port1: attribute, port2: attribute },
  });

  const idOf = (value) => {
    const id = brandOf(value, 'MessagePort');
    if (id === undefined) throw new TypeError('not a MessagePort');
    return id;
  };
  const { postMessage } = {
    postMessage(message, options = undefined) {
      const id = idOf(this);
      if (arguments.length === 0) throw new TypeError('1 argument required');
      const serialized = serialize(message, transferOf(options));
      unwrap(shim.host.postMessage(id, handleOf(serialized), serialized.ids));
    },
  };
  defineProperty(postMessage, 'length', { value: 1, configurable: true });
  defineProperty(MessagePort.prototype, 'postMessage', {
    value: postMessage, writable: true, enumerable: true, configurable: true,
  });

  for (const type of ['message', 'messageerror', 'close']) {
    shim.defineEventHandler(MessagePort.prototype, type, (value) => brandOf(value, 'MessagePort') !== undefined);
  }
  // Setting `onmessage` starts the port, too.
  const { get, set } = p.getOwnPropertyDescriptor(MessagePort.prototype, 'onmessage');
  const start = p.uncurry(MessagePort.prototype.start);
  const handler = { set onmessage(value) { p.apply(set, this, [value]); start(this); } };
  defineProperty(MessagePort.prototype, 'onmessage', {
    get, set: p.getOwnPropertyDescriptor(handler, 'onmessage').set, enumerable: true, configurable: true,
  });

  shim.calls.fireMessage = (target, serialized, objects, ports) => {
    const data = deserialize(table[serialized], table[objects]);
    shim.fire(table[target], new MessageEvent('message', { data, ports: table[ports] }));
  };
  shim.calls.firePortEvent = (target, type) => {
    shim.fire(table[target], type === 'close' ? new Event(type) : new MessageEvent(type));
  };
}
