/// Moult's CPU kernels: one table of functions per instruction-set level (ISA).
///
/// Rules that hold for every kernel:
///  - vectors, codes, planes and rows may have any alignment; gather lists and results (`out`, `high`,
///    `low`) have their natural one; lengths may be any number, 0 included;
///  - kernels allocate nothing, check nothing and keep no state: the caller has checked;
///  - integer kernels return the same bits on every ISA; float kernels state their error bound;
///  - a `_rows` kernel scores one query against many rows: row i starts at
///    `rows + (size_t)(indices ? indices[i] : i) * stride`, `stride` in BYTES; with a gather list
///    the rows ahead are prefetched.
#ifndef MOULT_KERNELS_H
#define MOULT_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Instruction-set levels, lowest first. A level is used only where every feature it needs is
/// offered by the processor and enabled by the operating system.
typedef enum moult_isa {
  MOULT_ISA_SCALAR = 0,
  MOULT_ISA_NEON = 1,    ///< AArch64, with the dot-product and the int8 matrix extension where they are offered
  MOULT_ISA_AVX2 = 2,    ///< AVX2, FMA, F16C, POPCNT
  MOULT_ISA_AVXVNNI = 3, ///< AVX2 and AVX-VNNI: 256-bit integer dot products without AVX-512
  MOULT_ISA_AVX512 = 4,  ///< AVX-512 F, BW, VL, DQ, VNNI, VBMI, VPOPCNTDQ; BF16 where it is offered
  MOULT_ISA_AMX = 5,     ///< AVX-512 and AMX tiles (int8, bf16), where the system grants them
} moult_isa;

/// A run of dimensions whose codes are `bits` wide. Codes stand for signed levels, −128 … 127.
///
/// Dimensions come in segments of 32; a segment takes `4·bits` bytes of a row, and its dimensions are taken
/// four at a time, eight *groups* a segment. Which four dimensions group g (0 … 7) has, for byte b (0 … 3):
///
///     bits 8      4g + b             byte 4g + b of the segment is the code
///     bits 4, 5   8(g/2) + 2b + g%2  the low four bits: natural order, low nibble first
///     bits 2, 3   16(g/4) + 4b + g%4 the low two bits: natural order, low bits first
///     bits 1      8b + g             natural order
///
/// The high bit of 3- and 5-bit codes lies in the segment's last 4 bytes: bit g of byte b belongs to byte b
/// of group g.
typedef struct moult_zone {
  uint32_t segments;
  uint32_t bits;          ///< 1, 2, 3, 4, 5 or 8
  const uint8_t *levels;  ///< 2^bits levels, each + 128; NULL with 8 bits: the code itself is level + 128
} moult_zone;

/// Codes of many vectors, for scans: the *head* of every row, some or all of its zones, in blocks of 16
/// vectors without horizontal sums; the rest, the *tail*, row by row.
///
/// A block is `lines` cache lines, then factor f32[16], then additive f32[16]. A line holds the same 4 bytes
/// of the head of 16 rows: line w is word w of each. Blocks are 64-byte aligned and follow each other. Rows
/// that pad the last block have a NaN as additive and are never found; their tails are never read.
typedef struct moult_blocks {
  const uint8_t *bytes;
  const moult_zone *zones;  ///< of the head
  size_t zone_count;
  size_t lines;   ///< Σ segments·bits of the head's zones
  size_t groups;  ///< Σ 8·segments of the head's zones; 8 … 8192
  const uint8_t *tails;  ///< row i at tails + i·tail_stride, in the format of a row
  size_t tail_stride;
  const moult_zone *tail_zones;
  size_t tail_zone_count;  ///< 0: the head is all there is
} moult_blocks;

