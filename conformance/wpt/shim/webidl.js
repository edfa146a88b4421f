// Web IDL bindings: interfaces with their brands, descriptors, names and conversions.
//
// https://webidl.spec.whatwg.org/#javascript-binding
//
// A conversion is { code, convert }: the code tells Python what crosses. `undefined` crosses for what is absent.
(shim) => {
  'use strict';
  const p = shim.primordials;
  const { apply, construct, defineProperty, create, TypeError } = p;
  const { table, handleOf, unwrap, isObject, rejectedPromise } = shim.border;

  const brands = new p.WeakMap();
  const prototypes = create(null);
  const interfaces = create(null);

  const brandOf = (value, name) => {
    const brand = isObject(value) ? p.weakGet(brands, value) : undefined;
    return brand !== undefined && brand.name === name ? brand.id : undefined;
  };
  const bind = (wrapper, name, id) => p.weakSet(brands, wrapper, { name, id });

  // Conversions ----------------------------------------------------------------------------------

  const any = { code: 'any', convert: handleOf };
  const boolean = { code: 'boolean', convert: (value) => (value ? 1 : 0) };
  const number = { code: 'number', convert: (value) => +value };
  const string = { code: 'string', convert: (value) => shim.primordials.jsonStringify(`${value}`) };

  const interfaceType = (name) => ({
    code: 'object',
    convert: (value, what) => {
      const id = brandOf(value, name);
      if (id === undefined) throw new TypeError(`${what}: not a ${name}`);
      return id;
    },
  });

  const arrayBufferView = {
    code: 'view',
    convert: (value, what) => {
      if (!p.isView(value)) throw new TypeError(`${what}: not an ArrayBufferView`);
      const { buffer } = shim.buffers.inspect(value);
      if (shim.buffers.isSharedArrayBuffer(buffer)) throw new TypeError(`${what}: its buffer is shared`);
      if (p.bufferResizable(buffer)) throw new TypeError(`${what}: its buffer is resizable`);
      return handleOf(value);
    },
  };

  /** `object`, converted to a dictionary by the algorithm itself; `code` names the dictionary. */
  const object = (code) => ({
    code,
    convert: (value, what) => {
      if (!isObject(value)) throw new TypeError(`${what}: not an object`);
      return handleOf(value);
    },
  });

  /** A dictionary whose members Python reads one by one; `code` names it. */
  const lazyDictionary = (code) => ({
    code,
    nullable: true,
    convert: (value, what) => {
      if (!isObject(value)) throw new TypeError(`${what}: not an object`);
      return handleOf(value);
    },
  });

  /** A dictionary whose members become keyword arguments: [name, conversion, required] in their order. */
  const dictionary = (...members) => ({ members });

  const convertDictionary = (value, members, what, converted) => {
    if (value !== undefined && value !== null && !isObject(value)) throw new TypeError(`${what}: not an object`);
    for (let i = 0; i < members.length; ++i) {
      const name = members[i][0];
      const member = value === undefined || value === null ? undefined : value[name];
      if (member === undefined && members[i][2]) throw new TypeError(`${what}.${name}: required`);
      converted[converted.length] =
        member === undefined ? undefined : members[i][1].convert(member, `${what}.${name}`);
    }
  };

  const sequence = (type) => ({
    code: 'sequence',
    convert: (value, what) => {
      if (!isObject(value)) throw new TypeError(`${what}: not an object`);
      const method = value[p.iterator];
      if (typeof method !== 'function') throw new TypeError(`${what}: not iterable`);
      const iterator = apply(method, value, []);
      const next = iterator.next;
      let list = '';
      for (;;) {
        const result = apply(next, iterator, []);
        if (!isObject(result)) throw new TypeError(`${what}: not an iterator result`);
        if (result.done) return list;
        list += ` ${type.convert(result.value, what)}`;
      }
    },
  });

  /** The arguments as they cross, after `converted`. */
  const convertArguments = (args, spec, where, converted) => {
    if (args.length < spec.length) {
      throw new TypeError(`${where}: ${spec.length} arguments required, but only ${args.length} present`);
    }
    for (let i = 0; i < spec.args.length; ++i) {
      const type = spec.args[i];
      const value = i < args.length ? args[i] : undefined;
      const what = `${where}, argument ${i + 1}`;
      if (type.members !== undefined) convertDictionary(value, type.members, what, converted);
      else if (value === undefined && (i >= spec.length || type.code === 'any')) {
        converted[converted.length] = undefined;
      } else if (value === null && type.nullable) converted[converted.length] = undefined;
      else converted[converted.length] = type.convert(value, what);
    }
    return converted;
  };

  const declare = (op, spec) => {
    let codes = '';
    let keywords = '';
    for (const type of spec.args) {
      if (type.members === undefined) codes += ` ${type.code}`;
      else {
        for (const [name, member] of type.members) {
          codes += ` ${member.code}`;
          keywords += ` ${name}`;
        }
      }
    }
    shim.host.declare(op, codes, keywords);
  };

  // Interfaces -----------------------------------------------------------------------------------

  const list = (...items) => p.setPrototypeOf(items, null);

  const makeOperation = (name, member, spec, isStatic) => {
    const op = `${name}.${member}`;
    declare(op, spec);
    const perform = (self, args) => {
      const id = isStatic ? 0 : brandOf(self, name);
      if (id === undefined) throw new TypeError(`${op}: Illegal invocation`);
      return unwrap(apply(shim.host.dispatch, undefined, convertArguments(args, spec, op, list(op, id))));
    };
    const performForPromise = (self, args) => {
      try {
        return perform(self, args);
      } catch (e) {
        return rejectedPromise(e);
      }
    };
    const run = spec.promise ? performForPromise : perform;
    const method = { [member](...args) { return run(this, args); } }[member];
    // `return` of an asynchronous iterator is shown with one parameter, though it may be left out.
    defineProperty(method, 'length', { value: spec.shown ?? spec.length, configurable: true });
    return method;
  };

  const makeGetter = (name, attribute, spec) => {
    const op = `${name}.${attribute}`;
    shim.host.declare(op, spec.nullable ? 'nullable' : 'attribute', '');
    const perform = (self) => {
      const id = brandOf(self, name);
      if (id === undefined) throw new TypeError(`${op}: Illegal invocation`);
      return unwrap(shim.host.getAttribute(op, id));
    };
    const holder = spec.promise
      ? { get [attribute]() { try { return perform(this); } catch (e) { return rejectedPromise(e); } } }
      : { get [attribute]() { return perform(this); } };
    return p.getOwnPropertyDescriptor(holder, attribute).get;
  };

  const addMembers = (name, target, spec) => {
    for (const attribute in spec.attributes) {
      defineProperty(target, attribute, {
        get: makeGetter(name, attribute, spec.attributes[attribute]), set: undefined, enumerable: true, configurable: true,
      });
    }
    for (const member in spec.operations) {
      defineProperty(target, member, {
        value: makeOperation(name, member, spec.operations[member], false),
        writable: true, enumerable: true, configurable: true,
      });
    }
    defineProperty(target, p.toStringTag, { value: spec.tag ?? name, configurable: true });
    prototypes[name] = target;
  };

  const makeConstructor = (name, spec) => {
    if (spec.construct !== undefined) declare(name, spec.construct);
    const init = (wrapper, args) => {
      if (spec.construct === undefined) throw new TypeError(`${name}: Illegal constructor`);
      const converted = convertArguments(args, spec.construct, name, list(name, handleOf(wrapper)));
      unwrap(apply(shim.host.construct, undefined, converted));
    };
    // A derived class would ask its parent for `this`; ours is made before the constructor steps run.
    const made = {
      [name]: function (...args) {
        if (new.target === undefined) throw new TypeError(`${name}: Please use the 'new' operator`);
        if (spec.construct === undefined) throw new TypeError(`${name}: Illegal constructor`);
        const prototype = new.target.prototype;
        const wrapper = create(isObject(prototype) ? prototype : prototypes[name]);
        init(wrapper, args);
        return wrapper;
      },
    }[name];
    defineProperty(made, 'length', { value: spec.construct?.length ?? 0, configurable: true });
    if (spec.parent !== undefined) p.setPrototypeOf(made, spec.parent);
    return made;
  };

  const exposeGlobal = (name, value) =>
    defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });

  const defineInterface = (name, spec) => {
    const made = makeConstructor(name, spec);
    const prototype = create(spec.prototypeParent ?? spec.parent?.prototype ?? Object.prototype);
    defineProperty(made, 'prototype', { value: prototype, writable: false, enumerable: false, configurable: false });
    addMembers(name, prototype, spec);
    defineProperty(prototype, 'constructor', { value: made, writable: true, enumerable: false, configurable: true });
    for (const member in spec.statics) {
      defineProperty(made, member, {
        value: makeOperation(name, member, spec.statics[member], true),
        writable: true, enumerable: true, configurable: true,
      });
    }
    exposeGlobal(name, made);
    interfaces[name] = made;
    return made;
  };

  shim.webidl = {
    __proto__: null,
    any, boolean, number, string, interfaceType, arrayBufferView, object, lazyDictionary, dictionary, sequence,
    defineInterface, addMembers, exposeGlobal, brandOf, bind, list,
    isPlatformObject: (value) => p.weakGet(brands, value) !== undefined,
  };

  shim.calls.bind = (handle, name, id) => { bind(table[handle], name, id); };
  shim.calls.wrap = (name, id) => {
    const wrapper = create(prototypes[name]);
    bind(wrapper, name, id);
    return handleOf(wrapper);
  };
}
