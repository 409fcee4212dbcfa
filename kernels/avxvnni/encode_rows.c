#if defined(__x86_64__)

#include "encode_rows.h"

MOULT_DEFINE_ENCODE_U8_ROWS(avxvnni, avx2, avxvnni)

#endif
