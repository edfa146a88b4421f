"""§9 Using streams in other specifications: https://streams.spec.whatwg.org/#other-specs

What those who build on streams use, instead of reaching for slots and algorithms; `direct_sockets` is
written against this module alone. The standard has one verb for several interfaces ("close" a
ReadableStream, "close" a WritableStream); here the interface comes first in the name.

    readable streams   set_up_readable_stream, set_up_readable_stream_with_byte_reading_support,
                       create_a_readable_stream_from_an_async_sequence,
                       readable_stream_desired_size_to_fill_up_to_the_high_water_mark,
                       readable_stream_needs_more_data, close_readable_stream, error_readable_stream,
                       enqueue_into_readable_stream, enqueue_all_into_readable_stream, current_byob_request_view,
                       respond_to_current_byob_request, pull_from_bytes_into_readable_stream, end_the_pull,
                       pull_if_needed
    reading            get_a_reader, set_up_reader, read_a_chunk, read_all_bytes, release_reader,
                       cancel_reader, cancel_readable_stream, tee_readable_stream
    introspection      is_readable, is_closed, is_errored, is_locked, is_disturbed, has_byob_reader,
                       room_without_a_byob_reader
    writable streams   set_up_writable_stream, error_writable_stream, signal_of_writable_stream
    writing            get_a_writer, set_up_writer, write_a_chunk, release_writer, close_writable_stream,
                       abort_writable_stream, abort_idle_writable_stream, error_idle_writable_stream
    transform streams  set_up_transform_stream, create_an_identity_transform_stream,
                       enqueue_into_transform_stream, terminate_transform_stream, error_transform_stream,
                       GenericTransformStream
    stream pairs       DuplexStream, EndpointPair
    piping             pipe_to, pipe_through, create_a_proxy, write_algorithm_at_the_end_of_the_pipe

And what such specifications need from the neighbouring standards: `new` of Web IDL, promises and their
verbs, conversions, the abort algorithms of a signal, tasks and exceptions.
"""

from .._platform.abort import (
    add_algorithm as add_abort_algorithm,
    remove_algorithm as remove_abort_algorithm,
)
from .._platform.event_loop import (
    perform_a_microtask_checkpoint as perform_a_microtask_checkpoint,
    queue_a_microtask as queue_a_microtask,
    report_exception as report_exception,
)
from .._platform.fast_paths import are_enabled as fast_paths_are_enabled
from .._platform.promises import (
    IT_WILL_TELL as IT_WILL_TELL,
    a_promise_rejected_with as a_promise_rejected_with,
    a_promise_resolved_with as a_promise_resolved_with,
    a_promise_resolved_with_undefined as a_promise_resolved_with_undefined,
    fulfill as fulfill,
    mark_as_handled as mark_as_handled,
    reject as reject,
    resolve as resolve,
    upon as upon,
)
from .._platform.tasks import queue_a_task as queue_a_task, run_a_task as run_a_task
from .._platform.until_settled import UntilSettled as UntilSettled
from .._platform.webidl import (
    convert_boolean as convert_boolean,
    convert_enumeration as convert_enumeration,
    convert_object as convert_object,
    convert_string as convert_string,
    convert_unsigned_integer as convert_unsigned_integer,
    get_member as get_member,
    new as new,
)
from .._readable.records import (
    ReadRequest as ReadRequest,
)
from ._piping import (
    create_a_proxy as create_a_proxy,
    pipe_through as pipe_through,
    pipe_to as pipe_to,
    write_algorithm_at_the_end_of_the_pipe as write_algorithm_at_the_end_of_the_pipe,
)
from ._readable_streams import (
    cancel_readable_stream as cancel_readable_stream,
    cancel_reader as cancel_reader,
    close_readable_stream as close_readable_stream,
    create_a_readable_stream_from_an_async_sequence as create_a_readable_stream_from_an_async_sequence,
    current_byob_request_view as current_byob_request_view,
    end_the_pull as end_the_pull,
    enqueue_all_into_readable_stream as enqueue_all_into_readable_stream,
    enqueue_into_readable_stream as enqueue_into_readable_stream,
    error_readable_stream as error_readable_stream,
    get_a_reader as get_a_reader,
    has_byob_reader as has_byob_reader,
    is_closed as is_closed,
    is_disturbed as is_disturbed,
    is_errored as is_errored,
    is_locked as is_locked,
    is_readable as is_readable,
    pull_from_bytes_into_readable_stream as pull_from_bytes_into_readable_stream,
    pull_if_needed as pull_if_needed,
    read_a_chunk as read_a_chunk,
    read_all_bytes as read_all_bytes,
    readable_stream_desired_size_to_fill_up_to_the_high_water_mark as readable_stream_desired_size_to_fill_up_to_the_high_water_mark,  # noqa: E501 - the standard's name
    readable_stream_needs_more_data as readable_stream_needs_more_data,
    release_reader as release_reader,
    respond_to_current_byob_request as respond_to_current_byob_request,
    room_without_a_byob_reader as room_without_a_byob_reader,
    set_up_readable_stream as set_up_readable_stream,
    set_up_readable_stream_with_byte_reading_support as set_up_readable_stream_with_byte_reading_support,
    set_up_reader as set_up_reader,
    stored_error_of as stored_error_of,
    tee_readable_stream as tee_readable_stream,
)
from ._stream_pairs import (
    DuplexStream as DuplexStream,
    EndpointPair as EndpointPair,
)
from ._transform_streams import (
    GenericTransformStream as GenericTransformStream,
    create_an_identity_transform_stream as create_an_identity_transform_stream,
    enqueue_into_transform_stream as enqueue_into_transform_stream,
    error_transform_stream as error_transform_stream,
    set_up_transform_stream as set_up_transform_stream,
    terminate_transform_stream as terminate_transform_stream,
)
from ._writable_streams import (
    abort_idle_writable_stream as abort_idle_writable_stream,
    abort_writable_stream as abort_writable_stream,
    close_writable_stream as close_writable_stream,
    error_idle_writable_stream as error_idle_writable_stream,
    error_writable_stream as error_writable_stream,
    get_a_copy_of_the_buffer_source as get_a_copy_of_the_buffer_source,
    get_a_writer as get_a_writer,
    release_writer as release_writer,
    set_up_writable_stream as set_up_writable_stream,
    set_up_writer as set_up_writer,
    signal_of_writable_stream as signal_of_writable_stream,
    write_a_chunk as write_a_chunk,
)

