#if defined(__aarch64__)

#include "encode_rows.h"

MOULT_DEFINE_ENCODE_U8_ROWS(neon, neon, neon)
MOULT_DEFINE_ENCODE_U8_ROWS(neon_dotprod, neon, neon_dotprod)
MOULT_DEFINE_CENTRE_SUMS(neon)

#endif
