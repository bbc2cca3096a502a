// What the labels before a place in a beam spell: the word, or in byte output mode the code point,
// that the language model is asked about.
#pragma once

#include <cstdint>

#include "lm/labels.h"
#include "search/history_forest.h"

namespace stt {

// Byte output mode: label i is the byte i + 1.
uint8_t byte_of(int label);
bool continues_code_point(int label);
// Bytes of the code point that starts with this byte; 0 where none does.
uint8_t code_point_size(uint8_t lead);

// The hash (see hash_word) of the labels after the last one that is `space`, up to `node`.
uint64_t hash_word_at(const HistoryForest& forest, HistoryForest::Node node, const Labels& labels,
                      int space);
// The hash of the code point that `label` completes after the `bytes_before` bytes up to `node`.
uint64_t hash_code_point_at(const HistoryForest& forest, HistoryForest::Node node, int bytes_before,
                            int label);

}  // namespace stt