/// A query of a scan.
///
///     sum1  = first_bias + Σ first[j]·(level[j] + 128)    over the head
///     sum2  = second_bias + Σ second[j]·(level[j] + 128)  over the tail; without tail zones over the head
///             once more, with a finer limb of the query; 0 when `second` is NULL
///     score = additive + factor·(scale·sum1 + offset + second_scale·sum2)
///
/// Stage one keeps a vector where `additive + factor·(scale·sum1 + offset + slack) ≥ bar`; stage two, where
/// `second` is not NULL, keeps of those the ones where `score ≥ bar`. Sums are exact. The float arithmetic
/// is not fused and in this order: t = scale·sum1 + offset; then t + slack, or t + second_scale·sum2; then
/// factor·t + additive. A NaN is never kept.
///
/// `first` (and `second` over the head) are in *block order*: 4 bytes a group, groups in order. `second` over
/// the tail is in *row order*: with F = 8, 4, 2, 1 groups a word (1; 2 and 3; 4 and 5; 8 bits), group g of
/// segment s of a zone stands at the zone's 4-byte place (g%F)·(8/F)·segments + s·(8/F) + g/F; zones follow
/// each other.
typedef struct moult_scan_query {
  const int8_t *first;
  const int8_t *second;
  int32_t first_bias, second_bias;
  float scale, second_scale, offset, slack, bar;
} moult_scan_query;

typedef struct moult_scan_hit {
  uint32_t query;
  uint32_t row;  ///< 16·block + lane, from block 0 of the blocks on
  float score;   ///< without slack; without stage two from sum1 alone
} moult_scan_hit;

/// What `scan_blocks` needs as scratch: decoded levels and queries, both padded to whole tiles, and sums.
static inline size_t moult_scan_scratch_bytes(size_t groups, size_t block_count, size_t query_count) {
  return 64 * (groups + 8) * block_count + 4 * (groups + 16) * ((query_count + 31) / 32 * 32) + 8192;
}

/// What `encode_levels` needs of one width.
typedef struct moult_levels {
  uint32_t bits;            ///< 1, 2, 3, 4, 5 or 8
  const float *thresholds;  ///< 2^bits − 1, ascending; NULL with 8 bits
  const int8_t *levels;     ///< 2^bits; NULL with 8 bits
} moult_levels;

/// How encode_u8_rows turns vectors into codes.
typedef struct moult_u8_coder {
  size_t dimension;  ///< 1 … 65 536
  int normalizes;    ///< not 0: vectors are scaled to unit length first
  int streams;       ///< not 0: a hint that codes are not read soon and need not come into the caches
  const float *centre;
  float lower, inverse_step;  ///< as in encode_u8; inverse_step positive
  const int8_t *high, *low;   ///< two limbs of a query as in dot_u8_i8x2_rows; NULL both where not wanted
} moult_u8_coder;

/// What encode_u8_rows found out about a vector. With `normalizes` the vector is v·f, f = 1/√(Σv²) rounded to
/// float; f = 0 unless 10⁻⁷⁰ < Σv² < 10⁷⁰: such a vector has to be scaled in double by the caller.
typedef struct moult_u8_row {
  double given_square;     ///< Σv[j]², v as given; 0 without `normalizes`
  double square;           ///< Σ of the squares of what is encoded; 0 without limbs
  uint32_t offset_square;  ///< Σ(code[j] − 128)²
  int32_t high, low;       ///< Σ code[j]·limb[j]; 0 without limbs
} moult_u8_row;

/// A query for guides, coarse records of `lines` cache lines (1 or 2) each, 64-byte aligned: cells of two bits,
/// and in the last 8 bytes factor and additive, two floats. Cell p of byte b is its bits 2p and 2p + 1.
typedef struct moult_guide_query {
  /// 64-byte aligned: for each line 4 × 64, the weight of cell p of byte b at p·64 + b; 0 for the last 8 bytes
  /// of a record.
  const int8_t *weights;
  size_t lines;
  float scale, offset;
} moult_guide_query;

