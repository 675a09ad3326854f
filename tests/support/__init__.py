"""What tests share: real services, one hospital per test file, callers with tokens."""
