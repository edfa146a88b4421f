// The files of the checkout, as from a web server.
(shim) => {
  'use strict';
  const p = shim.primordials;
  const { TextDecoder } = globalThis;

  class Response {
    #hex;
    #url;
    constructor(url, answer) {
      this.#url = url;
      this.#hex = answer.slice(1);
      this.ok = answer !== '';
      this.status = this.ok ? 200 : 404;
      this.statusText = this.ok ? 'OK' : 'Not Found';
    }
    get url() { return this.#url; }
    async bytes() { return shim.encoding.bytesOf(this.#hex); }
    async arrayBuffer() { return shim.encoding.bytesOf(this.#hex).buffer; }
    async text() { return new TextDecoder().decode(shim.encoding.bytesOf(this.#hex)); }
    async json() { return p.jsonParse(await this.text()); }
  }

  globalThis.fetch = { async fetch(input) {
    let url = `${input?.url ?? input}`;
    const { origin } = globalThis.location;
    if (url.startsWith(`${origin}/`)) url = url.slice(origin.length);
    return new Response(url, shim.host.fetch(p.jsonStringify(url)));
  } }.fetch;
}
