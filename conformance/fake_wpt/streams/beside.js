globalThis.beside = 'of the folder';
