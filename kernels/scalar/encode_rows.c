#include "encode_rows.h"

MOULT_DEFINE_ENCODE_U8_ROWS(scalar, scalar, scalar)
MOULT_DEFINE_CENTRE_SUMS(scalar)
