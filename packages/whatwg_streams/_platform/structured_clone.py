"""Structured data: what can be copied, or moved, from one realm to another.

https://html.spec.whatwg.org/multipage/structured-data.html

What JavaScript can clone has its counterpart here: numbers, strings, dates, buffers, lists, mappings, sets
and exceptions, nested and cyclic; and data classes and named tuples, for these are Python's plain objects.
Functions, files and instances of other classes are refused with a DataCloneError, as there.

Serializing copies all that could change, so that nothing is shared with the result; deserializing, maybe in
another thread, makes the objects. A serialization is deserialized at most once.

Buffers, ports and streams can be transferred: the original is of no use any more, and what takes its place
in the clone goes on with it. Which objects these are is registered by their modules.
"""

from __future__ import annotations

import array
import dataclasses
import datetime as dt
import decimal
import fractions
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, cast, final

from . import buffers
from .buffers import ArrayBuffer, ArrayBufferView, ViewConstructor
from .dom_exception import DataCloneError, DOMException, rebuild
from .webidl import new

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

_PRIMITIVES = frozenset({
    type(None), bool, int, float, complex, str, bytes, range, decimal.Decimal, fractions.Fraction, uuid.UUID,
    dt.date, dt.time, dt.datetime, dt.timedelta, dt.timezone,
})  # fmt: skip

#: How to clone objects of a foreign kind: `host.register_clone`.
_foreign_clones: dict[type, Callable[[Any], object]] = {}


def structured_clone(value: T, *, transfer: Iterable[object] = ()) -> T:
    """A copy of the value that shares nothing with it that could be changed.

    https://html.spec.whatwg.org/multipage/structured-data.html#dom-structuredclone

    What occurs in it twice, or within itself, does so in the copy.

    Args:
        value: numbers, strings, bytes, dates and the like; lists, dicts, sets and tuples, also named ones;
            bytearrays, arrays and memoryviews; data classes; exceptions.
        transfer: what is not to be copied but moved: streams and message ports, which have to be, and
            buffers, which may be. They can not be used any more afterwards: a stream is locked, a
            memoryview released; any other buffer can not be taken away from its owner, who goes on seeing
            the memory. A buffer arrives as a memoryview, and a stream of a subclass as a plain one.

    Raises:
        DataCloneError: the value holds something that can not be cloned, such as a function, or that would
            have to be transferred; or something can not be transferred, such as a stream that is locked.
        TypeError: `transfer` is not iterable, or a memoryview is held by another object.
    """
    serialized = structured_serialize_with_transfer(value, convert_transfer(transfer))
    return cast("T", structured_deserialize_with_transfer(serialized).deserialized)


def convert_transfer(transfer: object) -> list[Any]:
    """Convert to a sequence of objects.

    Raises:
        TypeError: it is none.
    """
    if isinstance(transfer, (str, bytes)) or not hasattr(type(transfer), "__iter__"):
        raise TypeError(f"transfer: expected a sequence of objects, not {type(transfer).__name__}")
    return list(cast("Iterable[Any]", transfer))


# Serializing ---------------------------------------------------------------------------------------


@final
class Record:
    """A serialized value, and how to make it: [[Type]] and the other fields."""

    __slots__ = ("content", "deserialize")

    deserialize: Callable[[Any, _Deserialized], Any]
    content: Any

    def set(self, deserialize: Callable[[Any, _Deserialized], Any], content: object) -> None:
        self.deserialize = deserialize
        self.content = content


#: What was serialized so far: by identity, with the value itself, which so stays alive.
_Serialized = dict[int, tuple[object, Record]]
#: What was deserialized so far.
_Deserialized = dict[Record, Any]


def _serialize(value: object, memory: _Serialized) -> Record:
    """https://html.spec.whatwg.org/multipage/structured-data.html#structuredserializeinternal"""
    if id(value) in memory:
        return memory[id(value)][1]
    record = Record()
    kind: Any = type(value)
    if kind in _PRIMITIVES:
        record.set(_itself, value)
        return record
    memory[id(value)] = value, record  # before its contents, which may lead back to it
    if kind in _foreign_clones:
        record.set(_itself, _foreign_clones[kind](value))
    elif kind is bytearray or kind is array.array:
        record.set(_itself, cast("bytearray", value)[:])
    elif kind is memoryview:
        record.set(_itself, _copy_memoryview(cast("memoryview", value)))
    elif kind is list or kind is set:
        record.set(_collection, (kind, [_serialize(item, memory) for item in cast("list[object]", value)]))
    elif kind is dict:
        items = cast("dict[object, object]", value).items()
        record.set(_mapping, [(_serialize(key, memory), _serialize(item, memory)) for key, item in items])
    elif kind is tuple or kind is frozenset:
        record.set(_immutable, (kind, [_serialize(item, memory) for item in cast("tuple[object]", value)]))
    elif _is_named_tuple(kind):
        record.set(_immutable, (kind._make, [_serialize(item, memory) for item in cast("tuple[object]", value)]))
    elif isinstance(value, Exception):
        record.set(_exception, _serialize_exception(value, memory))
    elif _is_data_class(kind):
        names = [field.name for field in dataclasses.fields(kind) if hasattr(value, field.name)]
        record.set(_data_class, (kind, [(name, _serialize(getattr(value, name), memory)) for name in names]))
    elif _transferable_of(value) is not None:
        raise DataCloneError(f"a {kind.__name__} can not be cloned, only transferred; name it in `transfer`, too")
    else:
        raise DataCloneError(f"an object of the type {kind.__name__} can not be cloned")
    return record


