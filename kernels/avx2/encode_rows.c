#if defined(__x86_64__)

#include "encode_rows.h"

MOULT_DEFINE_ENCODE_U8_ROWS(avx2, avx2, avx2)
MOULT_DEFINE_CENTRE_SUMS(avx2)

#endif