__all__ = [
    "IT_WILL_TELL",
    "DuplexStream",
    "EndpointPair",
    "GenericTransformStream",
    "ReadRequest",
    "UntilSettled",
    "a_promise_rejected_with",
    "a_promise_resolved_with",
    "a_promise_resolved_with_undefined",
    "abort_idle_writable_stream",
    "abort_writable_stream",
    "add_abort_algorithm",
    "cancel_readable_stream",
    "cancel_reader",
    "close_readable_stream",
    "close_writable_stream",
    "convert_boolean",
    "convert_enumeration",
    "convert_object",
    "convert_string",
    "convert_unsigned_integer",
    "create_a_proxy",
    "create_a_readable_stream_from_an_async_sequence",
    "create_an_identity_transform_stream",
    "current_byob_request_view",
    "end_the_pull",
    "enqueue_all_into_readable_stream",
    "enqueue_into_readable_stream",
    "enqueue_into_transform_stream",
    "error_idle_writable_stream",
    "error_readable_stream",
    "error_transform_stream",
    "error_writable_stream",
    "fast_paths_are_enabled",
    "fulfill",
    "get_a_copy_of_the_buffer_source",
    "get_a_reader",
    "get_a_writer",
    "get_member",
    "has_byob_reader",
    "is_closed",
    "is_disturbed",
    "is_errored",
    "is_locked",
    "is_readable",
    "mark_as_handled",
    "new",
    "perform_a_microtask_checkpoint",
    "pipe_through",
    "pipe_to",
    "pull_from_bytes_into_readable_stream",
    "pull_if_needed",
    "queue_a_microtask",
    "queue_a_task",
    "read_a_chunk",
    "read_all_bytes",
    "readable_stream_desired_size_to_fill_up_to_the_high_water_mark",
    "readable_stream_needs_more_data",
    "reject",
    "release_reader",
    "release_writer",
    "remove_abort_algorithm",
    "report_exception",
    "resolve",
    "respond_to_current_byob_request",
    "room_without_a_byob_reader",
    "run_a_task",
    "set_up_readable_stream",
    "set_up_readable_stream_with_byte_reading_support",
    "set_up_reader",
    "set_up_transform_stream",
    "set_up_writable_stream",
    "set_up_writer",
    "signal_of_writable_stream",
    "stored_error_of",
    "tee_readable_stream",
    "terminate_transform_stream",
    "upon",
    "write_a_chunk",
    "write_algorithm_at_the_end_of_the_pipe",
]