def _is_named_tuple(kind: Any) -> bool:
    return tuple in kind.__mro__ and hasattr(kind, "_make") and hasattr(kind, "_fields")


def _is_data_class(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) and kind.__new__ is object.__new__


def _copy_memoryview(value: memoryview[Any]) -> memoryview[Any]:
    try:
        copy: memoryview[Any] = memoryview(bytearray(value))
    except ValueError as error:
        raise DataCloneError("the memoryview was released") from error
    if value.format == "B" or not value.nbytes:
        return copy
    try:
        return copy.cast(cast("Any", value.format))  # pyright: ignore[reportUnknownVariableType]
    except ValueError as error:
        raise DataCloneError(f"a memoryview of the format {value.format!r} can not be cloned") from error


class _Exception(NamedTuple):
    make: Callable[..., BaseException]
    arguments: list[Record]
    attributes: dict[str, Record]
    cause: Record | None


def _serialize_exception(value: Exception, memory: _Serialized) -> _Exception:
    """What it is made of has to be cloned; attributes and the cause come along if they can."""
    make, arguments = _how_to_make(value)
    try:
        make(*arguments)  # it is better known here than where it arrives
    except Exception as error:
        raise DataCloneError(f"an exception of the type {type(value).__name__} can not be cloned") from error
    attributes = {name: _serialize_if_possible(item, memory) for name, item in value.__dict__.items()}
    cause = value.__cause__
    return _Exception(
        make,
        [_serialize(argument, memory) for argument in arguments],
        {name: record for name, record in attributes.items() if record is not None},
        None if cause is None else _serialize_if_possible(cause, memory),
    )


def _how_to_make(value: Exception) -> tuple[Callable[..., BaseException], tuple[object, ...]]:
    if isinstance(value, DOMException):
        number = value.errno if isinstance(value, OSError) else None
        return partial(rebuild, type(value)), (value.message, value.name, {}, number)
    make, arguments, *_ = cast("tuple[Any, ...]", value.__reduce__())
    return make, arguments


def _serialize_if_possible(value: object, memory: _Serialized) -> Record | None:
    attempt = dict(memory)
    try:
        record = _serialize(value, attempt)
    except DataCloneError:
        return None
    memory.update(attempt)
    return record


# Deserializing -------------------------------------------------------------------------------------


def _deserialize(record: Record, memory: _Deserialized) -> Any:
    """https://html.spec.whatwg.org/multipage/structured-data.html#structureddeserialize"""
    if record in memory:
        return memory[record]
    value = record.deserialize(record, memory)
    return memory.setdefault(record, value)  # what holds itself, through others, may be there by now


def _itself(record: Record, memory: _Deserialized) -> Any:
    del memory
    return record.content


def _collection(record: Record, memory: _Deserialized) -> Any:
    kind, items = record.content
    value = memory[record] = kind()
    add = value.append if kind is list else value.add
    for item in items:
        add(_deserialize(item, memory))
    return value


def _mapping(record: Record, memory: _Deserialized) -> Any:
    value = memory[record] = dict[Any, Any]()
    for key, item in record.content:
        value[_deserialize(key, memory)] = _deserialize(item, memory)
    return value


def _immutable(record: Record, memory: _Deserialized) -> Any:
    make, items = record.content
    return make([_deserialize(item, memory) for item in items])


def _data_class(record: Record, memory: _Deserialized) -> Any:
    kind, fields = record.content
    value = memory[record] = object.__new__(kind)
    for name, item in fields:
        object.__setattr__(value, name, _deserialize(item, memory))  # also where it is frozen
    return value


def _exception(record: Record, memory: _Deserialized) -> Any:
    make, argument_records, attributes, cause = cast("_Exception", record.content)
    arguments = [_deserialize(argument, memory) for argument in argument_records]
    try:
        value = make(*arguments)
    except Exception as error:
        raise DataCloneError("an exception can not be made from its arguments any more") from error
    value = memory.setdefault(record, value)
    value.__dict__.update({name: _deserialize(item, memory) for name, item in attributes.items()})
    if cause is not None:
        value.__cause__ = _deserialize(cause, memory)
    return value


# Transferring --------------------------------------------------------------------------------------


class _Transferable(NamedTuple):
    interface: type[Any]
    transfer_steps: Callable[[Any, dict[str, Any]], None]
    transfer_receiving_steps: Callable[[dict[str, Any], Any], None]


