"""The content of a record: a typed message as one range-coded bit string. docs/air-format.md section 5."""
