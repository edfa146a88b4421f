"""§4.9 Abstract operations: https://streams.spec.whatwg.org/#rs-all-abstract-ops"""