_transferables: dict[type, _Transferable] = {}


class TransferableObject(Protocol):
    """https://html.spec.whatwg.org/multipage/structured-data.html#transferable-objects"""

    _detached: bool


_TransferableObject = TypeVar("_TransferableObject", bound=TransferableObject)


def register_transferable(
    interface: type[_TransferableObject],
    transfer_steps: Callable[[_TransferableObject, dict[str, Any]], None],
    transfer_receiving_steps: Callable[[dict[str, Any], _TransferableObject], None],
) -> None:
    """Let objects of an interface be transferred.

    Args:
        interface: their class.
        transfer_steps: take the object and its data holder, and fill the latter.
        transfer_receiving_steps: take the data holder and a new object.
    """
    _transferables[interface] = _Transferable(interface, transfer_steps, transfer_receiving_steps)


def _transferable_of(value: object) -> _Transferable | None:
    for ancestor in type(value).__mro__:
        if ancestor in _transferables:
            return _transferables[ancestor]
    return None


class SerializedWithTransfer(NamedTuple):
    """What StructuredSerializeWithTransfer gives."""

    serialized: Record
    transfer_data_holders: list[Record]


class DeserializedWithTransfer(NamedTuple):
    """What StructuredDeserializeWithTransfer gives."""

    deserialized: Any
    transferred_values: list[Any]


def structured_serialize_with_transfer(value: object, transfer_list: list[Any]) -> SerializedWithTransfer:
    """https://html.spec.whatwg.org/multipage/structured-data.html#structuredserializewithtransfer"""
    # 1. What was serialized so far: nothing.
    memory: _Serialized = {}
    # 2. For each of the list: it has to be of a transferable kind, and in the list once.
    for transferable in transfer_list:
        if _transferable_of(transferable) is None and not buffers.is_buffer(transferable):
            raise DataCloneError(f"an object of the type {type(transferable).__name__} can not be transferred")
        if id(transferable) in memory:
            raise DataCloneError(f"transfer: the same {type(transferable).__name__} is in it twice")
        memory[id(transferable)] = transferable, Record()
    # 3. Serialize; this may throw.
    try:
        serialized = _serialize(value, memory)
    except RecursionError as error:
        raise DataCloneError("the value is nested too deeply to be cloned") from error
    # 4. The data holders
    transfer_data_holders: list[Record] = []
    # 5. of each of the list:
    for transferable in transfer_list:
        data_holder = memory[id(transferable)][1]
        _transfer(transferable, data_holder)
        transfer_data_holders.append(data_holder)
    # 6. Return both.
    return SerializedWithTransfer(serialized, transfer_data_holders)


def _transfer(transferable: Any, data_holder: Record) -> None:
    """Step 5 of StructuredSerializeWithTransfer."""
    kind = _transferable_of(transferable)
    if kind is None:
        data_holder.set(_buffer, _transfer_buffer(transferable))
        return
    if getattr(transferable, "_detached", False):
        raise DataCloneError(f"the {kind.interface.__name__} was transferred or closed already")
    fields: dict[str, Any] = {}
    kind.transfer_steps(transferable, fields)
    data_holder.set(_object, (kind, fields))
    transferable._detached = True


def _transfer_buffer(value: Any) -> tuple[ArrayBuffer, int, int, ViewConstructor]:
    try:
        view = buffers.view_of(value, "transfer")
    except TypeError as error:
        raise DataCloneError(str(error)) from error
    if not view.buffer.can_transfer():
        raise DataCloneError("transfer: the buffer is detached, or can not be")
    byte_offset, byte_length = view.byte_offset, view.byte_length
    return view.buffer.transfer(), byte_offset, byte_length, view.constructor


def structured_deserialize_with_transfer(result: SerializedWithTransfer) -> DeserializedWithTransfer:
    """https://html.spec.whatwg.org/multipage/structured-data.html#structureddeserializewithtransfer"""
    # 1. What was deserialized so far: nothing.
    memory: _Deserialized = {}
    # 2. The values that were transferred:
    # 3. for each data holder, a new object goes on with what is in it.
    transferred_values = [_deserialize(data_holder, memory) for data_holder in result.transfer_data_holders]
    # 4. Deserialize; this may throw.
    try:
        deserialized = _deserialize(result.serialized, memory)
    except RecursionError as error:
        raise DataCloneError("the value is nested too deeply to be cloned") from error
    # 5. Return both.
    return DeserializedWithTransfer(deserialized, transferred_values)


def _buffer(record: Record, memory: _Deserialized) -> Any:
    del memory
    return ArrayBufferView(*record.content).object


def _object(record: Record, memory: _Deserialized) -> Any:
    del memory
    kind, fields = cast("tuple[_Transferable, dict[str, Any]]", record.content)
    value = new(kind.interface)
    kind.transfer_receiving_steps(fields, value)
    return value
