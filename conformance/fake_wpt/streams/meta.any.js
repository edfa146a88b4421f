// META: title=What comments ask for
// META: global=window,worker
// META: timeout=long
// META: script=/resources/shared.js?with=query
// META: script=beside.js
// META: variant=?1-2
// META: variant=?3-last
'use strict';

test(() => assert_equals(shared, 'of the site'), 'a script of the site was run');
test(() => assert_equals(beside, 'of the folder'), 'a script of the folder was run');
test(() => assert_equals(META_TITLE, 'What comments ask for'), 'the title is known');
test(() => assert_true(['?1-2', '?3-last'].includes(location.search)), `the variant ${location.search} is in the URL`);
test(() => assert_true(location.href.endsWith(`/streams/meta.any.js${location.search}`)), 'the location is the file');
