// One pass over a row does all. The length of a row must be known before it is encoded, so it is summed up
// while the one two before it is encoded; its inverse root is then ready when its turn comes. The rows ahead
// are prefetched. So encoding is bound by arithmetic, mostly that in double, and hides the memory.

#if defined(__x86_64__)

#include "encode_rows.h"

#include <immintrin.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"))), \
                             apply_to = function)

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16, REGISTERS = 4, CHUNK = LANES * REGISTERS, HALF = CHUNK / 2, QUARTER = 4 };
enum { PREFETCHED_BYTES = 4096 };

/// Σ values² in 32 lanes. Converting four floats from memory to double costs a third of converting eight in a
/// register.
typedef struct squares {
  __m256d sums[HALF / QUARTER];
} squares;

INLINE void clear(squares *squares) {
#pragma clang loop unroll(full)
  for (size_t k = 0; k < HALF / QUARTER; k++) squares->sums[k] = _mm256_setzero_pd();
}

INLINE void add_squares(squares *squares, const float *values, __mmask64 lanes, bool is_whole) {
#pragma clang loop unroll(full)
  for (size_t k = 0; k < CHUNK / QUARTER; k++) {
    const float *const from = values + k * QUARTER;
    const __mmask8 own = (__mmask8)(lanes >> k * QUARTER & 15);
    const __m256d part = _mm256_cvtps_pd(is_whole ? _mm_loadu_ps(from) : _mm_maskz_loadu_ps(own, from));
    __m256d *const sum = &squares->sums[k % (HALF / QUARTER)];
    *sum = _mm256_fmadd_pd(part, part, *sum);
  }
}

INLINE double folded_four(__m256d four) {
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

INLINE double folded(const squares *squares) {
  __m256d sums[4];
  for (size_t k = 0; k < 4; k++) sums[k] = _mm256_add_pd(squares->sums[k], squares->sums[k + 4]);
  return folded_four(_mm256_add_pd(_mm256_add_pd(sums[0], sums[2]), _mm256_add_pd(sums[1], sums[3])));
}

INLINE __mmask64 first_lanes(size_t count) { return (1ull << count) - 1; }

static double square(const float *values, size_t dimension) {
  squares squares;
  clear(&squares);
  size_t i = 0;
  for (; i + CHUNK <= dimension; i += CHUNK) add_squares(&squares, values + i, 0, true);
  if (i < dimension) add_squares(&squares, values + i, first_lanes(dimension - i), false);
  return folded(&squares);
}

/// Sums of a row that is encoded.
typedef struct totals {
  __m512d squares[REGISTERS];
  __m512i offset_products;  ///< Σ u·(u − 128)
  __m512i codes, high, low;
} totals;

INLINE __m512d added_square(__m512d sum, __m256 values) {
  const __m512d wide = _mm512_cvtps_pd(values);
  return _mm512_fmadd_pd(wide, wide, sum);
}

/// Not below the lowest code: that is left to the saturation.
INLINE __m512i whole_code(__m512 values, __m512 centre, __m512 lower, __m512 inverse_step) {
  const __m512 offset = _mm512_sub_ps(_mm512_sub_ps(values, centre), lower);
  const __m512 scaled = _mm512_mul_ps(offset, inverse_step);
  // What is too large for an integer becomes the least one: only that end has to be clamped before.
  return _mm512_cvt_roundps_epi32(_mm512_min_ps(scaled, _mm512_set1_ps(255)),
                                  _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/// Bytes in order. Packing works in each 128 bits by itself.
INLINE __m512i packed(const __m512i codes[REGISTERS]) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i low = _mm512_packs_epi32(codes[0], codes[1]), high = _mm512_packs_epi32(codes[2], codes[3]);
  return _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high));
}

INLINE __m512 load(const float *values, size_t k, __mmask64 lanes, bool is_whole) {
  const __mmask16 own = (__mmask16)(lanes >> k * LANES);
  return is_whole ? _mm512_loadu_ps(values + k * LANES) : _mm512_maskz_loadu_ps(own, values + k * LANES);
}

INLINE __m512i load_limbs(const int8_t *limbs, __mmask64 lanes, bool is_whole) {
  return is_whole ? _mm512_loadu_si512(limbs) : _mm512_maskz_loadu_epi8(lanes, limbs);
}

typedef struct mode {
  bool normalizes, measures;
  bool streams;  ///< codes go to memory around the caches, whole lines of them
} mode;

/// Encodes up to 64 values; `mode` and `is_whole` are constants.
INLINE void encode_chunk(const moult_u8_coder *coder, const float *values, size_t at, __m512 factor,
                         uint8_t *codes, totals *totals, mode mode, __mmask64 lanes, bool is_whole) {
  const __m512 lower = _mm512_set1_ps(coder->lower), inverse_step = _mm512_set1_ps(coder->inverse_step);
  __m512i code[REGISTERS];
#pragma clang loop unroll(full)
  for (size_t k = 0; k < REGISTERS; k++) {
    __m512 part = load(values, k, lanes, is_whole);
    if (mode.normalizes) part = _mm512_mul_ps(part, factor);
    if (mode.measures) {
      __m512d *const squares = totals->squares + 2 * k % REGISTERS;
      squares[0] = added_square(squares[0], _mm512_castps512_ps256(part));
      squares[1] = added_square(squares[1], _mm512_extractf32x8_ps(part, 1));
    }
    code[k] = whole_code(part, load(coder->centre + at, k, lanes, is_whole), lower, inverse_step);
  }
  __m512i bytes = packed(code);
  if (is_whole && mode.streams) {
    _mm512_stream_si512((void *)codes, bytes);
  } else if (is_whole) {
    _mm512_storeu_si512(codes, bytes);
  } else {
    bytes = _mm512_maskz_mov_epi8(lanes, bytes);
    _mm512_mask_storeu_epi8(codes, lanes, bytes);
  }
  // Turning the highest bit takes 128 away.
  const __m512i offsets = _mm512_xor_si512(bytes, _mm512_set1_epi8(-128));
  totals->offset_products = _mm512_dpbusd_epi32(totals->offset_products, bytes, offsets);
  totals->codes = _mm512_dpbusd_epi32(totals->codes, bytes, _mm512_set1_epi8(1));
  if (!mode.measures) return;
  totals->high = _mm512_dpbusd_epi32(totals->high, bytes, load_limbs(coder->high + at, lanes, is_whole));
  totals->low = _mm512_dpbusd_epi32(totals->low, bytes, load_limbs(coder->low + at, lanes, is_whole));
}

