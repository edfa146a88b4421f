"""§6.4 Abstract operations: https://streams.spec.whatwg.org/#ts-all-abstract-ops"""
