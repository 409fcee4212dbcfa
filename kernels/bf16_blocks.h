/// How rows of bfloat16 lie in blocks, see dot_bf16_blocks.
#ifndef MOULT_BF16_BLOCKS_H
#define MOULT_BF16_BLOCKS_H

enum {
  MOULT_BF16_ROWS = 16,       ///< of a block
  MOULT_BF16_LINE_BYTES = 64  ///< two entries of each
};

#endif
