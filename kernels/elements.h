/// What the entries of a row are, for code that is written once for all of them.
#ifndef MOULT_ELEMENTS_H
#define MOULT_ELEMENTS_H

#include <stddef.h>

typedef enum moult_element {
  MOULT_ELEMENT_F32,
  MOULT_ELEMENT_F16,
  MOULT_ELEMENT_BF16,
} moult_element;

static inline size_t moult_element_bytes(moult_element element) {
  return element == MOULT_ELEMENT_F32 ? 4 : 2;
}

#endif
