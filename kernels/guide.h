/// The float arithmetic of a guide's score, the same for all levels.
#ifndef MOULT_GUIDE_H
#define MOULT_GUIDE_H

#include <string.h>

#include "scan.h"

/// What becomes of the sum of a guide; no operation is fused with another.
static inline float moult_guide_score(const moult_guide_query *query, int32_t sum, float factor,
                                       float additive) {
#pragma clang fp contract(off)
  return factor * (query->scale * (float)sum + query->offset) + additive;
}

#endif