typedef struct moult_kernels {
  moult_isa isa;

  /// Σ a[i]·b[i]. Error: |result − exact| ≤ dimension · 2⁻²⁴ · Σ|a[i]·b[i]|.
  float (*dot_f32)(const float *a, const float *b, size_t dimension);
  /// Σ (a[i] − b[i])². Error: ≤ (dimension + 2) · 2⁻²⁴ · Σ(a[i] − b[i])².
  float (*squared_l2_f32)(const float *a, const float *b, size_t dimension);
  /// out[i] = Σ query[j]·row_i[j]. Same bound as dot_f32, and the same bits as dot_f32 of the same ISA.
  void (*dot_f32_rows)(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                       size_t count, size_t dimension, float *out);
  /// out[i] = Σ (query[j] − row_i[j])². Same bits as squared_l2_f32 of the same ISA.
  void (*squared_l2_f32_rows)(const float *query, const void *rows, size_t stride,
                              const uint32_t *indices, size_t count, size_t dimension, float *out);

  /// Σ a[i]·b[i] over unsigned bytes. dimension ≤ 65 536 (255²·65 536 < 2³²). Exact.
  uint32_t (*dot_u8)(const uint8_t *a, const uint8_t *b, size_t dimension);
  /// Two limbs of one query against unsigned rows: high[i] = Σ row_i[j]·query_high[j], low[i] likewise.
  /// dimension ≤ 65 536 (255·128·65 536 < 2³¹). Exact.
  void (*dot_u8_i8x2_rows)(const int8_t *query_high, const int8_t *query_low, const void *rows,
                           size_t stride, const uint32_t *indices, size_t count, size_t dimension,
                           int32_t *high, int32_t *low);

  /// out[i] = number of bits in which row i differs from the query, of `bytes` bytes each; bytes ≤ 2²⁸. Exact.
  void (*hamming_rows)(const uint8_t *query, const void *rows, size_t stride, const uint32_t *indices,
                       size_t count, size_t bytes, uint32_t *out);

  /// ⟨row bits, query⟩ for an unsigned integer query given as bit planes:
  /// out[i] = Σ_p 2^p · popcount(row_i & plane_p), plane p at `planes + p·bytes`, least significant
  /// first. `bytes` is a multiple of 8; plane_count 1 … 8; bytes ≤ 2²⁰. Exact.
  void (*bit_plane_dot_rows)(const uint8_t *planes, size_t plane_count, const void *rows, size_t stride,
                             const uint32_t *indices, size_t count, size_t bytes, uint32_t *out);

  /// In-place Walsh–Hadamard transform scaled by 1/√count; count a power of two (1 included).
  /// Orthonormal; error ≤ (log2(count) + 1) · 2⁻²³ · ‖values‖ in each entry, as long as √count · ‖values‖
  /// does not overflow. The order of additions is fixed: same bits on every ISA.
  void (*hadamard_f32)(float *values, size_t count);

  /// IEEE binary16 ↔ binary32; widening is exact, narrowing rounds to nearest, ties to even; infinities,
  /// denormals and NaN (any NaN stays a NaN) are kept. Same bits on every ISA (NaN payloads aside).
  void (*f16_to_f32)(const uint16_t *source, float *target, size_t count);
  void (*f32_to_f16)(const float *source, uint16_t *target, size_t count);
  /// bfloat16 ↔ binary32, likewise.
  void (*bf16_to_f32)(const uint16_t *source, float *target, size_t count);
  void (*f32_to_bf16)(const float *source, uint16_t *target, size_t count);

  /// Scalar quantization: code[i] = clamp(round_half_even((values[i] − lower) · inverse_step), 0, 255);
  /// returns Σ code[i]. Finite input. The product and difference are rounded separately (no fusing), so
  /// every ISA writes the same codes.
  uint64_t (*encode_u8)(const float *values, float lower, float inverse_step, uint8_t *codes, size_t count);
  /// Sign bits: bit i%8 of codes[i/8] = values[i] > 0. Writes ⌈count/8⌉ bytes, unused bits 0.
  void (*encode_signs)(const float *values, uint8_t *codes, size_t count);

  /// Writes 16 vectors' rows as `lines` lines of a block: line w = bytes 4w … 4w+3 of each row. Bytes from
  /// `bytes` on and rows from `count` (1 … 16) on are 0. The target is 64-byte aligned.
  void (*interleave_block)(const void *rows, size_t stride, size_t count, size_t bytes, size_t lines,
                           uint8_t *block);
  /// Scans the blocks `first_block ..< first_block + block_count` for all queries, see moult_blocks and
  /// moult_scan_query; writes what is kept to `hits` (room for 16·block_count·query_count) in any order and
  /// returns how many. `scratch`: 64-byte aligned, moult_scan_scratch_bytes, contents of no meaning.
  /// Callers pass a few blocks at a time (4 for batches) so that decoded levels stay in the first-level
  /// cache. Queries whose `first` are equally far apart save AMX a copy, best with a distance of whole cache
  /// lines. Scores are the same bits on every ISA.
  size_t (*scan_blocks)(const moult_blocks *blocks, size_t first_block, size_t block_count,
                        const moult_scan_query *queries, size_t query_count, void *scratch,
                        moult_scan_hit *hits);
  /// out[i] = Σ query[j]·(level[j] + 128) over the codes of row i; `query` in row order. Exact. Rows are
  /// Σ 4·segments·bits bytes.
  void (*level_dot_rows)(const moult_zone *zones, size_t zone_count, const int8_t *query, const void *rows,
                         size_t stride, const uint32_t *indices, size_t count, int32_t *out);

  /// Codes of one zone: code[j] = number of thresholds ≤ values[j]·scale, packed as moult_zone tells;
  /// with 8 bits: clamp(round_half_even(values[j]·scale), −127, 127) + 128. count a multiple of 32.
  /// *dot = Σ values[j]·level[j], summed in 16 lanes (j%16; product and sum rounded separately), the lanes
  /// then folded 8, 4, 2, 1; *square = Σ level[j]². Finite input; same bytes and sums on every ISA.
  void (*encode_levels)(const float *values, float scale, size_t count, const moult_levels *levels,
                        uint8_t *codes, float *dot, int64_t *square);
  /// The four rounds of the FWHT-Kac rotation in place (Swift's RandomRotation explains it): signs is 4 ×
  /// dimension/64 words, a set bit flips; dimension a multiple of 64. Same bits on every ISA.
  void (*rotate_kac_f32)(float *values, const uint64_t *signs, size_t dimension);
  /// target[j] = values[j] − centre[j]; the target may be either of them.
  void (*subtract_f32)(const float *values, const float *centre, float *target, size_t count);
  /// target[j] = values[j]·factor; the target may be the values.
  void (*scale_f32)(const float *values, float factor, float *target, size_t count);

  /// Σ values[j]² and Σ a[j]·b[j] in double: 32 lanes (j%32), folded 16, 8, 4, 2, 1. Same bits on every ISA
  /// (products of floats are exact in double).
  double (*sum_of_squares_f32)(const float *values, size_t count);
  double (*dot_f32_f64)(const float *a, const float *b, size_t count);
  /// Σ (a[j] − b[j])² likewise; difference, square and sum rounded separately.
  double (*squared_l2_f32_f64)(const float *a, const float *b, size_t count);
  /// encode_signs of finite values, and in the same pass Σ|values[j]| and Σ values[j]² in double, summed as
  /// above. Same bits on every ISA.
  void (*encode_signs_sums)(const float *values, uint8_t *codes, size_t count, double *absolute,
                            double *square);

  /// Rows of binary16 and bfloat16: the same bits as the f32 kernel of this ISA on the widened row.
  void (*dot_f16_rows)(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                       size_t count, size_t dimension, float *out);
  void (*squared_l2_f16_rows)(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                              size_t count, size_t dimension, float *out);
  void (*dot_bf16_rows)(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                        size_t count, size_t dimension, float *out);
  void (*squared_l2_bf16_rows)(const float *query, const void *rows, size_t stride, const uint32_t *indices,
                               size_t count, size_t dimension, float *out);

  /// target[j] = values[j]·factor − centre[j], product and difference rounded separately; *largest =
  /// max|target[j]|. Returns Σ target[j]² in double: sixteen lanes (j%16), folded 8, 4, 2, 1. Finite input and
  /// results. Same bits on every ISA.
  double (*centre_f32)(const float *values, float factor, const float *centre, float *target, size_t count,
                       float *largest);

  /// int8 codes of `count` vectors, `stride` BYTES apart, into contiguous codes: encode_u8 of the vectors, of
  /// unit length where the coder says so, less the centre. `scratch` is of `dimension` floats. Squares are
  /// summed up in double like sum_of_squares_f32. Finite input; after scaling and centring too. Same bytes and
  /// sums on every ISA.
  void (*encode_u8_rows)(const moult_u8_coder *coder, const float *rows, size_t stride, size_t count,
                         float *scratch, uint8_t *codes, moult_u8_row *out);
  /// target[j] = values[j]·factor − centre[j], product and difference rounded separately; the target may be the
  /// values. Returns Σ target[j]², *along = Σ target[j]·centre[j], both summed like dot_f32_f64; with NULL as
  /// `along` neither, and 0. Finite input and results. Same bits on every ISA.
  double (*centre_sums_f32)(const float *values, float factor, const float *centre, float *target,
                            size_t count, double *along);

  /// Inner products of bfloat16 vectors with sums of float32:
  /// out[q·out_stride + 16·b + lane] = Σ query_q[j]·row[j], row number `lane` of block b, j = 0 … 2·lines − 1.
  ///
  /// Query q is at `queries + q·query_stride`; strides are in entries. A block is `lines` lines of 64 bytes, line
  /// w entries 2w and 2w + 1 of 16 rows, as interleave_block writes rows of bfloat16 (an odd dimension is
  /// filled up with a zero, in the query too). lines ≤ 32 768. Finite numbers and results.
  /// Error: ≤ 2·lines·2⁻²⁴·Σ|query[j]·row[j]|, where entries, products and sums below 2⁻¹²⁶ may count as 0. The
  /// order of additions is the level's; a query's results do not depend on the other queries and rows.
  void (*dot_bf16_blocks)(const uint16_t *queries, size_t query_stride, size_t query_count,
                          const void *blocks, size_t lines, size_t block_count, float *out,
                          size_t out_stride);

  /// Sums of table entries for rows by their sketches: the byte of row r (0 … 63) of chunk c in line g, at
  /// chunks[(c·lines + g)·64 + r], of which only the low six bits count, is an index into query q's table of
  /// that line, at tables + (q·lines + g)·64. Lines are added in order; a sum that leaves −128 … 127 stays at
  /// that end for the next line. Bit r of masks[q·chunk_count + c] is set where the sum ≥ bars[q]. Chunks and
  /// tables are 64-byte aligned. Exact.
  void (*scan_sketches)(const uint8_t *chunks, size_t lines, size_t chunk_count, const int8_t *tables,
                        const int8_t *bars, size_t query_count, uint64_t *masks);

  /// scores[i] = factor·(scale·Σ weight·cell + offset) + additive of record indices[i]; the sum exact, each float
  /// operation rounded by itself. Same bits on every ISA.
  void (*guide_score_rows)(const moult_guide_query *query, const void *records, const uint32_t *indices,
                           size_t count, float *scores);

  /// Rows through a matrix: out[r·outputs + o] = Σ matrix[o][j]·row_r[j], j = 0 … inputs − 1, a chain of fused
  /// multiply-adds: sum = fma(row_r[j], matrix[o][j], sum), from 0 and from input 0 on.
  ///
  /// The matrix is in blocks of 16 outputs, 64-byte aligned, as interleave_block writes rows of floats: line j of
  /// block b has the entries of outputs 16·b … 16·b + 15 with input j, zeros where there is no such output. Rows are
  /// `stride` BYTES apart; `out` overlaps nothing.
  /// Error: ≤ inputs·2⁻²⁴·(1 + inputs·2⁻²⁴)·Σ|matrix[o][j]·row_r[j]|, short of overflow. Same bits on every ISA, for
  /// any number of rows, and those of `map_rows` in device_abi.h.
  void (*map_rows_f32)(const float *blocks, size_t inputs, size_t outputs, const float *rows, size_t stride,
                       size_t count, float *out);
} moult_kernels;

