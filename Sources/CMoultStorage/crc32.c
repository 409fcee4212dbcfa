#include "moult_storage.h"

#include <zlib.h>

#if defined(__x86_64__)
#include <immintrin.h>

// Bytes that are folded at once: four registers, so that the multiplications of one need not wait for the others.
#define STRIDE 64

// Moves a remainder on by a distance and adds what stands there: the message is a polynomial over GF(2), and its high and
// low half times x^distance mod P are its remainder there (Gopal et al., "Fast CRC Computation for Generic Polynomials
// Using PCLMULQDQ", Intel 2009). The factors are those powers, reflected and shifted by one as reflected products are.
__attribute__((target("pclmul,sse4.1"))) static inline __m128i fold(__m128i remainder, __m128i factors, __m128i next) {
    const __m128i low = _mm_clmulepi64_si128(remainder, factors, 0x00);
    const __m128i high = _mm_clmulepi64_si128(remainder, factors, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

// Of at least one stride. Leaves the rest, less than 16 bytes, to the caller.
__attribute__((target("pclmul,sse4.1"))) static uint32_t folded(
    uint32_t checksum, const uint8_t **bytes, size_t *count) {
    // x^(512 + 32), x^(512 - 32); x^(128 + 32), x^(128 - 32): the distances of four registers and of one.
    const __m128i four = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i one = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    const uint8_t *at = *bytes;
    size_t left = *count;
    __m128i part[4];
    for (int i = 0; i < 4; i++) part[i] = _mm_loadu_si128((const __m128i *)at + i);
    // The register before the first byte is added to the first four bytes.
    part[0] = _mm_xor_si128(part[0], _mm_cvtsi32_si128((int)~checksum));
    for (at += STRIDE, left -= STRIDE; left >= STRIDE; at += STRIDE, left -= STRIDE) {
        for (int i = 0; i < 4; i++) part[i] = fold(part[i], four, _mm_loadu_si128((const __m128i *)at + i));
    }
    __m128i sum = part[0];
    for (int i = 1; i < 4; i++) sum = fold(sum, one, part[i]);
    for (; left >= 16; at += 16, left -= 16) sum = fold(sum, one, _mm_loadu_si128((const __m128i *)at));
    *bytes = at;
    *count = left;
    uint8_t rest[16];
    _mm_storeu_si128((__m128i *)rest, sum);
    // All ones for zlib is a register of zero: the first bytes have it in them already.
    return (uint32_t)crc32_z(0xFFFFFFFF, rest, sizeof rest);
}
#endif

uint32_t moult_crc32(uint32_t checksum, const void *bytes, size_t count) {
    const uint8_t *at = bytes;
    if (count == 0) return checksum;
#if defined(__x86_64__)
    if (count >= STRIDE && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
        checksum = folded(checksum, &at, &count);
    }
#endif
    return (uint32_t)crc32_z(checksum, at, count);
}
