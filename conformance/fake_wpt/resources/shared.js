globalThis.shared = 'of the site';