/// The sums of the lanes of each.
INLINE __m128i folded_integers(const totals *totals) {
  const __m512i a = totals->offset_products, b = totals->codes, c = totals->high, d = totals->low;
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  const __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m256i eight = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
}

INLINE moult_u8_row finished(const totals *totals, size_t dimension, double given) {
  const __m512d *const sums = totals->squares;
  const __m512d eight = _mm512_add_pd(_mm512_add_pd(sums[0], sums[2]), _mm512_add_pd(sums[1], sums[3]));
  const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1));
  const __m128i integers = folded_integers(totals);
  const uint32_t products = (uint32_t)_mm_extract_epi32(integers, 0);
  const uint32_t codes = (uint32_t)_mm_extract_epi32(integers, 1);
  // Σ(u − 128)² = Σu·(u − 128) − 128·Σu + 128²·d.
  return (moult_u8_row){.given_square = given,
                        .square = folded_four(four),
                        .offset_square = products - 128 * codes + 16384 * (uint32_t)dimension,
                        .high = _mm_extract_epi32(integers, 2),
                        .low = _mm_extract_epi32(integers, 3)};
}

/// `mode` is a constant.
INLINE void encode_rows(const moult_u8_coder *coder, const uint8_t *rows, size_t stride, size_t count,
                        uint8_t *codes, moult_u8_row *out, mode mode) {
  const size_t dimension = coder->dimension;
  const size_t ahead = stride < PREFETCHED_BYTES ? PREFETCHED_BYTES / stride * stride : stride;
  double given = 0, next_given = 0;
  if (mode.normalizes && count > 0) given = square((const float *)rows, dimension);
  if (mode.normalizes && count > 1) next_given = square((const float *)(rows + stride), dimension);
  float factor = moult_unit_factor(given);
  for (size_t i = 0; i < count; i++, rows += stride, codes += dimension) {
    const float *const row = (const float *)rows;
    // The last rows have none two after them, and look at themselves.
    const float *const later = i + 2 < count ? (const float *)(rows + 2 * stride) : row;
    const float next_factor = mode.normalizes ? moult_unit_factor(next_given) : 0;
    const __m512 factors = _mm512_set1_ps(factor);
    squares later_squares;
    clear(&later_squares);
    totals totals;
    for (size_t k = 0; k < REGISTERS; k++) totals.squares[k] = _mm512_setzero_pd();
    totals.offset_products = totals.codes = totals.high = totals.low = _mm512_setzero_si512();
    size_t at = 0;
    for (; at + CHUNK <= dimension; at += CHUNK) {
      for (size_t k = 0; k < REGISTERS; k++) moult_prefetch(rows + ahead + (at + k * LANES) * sizeof *row);
      encode_chunk(coder, row + at, at, factors, codes + at, &totals, mode, 0, true);
      if (mode.normalizes) add_squares(&later_squares, later + at, 0, true);
    }
    if (at < dimension) {
      const __mmask64 lanes = first_lanes(dimension - at);
      for (size_t k = 0; k < REGISTERS; k++) moult_prefetch(rows + ahead + (at + k * LANES) * sizeof *row);
      encode_chunk(coder, row + at, at, factors, codes + at, &totals, mode, lanes, false);
      if (mode.normalizes) add_squares(&later_squares, later + at, lanes, false);
    }
    out[i] = finished(&totals, dimension, given);
    given = next_given;
    factor = next_factor;
    if (mode.normalizes) next_given = folded(&later_squares);
  }
  if (mode.streams) _mm_sfence();
}

#define ENCODE_ROWS(...) encode_rows(coder, (const uint8_t *)rows, stride, count, codes, out, (mode){__VA_ARGS__})

void moult_avx512_encode_u8_rows(const moult_u8_coder *coder, const float *rows, size_t stride, size_t count,
                                 float *scratch, uint8_t *codes, moult_u8_row *out) {
  (void)scratch;
  const bool streams = coder->streams && ((uintptr_t)codes | coder->dimension) % CHUNK == 0;
  switch ((coder->normalizes ? 4 : 0) + (coder->high ? 2 : 0) + streams) {
    case 0: ENCODE_ROWS(false, false, false); break;
    case 1: ENCODE_ROWS(false, false, true); break;
    case 2: ENCODE_ROWS(false, true, false); break;
    case 3: ENCODE_ROWS(false, true, true); break;
    case 4: ENCODE_ROWS(true, false, false); break;
    case 5: ENCODE_ROWS(true, false, true); break;
    case 6: ENCODE_ROWS(true, true, false); break;
    case 7: ENCODE_ROWS(true, true, true); break;
  }
}

#pragma clang attribute pop

#endif
