// The functions of the library by family, each in a file of its own; `library.cu` puts them into the table.
#ifndef MOULT_DEVICE_FAMILIES_H
#define MOULT_DEVICE_FAMILIES_H

#include "abi.h"

// exact.cu
moult_device_status cuda_hold(moult_device *device, const moult_device_rows *segments, size_t segment_count,
                              uint32_t dimension, moult_device_metric metric, moult_device_set **set);
void cuda_release(moult_device *device, moult_device_set *set);
moult_device_status cuda_exact(moult_device *device, moult_device_set *set, const float *queries, size_t query_count,
                               uint32_t k, const moult_device_stop *stop, moult_device_hit *hits, uint32_t *counts,
                               moult_device_exact_report *report);

// hamming.cu
moult_device_status cuda_hamming(moult_device *device, const uint8_t *rows, size_t stride, uint64_t count,
                                 const uint64_t *live, uint32_t bytes, const uint8_t *queries, size_t query_count,
                                 uint32_t k, const moult_device_stop *stop, moult_device_bit_hit *hits,
                                 uint32_t *counts);

// encode.cu
moult_device_status cuda_encode_levels(moult_device *device, const moult_device_level_coder *coder, const float *rows,
                                       size_t stride, uint64_t count, const moult_device_stop *stop, uint8_t *codes,
                                       float *side);
moult_device_status cuda_encode_u8(moult_device *device, const moult_device_u8_coder *coder, const float *rows,
                                   size_t stride, uint64_t count, const moult_device_stop *stop, uint8_t *codes,
                                   moult_device_u8_row *sums);

// nearest.cu
moult_device_status cuda_nearest(moult_device *device, const float *centroids, uint32_t centroid_count,
                                 uint32_t dimension, const float *vectors, uint64_t count,
                                 const moult_device_stop *stop, uint32_t *nearest);

// map_rows.cu
moult_device_status cuda_map_rows(moult_device *device, const float *matrix, uint32_t outputs, uint32_t inputs,
                                  const float *rows, size_t stride, uint64_t count, const moult_device_stop *stop,
                                  float *results);

// graph.cu
moult_device_status cuda_neighbour_lists(moult_device *device, moult_device_set *set, uint32_t degree, uint64_t seed,
                                         const moult_device_stop *stop, uint32_t *neighbours, float *scores);
moult_device_status cuda_prune(moult_device *device, moult_device_set *set, const uint32_t *neighbours,
                               uint32_t degree, uint32_t link_count, const moult_device_stop *stop, uint32_t *links);

#endif
