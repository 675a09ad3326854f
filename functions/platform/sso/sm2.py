"""SM2 signatures with SM3 (GB/T 32918.2, GM/T 0009), verified by the OpenSSL that Python's own TLS stands on.

The library `cryptography` reads certificates of SM2 and computes nothing with them; OpenSSL has the algorithm.
Only its public functions are called, nothing of the algorithm is written here. An installation whose OpenSSL was built
without SM2 (some distributions leave it out) says so, and such signatures are refused instead of being waved through.
"""

import ctypes
import ctypes.util
from functools import lru_cache
from typing import Any

DEFAULT_ID = b"1234567812345678"
"""The signer's identity all certificates and controls use (GM/T 0009 no. 10)."""
RAW_BYTES = 64
_P, _I, _Z = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "d2i_X509": (_P, [_P, _P, ctypes.c_long]),
    "X509_get_pubkey": (_P, [_P]),
    "X509_free": (None, [_P]),
    "EVP_PKEY_free": (None, [_P]),
    "EVP_MD_CTX_new": (_P, []),
    "EVP_MD_CTX_free": (None, [_P]),
    "EVP_PKEY_CTX_new": (_P, [_P, _P]),
    "EVP_PKEY_CTX_free": (None, [_P]),
    "EVP_PKEY_CTX_set1_id": (_I, [_P, ctypes.c_char_p, _I]),
    "EVP_MD_CTX_set_pkey_ctx": (None, [_P, _P]),
    "EVP_sm3": (_P, []),
    "EVP_DigestVerifyInit": (_I, [_P, _P, _P, _P, _P]),
    "EVP_DigestVerify": (_I, [_P, ctypes.c_char_p, _Z, ctypes.c_char_p, _Z]),
    "ERR_clear_error": (None, []),
}


class Sm2Missing(Exception):
    """The OpenSSL of this installation knows no SM2."""


def verified(certificate: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the key of a certificate (DER) has signed a message; the signature as DER or as r and s, 32 bytes each.

    False for a wrong signature, one that is none, and a certificate that has no SM2 key. Raises Sm2Missing.
    """
    lib = _openssl()
    if len(signature) == RAW_BYTES:
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        half = RAW_BYTES // 2
        signature = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
    start = ctypes.c_char_p(certificate)
    paper = lib.d2i_X509(None, ctypes.byref(start), len(certificate))
    key = lib.X509_get_pubkey(paper) if paper else None
    digest = lib.EVP_MD_CTX_new() if key else None
    own = lib.EVP_PKEY_CTX_new(key, None) if digest else None
    try:
        if not own:
            return False
        # The identity goes in before the digest starts: it is hashed together with the key.
        if lib.EVP_PKEY_CTX_set1_id(own, DEFAULT_ID, len(DEFAULT_ID)) != 1:
            return False
        lib.EVP_MD_CTX_set_pkey_ctx(digest, own)
        if lib.EVP_DigestVerifyInit(digest, None, lib.EVP_sm3(), None, key) != 1:
            return False
        return bool(lib.EVP_DigestVerify(digest, signature, len(signature), message, len(message)) == 1)
    finally:
        lib.EVP_MD_CTX_free(digest)
        lib.EVP_PKEY_CTX_free(own)
        lib.EVP_PKEY_free(key)
        lib.X509_free(paper)
        lib.ERR_clear_error()


@lru_cache(maxsize=1)
def _openssl() -> Any:
    for name in ("libcrypto.so.3", ctypes.util.find_library("crypto")):
        try:
            lib = ctypes.CDLL(name) if name else None
            if lib is None:
                continue
            for function, (answers, takes) in _FUNCTIONS.items():
                getattr(lib, function).restype = answers
                getattr(lib, function).argtypes = takes
        except (OSError, AttributeError):
            continue
        return lib
    raise Sm2Missing
