"""§5.5 Abstract operations: https://streams.spec.whatwg.org/#ws-all-abstract-ops"""
