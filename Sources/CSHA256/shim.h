// SHA-256 by the processor's own instructions, which Swift cannot name: where it has them, a digest costs a fifth.
// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: SHA256RNDS2, SHA256MSG1, SHA256MSG2.
#ifndef SAMBAND_CSHA256_SHIM_H
#define SAMBAND_CSHA256_SHIM_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

/// 1 where samband_sha256_blocks may be called.
static inline int samband_sha256_is_here(void) {
    unsigned a, b, c, d;
    // SSSE3 is bit 9 and SSE4.1 bit 19 of ECX in leaf 1, the SHA extensions bit 29 of EBX in leaf 7.
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 9)) || !(c & (1u << 19))) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29)) != 0;
}

/// Takes whole blocks of 64 bytes into the state a…h; `k` are the 64 constants. (FIPS 180-4, section 6.2.2.)
__attribute__((target("sha,sse4.1,ssse3"))) static inline void samband_sha256_blocks(
    uint32_t *state, const uint8_t *data, size_t count, const uint32_t *k) {
    const __m128i bigEndian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    // The instructions want the state as (a, b, e, f) and (c, d, g, h).
    __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(abcd, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, abcd, 0xf0);
    for (; count > 0; count--, data += 64) {
        const __m128i abefBefore = abef, cdghBefore = cdgh;
        __m128i w[4];
#pragma clang loop unroll(full)
        for (int i = 0; i < 16; i++) {
            if (i < 4) {
                w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 16 * i)), bigEndian);
            } else {
                const __m128i last = w[(i + 3) & 3];
                const __m128i middle = _mm_alignr_epi8(last, w[(i + 2) & 3], 4);
                const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]), middle);
                w[i & 3] = _mm_sha256msg2_epu32(sum, last);
            }
            __m128i wk = _mm_add_epi32(w[i & 3], _mm_loadu_si128((const __m128i *)(k + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));
        }
        abef = _mm_add_epi32(abef, abefBefore);
        cdgh = _mm_add_epi32(cdgh, cdghBefore);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

#else

static inline int samband_sha256_is_here(void) { return 0; }

static inline void samband_sha256_blocks(uint32_t *state, const uint8_t *data, size_t count, const uint32_t *k) {
    (void)state, (void)data, (void)count, (void)k;
    __builtin_trap();
}

#endif
#endif
