#include "search/spelling.h"

#include <array>
#include <string>

#include "lm/ngram_model.h"

namespace stt {

uint8_t byte_of(int label) { return static_cast<uint8_t>(label + 1); }

bool continues_code_point(int label) { return (byte_of(label) & 0xc0) == 0x80; }

uint8_t code_point_size(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >> 5 == 0x06) return 2;
  if (lead >> 4 == 0x0e) return 3;
  if (lead >> 3 == 0x1e) return 4;
  return 0;
}

uint64_t hash_word_at(const HistoryForest& forest, HistoryForest::Node start, const Labels& labels,
                      int space) {
  const auto text_of = [&](HistoryForest::Node node) -> const std::string& {
    return labels.texts[static_cast<size_t>(forest.value(node))];
  };
  const auto in_word = [&](HistoryForest::Node node) {
    return node != HistoryForest::kRoot && forest.value(node) != space;
  };
  size_t length = 0;
  for (auto node = start; in_word(node); node = forest.parent(node)) length += text_of(node).size();
  std::string word(length, '\0');
  for (auto node = start; in_word(node); node = forest.parent(node)) {
    const std::string& text = text_of(node);
    length -= text.size();
    word.replace(length, text.size(), text);
  }
  return hash_word(word);
}

uint64_t hash_code_point_at(const HistoryForest& forest, HistoryForest::Node node, int bytes_before,
                            int label) {
  std::array<char, 4> bytes{};
  size_t first = bytes.size() - 1;
  bytes[first] = static_cast<char>(byte_of(label));
  for (int left = bytes_before; left > 0 && first > 0; --left, node = forest.parent(node)) {
    bytes[--first] = static_cast<char>(byte_of(forest.value(node)));
  }
  return hash_word({bytes.data() + first, bytes.size() - first});
}

}  // namespace stt
