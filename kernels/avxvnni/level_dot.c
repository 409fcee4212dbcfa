#if defined(__x86_64__)

#include "avx2/scan_shared.h"
#include "avxvnni/dpbusd.h"
#include "rows.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target(MOULT_VNNI_TARGET))), apply_to = function)

enum { STEP_WORDS = 8, GROUP = 4 };

/// All ones in the first `count` of eight lanes.
INLINE __m256i first_words(size_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count < STEP_WORDS ? (int)count : STEP_WORDS),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE int64_t word_at(const uint8_t *bytes, size_t size) {
  int64_t word = 0;
  memcpy(&word, bytes, size);
  return word;
}

/// Words of a row, and for 3 and 5 bits the word of high bits that belongs to each.
typedef struct row_words {
  __m256i fields, high;
} row_words;

/// Eight words from word `word` of a zone on; words of high bits are not counted. `left` is how many words
/// the zone has from there on; what is missing of the eight is 0 or anything, and meets zeros of the query.
INLINE row_words load_words(size_t bits, const uint8_t *zone, size_t word, size_t left) {
  if (!moult_has_high_bits(bits)) {
    const __m256i words = _mm256_maskload_epi32((const int *)(zone + 4 * word), first_words(left));
    return (row_words){words, words};
  }
  const size_t segment_words = bits - 1, segments = STEP_WORDS / segment_words;
  const size_t last = left / segment_words - 1;
  const uint8_t *part[4];
  for (size_t s = 0; s < segments; s++) {
    part[s] = zone + (word / segment_words + (s < last ? s : last)) * 4 * bits;
  }
  if (bits == 5) {
    const __m128i near = _mm_loadu_si128((const __m128i *)part[0]);
    const __m128i far = _mm_loadu_si128((const __m128i *)part[1]);
    const __m128i near_high = _mm_set1_epi32((int)word_at(part[0] + 16, 4));
    const __m128i far_high = _mm_set1_epi32((int)word_at(part[1] + 16, 4));
    return (row_words){_mm256_set_m128i(far, near), _mm256_set_m128i(far_high, near_high)};
  }
  const __m256i fields = _mm256_setr_epi64x(word_at(part[0], 8), word_at(part[1], 8), word_at(part[2], 8),
                                            word_at(part[3], 8));
  const __m256i high = _mm256_setr_epi64x(word_at(part[0] + 8, 4), word_at(part[1] + 8, 4),
                                          word_at(part[2] + 8, 4), word_at(part[3] + 8, 4));
  return (row_words){fields, _mm256_or_si256(high, _mm256_slli_epi64(high, 32))};
}

/// Adds one zone's products of a few rows to eight sums for each row; row_count is a constant.
INLINE void add_zone(size_t bits, const moult_zone *zone, const int8_t *query, const uint8_t *const *rows,
                     size_t offset, size_t row_count, __m256i *sums) {
  const level_tables tables = make_tables(bits, zone->levels);
  const size_t fields = moult_groups_per_word(bits), segment_words = MOULT_SEGMENT_GROUPS / fields;
  const size_t words = zone->segments * segment_words;
  // The high bit of field 0 of word w of a segment is bit F·w; moved up by so much, it is bit 7.
  const __m256i word_in_segment =
      _mm256_and_si256(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32((int)segment_words - 1));
  const __m256i to_bit_7 = _mm256_sub_epi32(
      _mm256_set1_epi32(7), _mm256_mullo_epi32(word_in_segment, _mm256_set1_epi32((int)fields)));
  for (size_t word = 0; word < words; word += STEP_WORDS) {
    const __m256i mask = first_words(words - word);
    row_words codes[GROUP];
    for (size_t r = 0; r < row_count; r++) codes[r] = load_words(bits, rows[r] + offset, word, words - word);
#pragma clang loop unroll(full)
    for (size_t f = 0; f < fields; f++) {
      const __m256i query_i8x32 = _mm256_maskload_epi32((const int *)(query + 4 * (f * words + word)), mask);
      const __m256i by = _mm256_sub_epi32(to_bit_7, _mm256_set1_epi32((int)f));
      for (size_t r = 0; r < row_count; r++) {
        const __m256i high = moult_has_high_bits(bits) ? _mm256_sllv_epi32(codes[r].high, by) : codes[r].high;
        sums[r] = moult_dpbusd(sums[r], decode(bits, &tables, codes[r].fields, high, f), query_i8x32);
      }
    }
  }
}

void moult_avxvnni_level_dot_rows(const moult_zone *zones, size_t zone_count, const int8_t *query,
                                  const void *rows, size_t stride, const uint32_t *indices, size_t count,
                                  int32_t *out) {
  const size_t bytes = moult_zones_bytes(zones, zone_count);
  for (size_t i = 0; i < count; i += GROUP) {
    moult_prefetch_rows(rows, stride, indices, count, i + GROUP, GROUP, bytes);
    const size_t wanted = count - i < GROUP ? count - i : GROUP;
    const uint8_t *group[GROUP];
    __m256i sums[GROUP];
    for (size_t r = 0; r < GROUP; r++) {
      // An incomplete group is filled up with its first row; nobody looks at those results.
      group[r] = moult_row(rows, stride, indices, i + (r < wanted ? r : 0));
      sums[r] = _mm256_setzero_si256();
    }
    const int8_t *part = query;
    size_t offset = 0;
    for (size_t z = 0; z < zone_count; z++) {
      if (wanted == 1) {
        MOULT_WITH_WIDTH(zones[z].bits, add_zone, &zones[z], part, group, offset, 1, sums)
      } else {
        MOULT_WITH_WIDTH(zones[z].bits, add_zone, &zones[z], part, group, offset, GROUP, sums)
      }
      offset += (size_t)4 * zones[z].segments * zones[z].bits;
      part += (size_t)zones[z].segments * 32;
    }
    const __m256i four = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]),
                                           _mm256_hadd_epi32(sums[2], sums[3]));
    const __m128i totals = _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
    int32_t results[GROUP];
    _mm_storeu_si128((__m128i *)results, totals);
    memcpy(out + i, results, wanted * sizeof *out);
  }
}

#pragma clang attribute pop

#endif
