# SPDX-License-Identifier: Apache-2.0
#
# Writes LIBRARY.sha256: the hexadecimal SHA-256 that the Java loader compares the extracted library with.
file(SHA256 ${LIBRARY} digest)
file(WRITE ${LIBRARY}.sha256 "${digest}\n")
