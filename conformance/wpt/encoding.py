"""The work of TextEncoder and TextDecoder, which the engine lacks: https://encoding.spec.whatwg.org/

Labels and decoders are those of the library webencodings.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import webencodings  # type: ignore[import-untyped,unused-ignore]

if TYPE_CHECKING:
    from .engine import Engine

_BOMS = {"utf-8", "utf-16le", "utf-16be"}


def scalar_values(text: str) -> str:
    """https://infra.spec.whatwg.org/#javascript-string-convert, of a string as JSON spelled it."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Decoder:
    """https://encoding.spec.whatwg.org/#interface-textdecoder"""

    def __init__(self, encoding: webencodings.Encoding, *, fatal: bool, ignore_bom: bool) -> None:
        self.encoding = encoding
        self.errors = "strict" if fatal else "replace"
        self.ignore_bom = ignore_bom
        self._restart()

    def _restart(self) -> None:
        self._decoder = self.encoding.codec_info.incrementaldecoder(self.errors)
        self._bom_seen = self.encoding.name not in _BOMS or self.ignore_bom

    def decode(self, data: bytes, *, stream: bool) -> str:
        """Decode some bytes; without `stream` they were the last.

        Raises:
            UnicodeError: they are not valid, and this is fatal.
        """
        try:
            text: str = self._decoder.decode(data, not stream)
        except UnicodeError:
            self._restart()
            raise
        if text and not self._bom_seen:
            self._bom_seen = True
            text = text.removeprefix("\ufeff")
        if not stream:
            self._restart()
        return text


class Encoding:
    """What the shim calls."""

    def __init__(self, engine: Engine) -> None:
        self._decoders: list[Decoder] = []
        engine.provide("encodeUtf8", lambda text: scalar_values(json.loads(text)).encode().hex())
        engine.provide("encodeUtf8Into", self._encode_into)
        engine.provide("newDecoder", self._new_decoder)
        engine.provide("decode", self._decode)

    def _encode_into(self, text: str, room: float) -> str:
        read, encoded = 0, bytearray()
        for char in scalar_values(json.loads(text)):
            data = char.encode()
            if len(encoded) + len(data) > room:
                break
            encoded += data
            read += 2 if char > "\uffff" else 1
        return json.dumps({"read": read, "hex": encoded.hex()})

    def _new_decoder(self, label: str, fatal: int, ignore_bom: int) -> str:
        encoding = webencodings.lookup(json.loads(label))
        if encoding is None or encoding.name == "replacement":
            return ""
        self._decoders.append(Decoder(encoding, fatal=bool(fatal), ignore_bom=bool(ignore_bom)))
        return json.dumps({"id": len(self._decoders) - 1, "encoding": encoding.name})

    def _decode(self, number: float, data: str, stream: int) -> str:
        try:
            return json.dumps(self._decoders[int(number)].decode(bytes.fromhex(data), stream=bool(stream)))
        except UnicodeError:
            return ""