/// The table of the best level this machine offers, or of the level that the environment variable
/// MOULT_ISA names, as moult_kernels_named explains; decided once, thread-safe.
const moult_kernels *moult_kernels_best(void);

/// The table that a name (scalar | neon | avx2 | avxvnni | avx512 | amx) stands for. A level that is not
/// offered gives the best one below it, at worst scalar. NULL and names that are not known give the best
/// level.
const moult_kernels *moult_kernels_named(const char *name);

/// The table of one level, or NULL when this machine or this build does not offer it.
const moult_kernels *moult_kernels_for(moult_isa isa);

/// "scalar", "neon", "avx2", "avxvnni", "avx512", "amx".
const char *moult_isa_name(moult_isa isa);

/// Prefetch hint for reading, no effect on results.
static inline void moult_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

/// Gives Debian's OpenBLAS 0.3.21 the right kernels: on processors it does not know it falls back to
/// SSE3 code (a quarter of the speed). Must run before any other thread uses BLAS. Looks the library's
/// functions up at run time, so any CBLAS links. Also sets BLAS to one thread (Moult has its own pool).
/// Honours OPENBLAS_CORETYPE when the user has set it. Returns the name of the core now in use, or
/// "unknown" for a library that is not OpenBLAS. Static storage; safe to call again.
const char *moult_blas_select_core(void);

#ifdef __cplusplus
}
#endif
#endif
